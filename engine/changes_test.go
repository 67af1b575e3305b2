package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins"
	"etlengine/plugins/sdk"
)

// TestFilesOfTwoLayoutsAreNotMixed changes a config between two runs, each of
// which has a file to read.
func TestFilesOfTwoLayoutsAreNotMixed(t *testing.T) {
	const made, way = "the output made 1 file in o with ", ": undo the change, choose another path, or run with --fresh"
	tests := []struct{ name, output, columns, then, thenColumns, refused, kept string }{
		{"columns swapped", "csv: {path: o, header: false}", "k: string, t: string",
			"csv: {path: o, header: false}", "t: string, k: string",
			made + "the order of columns k, t, now t, k" + way, ""},
		{"columns swapped that have names", "csv: {path: o}", "k: string, t: string",
			"csv: {path: o}", "t: string, k: string", "", "the order of columns k, t, now t, k"},
		{"a column that becomes a folder", "parquet: {path: o}", "k: string, t: string",
			"parquet: {path: o, partition_by: [k]}", "k: string, t: string",
			made + `partition_by left out, now ["k"]; column k string, now left out` + way, ""},
		{"another type", "parquet: {path: o}", "k: int64, t: string", "parquet: {path: o}", "k: string, t: string",
			made + "column k int64, now string" + way, ""},
		{"another delimiter", "csv: {path: o}", "k: string, t: string",
			"csv: {path: o, delimiter: ;}", "k: string, t: string", made + `delimiter left out, now ";"` + way, ""},
		{"no header any more", "csv: {path: o}", "k: string, t: string",
			"csv: {path: o, header: false}", "k: string, t: string", made + "header left out, now false" + way, ""},
		{"another null", "csv: {path: o}", "k: string, t: string",
			"csv: {path: o, null_value: none}", "k: string, t: string", made + `null_value left out, now "none"` + way, ""},
		{"defaults written out", "csv: {path: o}", "k: string, t: string",
			`csv: {path: o, delimiter: ",", header: true, partition_by: []}`, "k: string, t: string", "", ""},
		{"another compression", "jsonl: {path: o}", "k: string, t: string",
			"jsonl: {path: o, compression: gzip}", "k: string, t: string", "", `compression left out, now "gzip"`},
		{"another folder", "csv: {path: o}", "k: string, t: string",
			"csv: {path: new, delimiter: ;, null_value: none}", "t: string", "", `was="csv folder:o" is="csv folder:new"`},
		{"another format", "csv: {path: o}", "k: string, t: string",
			"parquet: {path: o}", "k: string, t: string", "", "csv folder:o"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			config := func(output, columns string) {
				write(t, "p.yaml", "pipelines:\n  p:\n    input:\n      csv: {path: in, header: false, schema: {"+columns+
					"}}\n    output:\n      "+output+"\n    dead_letters:\n      jsonl: {path: dead}\n")
			}
			write(t, "in/1.csv", "1,2\n")
			config(test.output, test.columns)
			mustRun(t, "p.yaml")
			before := dataFiles(t)
			write(t, "in/2.csv", strings.Join([]string{"3", "4"}[:strings.Count(test.thenColumns, ":")], ",")+"\n")
			config(test.then, test.thenColumns)
			code, _, stderr := run("run", "p.yaml")
			stderr = strings.ReplaceAll(stderr, `\"`, `"`)
			if (code == 0) != (test.refused == "") || !strings.Contains(stderr, test.refused+test.kept) {
				t.Fatalf("exit %d, %q; want %q", code, stderr, test.refused+test.kept)
			}
			if test.refused+test.kept == "" && strings.Contains(stderr, "changed") {
				t.Errorf("nothing has changed, got %q", stderr)
			}
			if after := dataFiles(t); (code != 0) != slices.Equal(before, after) {
				t.Errorf("exit %d; before %v, after %v", code, before, after)
			}
		})
	}
}

// dataFiles are the files below the folder, but for those of the state and inputs.
func dataFiles(t *testing.T) (files []string) {
	t.Helper()
	for _, pattern := range []string{"*/part.*", "*/*/part.*", ".*.engine/*/*/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// uncompared are the keys of inputs and outputs whose change is neither compared with
// the record nor logged: what is read or filled, which has an entry of its own in the
// record; what the generator's cursor compares; and what no row depends on.
var uncompared = map[string][]string{
	"csv": {"path"}, "jsonl": {"path"}, "parquet": {"path"},
	"redpanda":         {"brokers", "tls", "sasl", "topic", "start", "partitions"},
	"ticket_generator": {"seed", "start", "span"},
}

// TestEveryKeyOfInputsAndOutputsIsCompared: a change of a key without state:"…"
// would go unseen.
func TestEveryKeyOfInputsAndOutputsIsCompared(t *testing.T) {
	for _, p := range plugins.Builtin() {
		if p.Kind != sdk.KindSource && p.Kind != sdk.KindSink {
			continue
		}
		for _, f := range p.Fields {
			if compared := f.Keep || f.Layout; compared == slices.Contains(uncompared[p.Name], f.Name) {
				t.Errorf("%s (%s): %s: compared is %v", p.Name, p.Kind, f.Name, compared)
			}
		}
	}
}

// TestOutputAtAnotherPathLeavesTheFirstAlone: its files stay, the new ones go to
// the other folder, and the one that was is known when it comes back.
func TestOutputAtAnotherPathLeavesTheFirstAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	config := func(output string) {
		write(t, "p.yaml", "pipelines:\n  p:\n    input:\n      csv: {path: in, header: false, "+
			"schema: {k: string}}\n    output:\n      "+output+"\n")
	}
	for i, path := range []string{"a", "b", "a"} {
		write(t, fmt.Sprintf("in/%d.csv", i), path+"\n")
		config("csv: {path: " + path + ", null_value: none}")
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
	config("csv: {path: b, header: false, null_value: none}")
	if code, _, stderr := run("run", "p.yaml"); code == 0 || !strings.Contains(stderr, "made 1 file in b with header") {
		t.Errorf("back in b with another layout: exit %d, %q", code, stderr)
	}
}
