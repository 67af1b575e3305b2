package csv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

func TestSourceKeepsTheContract(t *testing.T) {
	sdktest.Source(t, Source, `{"path":"in","schema":`+ticketSchema+`}`, sdktest.Options{
		Prepare: func(t testing.TB, env *sdk.Env) {
			dir := filepath.Join(env.Dir, "in")
			must(t, os.Mkdir(dir, 0o777))
			head, row := "id,client,at,text,n,x,j\n", "A,B,2026-01-01T00:00:00Z,\"a \"\"text\"\"\n\",1,0.5,{}\n"
			for name, text := range map[string]string{"a.csv": head + strings.Repeat(row, 5000),
				"b.csv": head + row + "bad\n" + row, "c.csv": head, "d.csv": ""} {
				must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
			}
		},
	})
}

func TestSinkKeepsTheContract(t *testing.T) {
	for _, compression := range []string{"none", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			sdktest.Sink(t, Sink, `{"path":"out","compression":"`+compression+`"}`, sdktest.Options{
				Input: []*sdk.Batch{{Rows: rows(t, someTickets...), Partition: "a"},
					{Rows: rows(t, someTickets...), Partition: "b"}},
				Read: func(t testing.TB, env sdk.Env) []string {
					if len(contents(t, filepath.Join(env.Dir, "out"))) == 0 {
						return nil
					}
					s, err := source(t, env.Dir, `"path":"out"`, nil)
					must(t, err)
					lines, rejected, err := read(t, s)
					if err != nil || len(rejected) > 0 {
						t.Fatalf("reading the output: %q, %v", rejected, err)
					}
					return lines
				},
			})
		})
	}
}
