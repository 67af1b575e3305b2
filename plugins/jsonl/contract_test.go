package jsonl

import (
	"strings"
	"testing"
)

func TestPluginsKeepTheContract(t *testing.T) {
	row := `{"id":"A","at":"2026-01-01T00:00:00Z","text":"a \"text\"\n","n":1,"x":0.5,"j":{}}` + "\n"
	format.Contract(t, map[string]string{"a.jsonl": strings.Repeat(row, 5000),
		"b.ndjson": row + "bad\n" + row, "c.jsonl": "\n", "d.jsonl": ""}, someTickets)
}
