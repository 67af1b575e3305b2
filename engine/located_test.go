package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAFailedRowNamesItsLineWhicheverStepFails(t *testing.T) {
	const mixed = `at: timestamp, name: string`
	tests := []struct{ name, schema, steps, output, want string }{
		{"derive", mixed, "- derive: { x: '10 / size(name)' }", "", "derive: row in/a.jsonl:4: x: division by zero: "},
		{"filter", mixed, "- filter: 10 / size(name) > 0", "", "filter: row in/a.jsonl:4: the condition: division by zero: "},
		{"select", mixed, "- select: { keep: [name], cast: { name: int64 } }", "", `select: row in/a.jsonl:1: name: `},
		{"behind others", mixed, "- filter: at != null\n      - select: [name]\n      - derive: { x: '10 / size(name)' }", "",
			"derive: row in/a.jsonl:4: x: division by zero: "},
		{"aggregation", mixed, "- filter: size(name) > 0\n      - aggregation: { event_time: at, watermark: 1s, " +
			"window: { tumbling: 1m }, aggregates: { n: count() } }", "",
			"processors.1.aggregation: row in/a.jsonl:3: at: want an event time, got null: "},
		{"Benthos", mixed, "- mapping: 'root = if this.name == \"\" { throw(\"no name\") }'\n        schema: { name: string }",
			"", "mapping: row in/a.jsonl:4: "},
		{"a branch", mixed, "", "output:\n      - csv: { path: other }\n      - processors: [ { derive: { x: '10 / size(name)' } } ]\n" +
			"        output: { csv: { path: out } }", "derive: row in/a.jsonl:4: x: division by zero: "},
		{"a sink", mixed, "- derive: { k: 'name == \"b\" ? \"" + strings.Repeat("x", 300) + "\" : name' }",
			"output: { csv: { path: out, partition_by: [k] } }",
			"csv: row in/a.jsonl:2: k: want a value whose folder has a name of at most 255 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "in/a.jsonl", `{"at":"2026-01-01T00:00:00Z","name":"a"}
{"at":"2026-01-01T00:00:00Z","name":"b"}
{"at":null,"name":"c"}
{"at":"2026-01-01T00:00:00Z","name":""}
`)
			output := test.output
			if output == "" {
				output = "output: { jsonl: { path: out } }"
			}
			steps := test.steps
			if steps != "" {
				steps = "processors:\n      " + steps + "\n    "
			}
			write(t, "p.yaml", fmt.Sprintf("pipelines:\n  p:\n    input: { jsonl: { path: in, schema: { %s } } }\n    %s%s\n",
				test.schema, steps, output))
			code, _, stderr := run("run", "p.yaml", "-q")
			if code != 1 || !strings.Contains(stderr, test.want) || strings.Contains(stderr, "_position") {
				t.Errorf("exit %d, want 1 and %q\n%s", code, test.want, stderr)
			}
			if strings.Count(stderr, "p.yaml:") != 1 {
				t.Errorf("want the step that failed and no other\n%s", stderr)
			}
		})
	}
}
