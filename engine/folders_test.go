package main

import (
	"os"
	"strings"
	"testing"
)

func TestTwoOutputsMeetAtTheEndOfALink(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Symlink("o", "o2"); err != nil {
		t.Fatal(err)
	}
	write(t, "p.yaml", "pipelines:\n  p:\n    input: {ticket_generator: {count: 50}}\n    output:\n"+
		"      - csv: {path: o}\n      - csv: {path: o2}\n")
	code, _, stderr := run("run", "p.yaml")
	want := "p.yaml:6:9: pipelines.p.output.1.csv: writes to the same folder as pipelines.p.output.0.csv " +
		"(p.yaml:5:9) (give each output a folder of its own)"
	if code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, %q; want %q", code, stderr, want)
	}
}

const renamed = "pipelines:\n  NAME:\n    input: {jsonl: {path: in.jsonl, schema: {i: int64}}}\n" +
	"    output: {csv: {path: o, null_value: none}}\n"

func TestRenamedPipelineDoesNotWriteItsRowsAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in.jsonl", strings.Repeat("{\"i\": 1}\n", 50))
	write(t, "p.yaml", strings.Replace(renamed, "NAME", "old", 1))
	mustRun(t, "p.yaml")
	write(t, "p.yaml", strings.Replace(renamed, "NAME", "new", 1))
	for _, args := range [][]string{{"run", "p.yaml"}, {"run", "p.yaml", "--fresh", "--yes"}} {
		code, _, stderr := run(args...)
		for _, want := range []string{"p.yaml:4:14: pipelines.new.output.csv: opening the folder ",
			"-0001.csv of pipeline old, which readers could not tell from those of pipeline new; " +
				"go on under the name old, "} {
			if code != 1 || !strings.Contains(stderr, want) {
				t.Errorf("%v: exit %d, %q; want %q", args, code, stderr, want)
			}
		}
	}
	if got := len(readCSV(t, "o", "i")); got != 50 {
		t.Errorf("got %d rows, want the 50 of the old name", got)
	}
	mustRun(t, "p.yaml", "--adopt")
	mustRun(t, "p.yaml") // they were accepted for good
	if got := len(readCSV(t, "o", "i")); got != 100 {
		t.Errorf("adopted: got %d rows, want those of both names", got)
	}
}
