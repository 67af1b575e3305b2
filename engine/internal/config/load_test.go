package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const tickets = `# Support tickets through Redpanda into windowed reports.
defaults:
  redpanda:
    brokers: ${REDPANDA_BROKERS:}

pipelines:
  generate:
    input:
      ticket_generator:
        count: ${TICKETS:100000}
        span: 1h
        disorder: 5s
    output:
      redpanda: { topic: client_tickets }

  report:
    checkpoint_interval: 3s
    input:
      redpanda: { topic: client_tickets, schema: ticket }
    output:
      - csv:     { path: output/tickets/csv }
      - parquet: { path: output/tickets/parquet }
      - label: per_minute
        processors:
          - aggregation:
              event_time: created_at
              watermark: 10s
              window: { tumbling: 1m }
              group_by: [type, priorite]
              aggregates:
                tickets: count()
                clients: approx_count_distinct(client_id)
        output:
          - csv:     { path: output/tickets_per_minute/csv }
          - parquet: { path: output/tickets_per_minute/parquet }

schemas:
  ticket:
    ticket_id: string
    client_id: string
    created_at: timestamp
    demande: string
    type: string
    priorite: string
`

func describe(p *Pipeline) string {
	var b strings.Builder
	step := func(s *Step) {
		fmt.Fprintf(&b, "%s %s %s %s\n", s.Label, s.Plugin, s.Path, s.Config.JSON())
	}
	step(p.Input)
	for _, s := range p.Processors {
		step(s)
	}
	for _, o := range p.Outputs {
		fmt.Fprintf(&b, "→ %s\n", o.Label)
		for _, s := range o.Processors {
			step(s)
		}
		for _, s := range o.Steps {
			step(s)
		}
	}
	return b.String()
}

// TestMainJobIsRead compares with a golden file: label, plugin, path and config
// of every step in the order of the file.
func TestMainJobIsRead(t *testing.T) {
	golden, err := filepath.Abs("testdata/tickets.golden")
	if err != nil {
		t.Fatal(err)
	}
	f := mustLoad(t, Options{LookupEnv: env("TICKETS", "500")}, tickets)
	var got strings.Builder
	for _, p := range f.Pipelines {
		fmt.Fprintf(&got, "%s, every %v\n%s", p.Name, p.CheckpointInterval, describe(p))
	}
	for i, name := range f.Schemas.Keys() {
		fmt.Fprintf(&got, "%d %s %s\n", i, name, f.Schemas.Get(name).JSON())
	}
	compare(t, golden, got.String())
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "good.yaml", wrap("x:", "1"))
	write(t, "bad.yaml", "pipelinez: {}\nx: 1\nx: 2\n")
	write(t, "huge.yaml", "# "+strings.Repeat("x", maxFileBytes))
	mkdir(t, "folder")
	tests := []struct {
		name  string
		paths []string
		want  string
	}{
		{"none", nil, "no file is named (name a YAML file)"},
		{"missing", []string{"missing.yaml"}, "missing.yaml: there is no such file"},
		{"a folder", []string{"folder"}, "folder: want a YAML file, got a folder (name the files in it)"},
		{"huge", []string{"huge.yaml"}, "huge.yaml: want at most 1048576 bytes of YAML, got more (is it a data file?)"},
		{"all of them, with what can be said of the rest",
			[]string{"good.yaml", "missing.yaml", "bad.yaml", "folder"},
			"missing.yaml: there is no such file\n" +
				"bad.yaml:3:1: x: this key is there twice, first on line 2 (remove one of them)\n" +
				"folder: want a YAML file, got a folder (name the files in it)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, problems := Load(Options{Paths: test.paths})
			var got []string
			for _, p := range problems {
				got = append(got, p.Error())
			}
			if text := strings.Join(got, "\n"); text != test.want {
				t.Errorf("got\n%s\nwant\n%s", text, test.want)
			}
			if f == nil || f.Root.Kind() != Map {
				t.Errorf("the file: got %v, want one with a root", f)
			}
		})
	}
}

func TestUnreadableFileIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	name := strings.Repeat("x", 300) // too long for any file system
	_, problems := Load(Options{Paths: []string{name}})
	if len(problems) != 1 || problems[0].Code != "file-unreadable" || problems[0].File != name {
		t.Errorf("got %v, want file-unreadable", problems)
	}
}

func TestSettings(t *testing.T) {
	settings := "state_dir: /var/x\ncheckpoint_interval: 1m\nhttp: 127.0.0.1:80\n"
	f := mustLoad(t, Options{}, settings+wrap("x:", "1"))
	if f.StateDir != "/var/x" || f.CheckpointInterval != time.Minute || f.HTTP != "127.0.0.1:80" {
		t.Errorf("got %s, %v, %s", f.StateDir, f.CheckpointInterval, f.HTTP)
	}
	f = mustLoad(t, Options{}, wrap("x:", "1"))
	if f.StateDir != ".engine" || f.CheckpointInterval != 10*time.Second || f.HTTP != "" {
		t.Errorf("defaults: got %s, %v, %q", f.StateDir, f.CheckpointInterval, f.HTTP)
	}
}

