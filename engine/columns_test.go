package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lines are those of all files of an output.
func lines(t *testing.T, glob string) []string {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	slices.Sort(all)
	return all
}

func TestEngineColumnInGroupByIsInTheResult(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a.jsonl", `{"t":"2026-01-01T00:00:00Z"}`+"\n")
	write(t, "in/b.jsonl", strings.Repeat(`{"t":"2026-01-01T00:00:00Z"}`+"\n", 2))
	write(t, "p.yaml", `pipelines:
  p:
    input: { jsonl: { path: in, schema: { t: timestamp }, metadata: [path, line] } }
    processors:
      - aggregation: { event_time: t, watermark: 1h, window: { tumbling: 1h }, group_by: [_path], aggregates: { n: count() } }
      - filter: n > 0
    output:
      - jsonl: { path: out }
      - jsonl: { path: kept, keep_metadata: true }
      - csv: { path: parts, partition_by: [_path] }
      - label: mapped
        processors:
          - select: { rename: { path: _path }, drop: [window_start, window_end] }
        output: { jsonl: { path: selected } }
`)
	for range 2 { // an unchanged config goes on over its own files
		mustRun(t, "p.yaml")
	}
	want := []string{
		`{"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T01:00:00Z","_path":"in/a.jsonl","n":1}`,
		`{"window_start":"2026-01-01T00:00:00Z","window_end":"2026-01-01T01:00:00Z","_path":"in/b.jsonl","n":2}`}
	for _, folder := range []string{"out", "kept"} {
		if got := lines(t, folder+"/*.jsonl"); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", folder, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	wantPart := []string{"2026-01-01T00:00:00Z,2026-01-01T01:00:00Z,2", "window_start,window_end,n"}
	if got := lines(t, "parts/_path=in%2Fb.jsonl/*.csv"); !slices.Equal(got, wantPart) {
		t.Errorf("by folders: got %q, want %q", got, wantPart)
	}
	selected := []string{`{"n":1,"path":"in/a.jsonl","_path":"in/a.jsonl"}`, `{"n":2,"path":"in/b.jsonl","_path":"in/b.jsonl"}`}
	if got := lines(t, "selected/*.jsonl"); !slices.Equal(got, selected) {
		t.Errorf("selected: got %q, want %q", got, selected)
	}
}

func TestOnlyMetadataThatWasAskedForIsWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a.jsonl", `{"a":1}`+"\n"+`{"a":0}`+"\n"+`{"a":"é"}`+"\n"+"{\"a\":\"\xe9\"}\n")
	write(t, "p.yaml", `pipelines:
  p:
    input: { jsonl: { path: in, schema: { a: int64 }, metadata: [path, line] } }
    processors:
      - derive: { b: '10 / a' }
    output: { jsonl: { path: out, keep_metadata: true } }
    dead_letters: { csv: { path: dead } }
`)
	mustRun(t, "p.yaml")
	want := []string{`{"a":1,"_path":"in/a.jsonl","_line":1,"b":10}`}
	if got := lines(t, "out/*.jsonl"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	header := []string{"at", "pipeline", "step", "reason", "partition", "position", "raw", "row", "key", "raw_bytes"}
	var got []string
	for _, row := range readCSV(t, "dead", header...) {
		got = append(got, strings.Join(row[5:], "|"))
	}
	slices.Sort(got)
	want = []string{`2||{"a":0,"_path":"in/a.jsonl","_line":2}||`, `3|{"a":"é"}|||`, `4||||eyJhIjoi6SJ9`}
	if !slices.Equal(got, want) {
		t.Errorf("dead letters: got %q, want %q", got, want)
	}
}
