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
	want := "p.yaml:6:9: pipelines.p.output.1.csv: opening the folder o2: it is the folder of output csv of " +
		"pipeline p, path o, too; give each output a folder of its own"
	if code != 1 || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, %q; want %q", code, stderr, want)
	}
}