func TestSchemaBesideAStep(t *testing.T) {
	f := mustLoad(t, Options{}, `pipelines:
  p:
    input:
      schema: { a: string }
      in: { schema: inner }
    output:
      out: {}
`)
	s := f.Pipelines[0].Input
	got := fmt.Sprintf("%s %s %s", s.Plugin, s.Schema.JSON(), s.Schema.Pos())
	if want := `in {"a":"string"} a.yaml:4:15`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(s.Config.JSON()); got != `{"schema":"inner"}` {
		t.Errorf("config: got %s, want its own schema left alone", got)
	}
	if f.Pipelines[0].Outputs[0].Steps[0].Schema != nil {
		t.Error("a step without a schema has one")
	}
}

func TestLabelsAreUnique(t *testing.T) {
	f := mustLoad(t, Options{}, `pipelines:
  p:
    input: { csv: {} }
    processors:
      - { label: csv_2, filter: x }
      - filter: y
    output:
      - csv: {}
      - processors: [ { filter: z } ]
        output: [ { csv: {} }, { label: last, csv: {} } ]
      - processors: [ { filter: z } ]
        output: { csv: {} }
  q:
    input: { csv: {} }
    output: { csv: {} }
`)
	var got []string
	for _, p := range f.Pipelines {
		for _, at := range p.targets() {
			got = append(got, *at.label)
		}
	}
	want := "csv csv_2 filter csv_3 branch filter_2 csv_4 last branch_2 filter_3 csv_5 csv csv_2"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	if got := f.Pipelines[0].Outputs[0].Label; got != "csv_3" {
		t.Errorf("a plain output: got %s, want its step's label", got)
	}
}

func TestFixedFilesAreReadToTheirEnd(t *testing.T) {
	f, problems := load(t, Options{LookupEnv: env("T", "tickets")}, `pipelines:
  p:
    input: { in: { topic: ${T}, n: 1 } }
    output: { out: { path: *.csv } }
`)
	if len(problems) != 2 {
		t.Errorf("got %v, want two problems", problems)
	}
	p := f.Pipelines[0]
	if got := string(p.Input.Config.JSON()); got != `{"topic":"tickets","n":1}` {
		t.Errorf("got %s, want the value as it was meant", got)
	}
	if got := p.Input.Config.Locate("n", true).String(); got != "a.yaml:3:33" {
		t.Errorf("behind the fix: got %s, want the column as written", got)
	}
}

// TestHostileFilesEndSoon would run into the test's timeout if anything took
// the square of a file's size.
func TestHostileFilesEndSoon(t *testing.T) {
	const n = 10_000
	var keys strings.Builder
	for i := range n / 4 {
		fmt.Fprintf(&keys, "key_%d: string\n", i)
	}
	for name, text := range map[string]string{
		"many keys":          keys.String(),
		"brackets":           "x: [" + strings.Repeat("(, ", n) + "]\n",
		"deep":               strings.Repeat("[", n),
		"broken lines":       strings.Repeat("a: b: c\n", n),
		"broken at the end":  keys.String() + "x: *\n",
		"one quote":          "x: \"" + strings.Repeat("a b c\n", n),
		"missing variables":  "x: \"" + strings.Repeat("${A} ", n) + "\"\n",
		"wrong variables":    "x: |\n" + strings.Repeat("  ${-A}\n", n),
		"the same key":       strings.Repeat("a: b\n", n),
		"a long broken line": "x: { a: " + strings.Repeat("f(x, y), ", n) + "}\n",
		"steps on a line":    "pipelines: { p: { output: [ " + strings.Repeat("{csv: {}},", n/2) + "]}}\n",
		"fixed, then broken": "x: { a: ${B} }\n" + strings.Repeat("y: *\n", n),
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := load(t, Options{}, text)
			if len(problems) == 0 || len(problems) > maxProblems {
				t.Errorf("got %d problems, want 1 to %d", len(problems), maxProblems)
			}
		})
	}
}

func TestGoodFilesRaiseNoAlarm(t *testing.T) {
	for _, value := range []string{
		"{ a: f(x), b: g(y) }", "f(x, y) # a comment (with brackets)", "f(x) # (open",
		"{ smile: ':)' }", "http://example.org:80/a,b", "{ url: http://example.org:80/a }", "a (b",
		"{ a: b(c }",
		"C:\\data", "12:30", "-1", "- a", "a # b", "it's", `say "x"`, "{ a: , b: }", "priorite == \"high\"",
		"|\n          { a: ${X:y}\n          *.csv: [\n          f(a, b\n", "'# ,: {'", "? a",
	} {
		if value == "- a" || value == "? a" {
			value = "\n          " + value
		}
		_, problems := load(t, Options{}, wrap("x:", value))
		for _, p := range problems {
			t.Errorf("%s: %v", value, p)
		}
	}
}
