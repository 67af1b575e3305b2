package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestOutputAtAnotherPathLeavesTheFirstAlone: its files stay, and the
// new ones go to the other folder.
func TestOutputAtAnotherPathLeavesTheFirstAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	config := func(output string) {
		write(t, "p.yaml", "pipelines:\n  p:\n    input:\n      csv: {path: in, header: false, "+
			"schema: {k: string}}\n    output:\n      "+output+"\n")
	}
	for i, path := range []string{"a", "b", "a"} {
		write(t, fmt.Sprintf("in/%d.csv", i), path+"\n")
		config("csv: {path: " + path + "}")
		mustRun(t, "p.yaml")
	}
	for path, want := range map[string]string{"a": "a a", "b": "b"} {
		var got []string
		for _, row := range readCSV(t, path, "k") {
			got = append(got, row[0])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", path, got, want)
		}
	}
}
