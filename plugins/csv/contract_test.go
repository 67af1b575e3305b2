package csv

import (
	"strings"
	"testing"
)

func TestPluginsKeepTheContract(t *testing.T) {
	head, row := "id,client,at,text,n,x,j\n", "A,B,2026-01-01T00:00:00Z,\"a \"\"text\"\"\n\",1,0.5,{}\n"
	format.Contract(t, map[string]string{"a.csv": head + strings.Repeat(row, 5000),
		"b.csv": head + row + "bad\n" + row, "c.csv": head, "d.csv": ""}, someTickets)
}
