package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
)

const stepResources = `
cache_resources:
  - {label: seen_a, memory: {}}
  - {label: seen_b, memory: {}}
rate_limit_resources:
  - {label: plenty, local: {count: 1000000, interval: 1s}}
processor_resources:
  - {label: twice, mapping: 'root.id = this.id * 2'}
  - {label: counted, mapping: 'root.n = batch_size()'}
`

// stepCase is a line of steps.txt: processors, each with the columns behind it or
// without.
type stepCase struct{ processors, schemas []string }

func stepCases(t *testing.T) []stepCase {
	t.Helper()
	text, err := os.ReadFile("testdata/benthos/steps.txt")
	if err != nil {
		t.Fatal(err)
	}
	var cases []stepCase
	for line := range strings.Lines(string(text)) {
		var c stepCase
		for _, step := range strings.Split(strings.TrimSpace(line), " ;; ") {
			processor, schema, _ := strings.Cut(step, " => ")
			c.processors, c.schemas = append(c.processors, processor), append(c.schemas, schema)
		}
		cases = append(cases, c)
	}
	return cases
}

// inBenthos is what Benthos's own stream makes of the rows.
func (c stepCase) inBenthos(t *testing.T, number int) []string {
	t.Helper()
	out := fmt.Sprintf("benthos-%d.txt", number)
	var processors []string
	for i, processor := range c.processors {
		processors = append(processors, processor)
		if c.schemas[i] != "" { // rows have the declared columns only
			var project []string
			for column := range strings.SplitSeq(strings.Trim(c.schemas[i], "{}"), ", ") {
				name, _, _ := strings.Cut(column, ":")
				project = append(project, fmt.Sprintf("%q: this.%s", name, name))
			}
			processors = append(processors, "{mapping: 'root = {"+strings.Join(project, ", ")+"}'}")
		}
	}
	b := service.NewStreamBuilder()
	err := b.SetYAML("logger: {level: OFF}\ninput: {file: {paths: [in.jsonl], scanner: {lines: {}}}}\n" +
		"pipeline:\n  threads: 1\n  processors:\n    - " + strings.Join(processors, "\n    - ") +
		"\noutput: {file: {path: " + out + ", codec: lines}}\n" + stepResources)
	if err != nil {
		t.Fatalf("%v: %v", c.processors, err)
	}
	s, err := b.Build()
	if err != nil {
		t.Fatalf("%v: %v", c.processors, err)
	}
	if err := s.Run(t.Context()); err != nil {
		t.Fatalf("%v: %v", c.processors, err)
	}
	text, err := os.ReadFile(out)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(text), "\n"), func(l string) bool { return l == "" })
}

// TestStepsGiveWhatBenthosGives: metadata, batches and resources, byte for byte,
// against Benthos's own stream. All cases are pipelines of one run.
func TestStepsGiveWhatBenthosGives(t *testing.T) {
	cases := stepCases(t)
	if len(cases) < 60 {
		t.Fatalf("got %d cases, want at least 60", len(cases))
	}
	t.Chdir(t.TempDir())
	write(t, "in.jsonl", `{"id":1,"n":10,"name":"a"}
{"id":2,"n":20,"name":"b"}
{"id":3,"n":30,"name":"a"}
{"id":4,"n":40,"name":"c"}
{"id":5,"n":50,"name":"b"}
`)
	config := stepResources + "pipelines:\n"
	for i, c := range cases {
		config += fmt.Sprintf("  p%d:\n    input: {jsonl: {path: in.jsonl, schema: {id: int64, n: int64, name: string}}}\n"+
			"    processors:\n", i)
		for at, processor := range c.processors {
			if c.schemas[at] != "" {
				processor = strings.TrimSuffix(processor, "}") + ", schema: " + c.schemas[at] + "}"
			}
			config += "      - " + processor + "\n"
		}
		config += fmt.Sprintf("    output: {jsonl: {path: out%d}}\n", i)
	}
	write(t, "p.yaml", config)
	mustRun(t, "p.yaml")
	for i, c := range cases {
		got, want := readLines(t, filepath.Join(".", fmt.Sprintf("out%d", i))), c.inBenthos(t, i)
		got = slices.DeleteFunc(got, func(l string) bool { return l == "" }) // a file without rows
		// Benthos's messages have metadata of its file input, ours have none.
		if strings.Contains(c.processors[0], "metadata().keys().sort()") {
			want = slices.Repeat([]string{`{"t":""}`}, 5)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\ngot\n%s\nwant\n%s", strings.Join(c.processors, " ;; "), strings.Join(got, "\n"),
				strings.Join(want, "\n"))
		}
	}
}
