package config

import (
	"fmt"
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

func TestMainJobIsRead(t *testing.T) {
	f := mustLoad(t, Options{LookupEnv: env("TICKETS", "500")}, tickets)
	want := []string{`ticket_generator ticket_generator pipelines.generate.input.ticket_generator {"count":"500","span":"1h","disorder":"5s"}
→ redpanda
redpanda redpanda pipelines.generate.output.redpanda {"brokers":"","topic":"client_tickets"}
`, `redpanda redpanda pipelines.report.input.redpanda {"brokers":"","topic":"client_tickets","schema":"ticket"}
→ csv
csv csv pipelines.report.output.0.csv {"path":"output/tickets/csv"}
→ parquet
parquet parquet pipelines.report.output.1.parquet {"path":"output/tickets/parquet"}
→ per_minute
aggregation aggregation pipelines.report.output.2.processors.0.aggregation {"event_time":"created_at","watermark":"10s","window":{"tumbling":"1m"},"group_by":["type","priorite"],"aggregates":{"tickets":"count()","clients":"approx_count_distinct(client_id)"}}
csv_2 csv pipelines.report.output.2.output.0.csv {"path":"output/tickets_per_minute/csv"}
parquet_2 parquet pipelines.report.output.2.output.1.parquet {"path":"output/tickets_per_minute/parquet"}
`}
	if len(f.Pipelines) != len(want) {
		t.Fatalf("got %d pipelines, want %d", len(f.Pipelines), len(want))
	}
	for i, p := range f.Pipelines {
		if got := describe(p); got != want[i] {
			t.Errorf("pipeline %s: got\n%s\nwant\n%s", p.Name, got, want[i])
		}
	}
	if got := f.Pipelines[1].CheckpointInterval; got != 3*time.Second {
		t.Errorf("checkpoint_interval of report: got %v, want 3s", got)
	}
	if got := f.Pipelines[0].CheckpointInterval; got != DefaultCheckpointInterval {
		t.Errorf("checkpoint_interval of generate: got %v, want the default", got)
	}
	if got, want := string(f.Schemas.Get("ticket").JSON()), `{"ticket_id":"string","client_id":"string","created_at":"timestamp","demande":"string","type":"string","priorite":"string"}`; got != want {
		t.Errorf("schema: got %s, want %s", got, want)
	}
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
		{"huge", []string{"huge.yaml"}, "huge.yaml: want at most 4 MiB of YAML, got 4"},
		{"all of them, with what can be said of the rest", []string{"good.yaml", "missing.yaml", "bad.yaml", "folder"},
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
	f := mustLoad(t, Options{}, "state_dir: /var/x\ncheckpoint_interval: 1m\nhttp: 127.0.0.1:80\n"+wrap("x:", "1"))
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
	if s.Plugin != "in" || string(s.Schema.JSON()) != `{"a":"string"}` || s.Schema.Pos().String() != "a.yaml:4:15" {
		t.Errorf("got %s, %s at %s", s.Plugin, s.Schema.JSON(), s.Schema.Pos())
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
		for _, at := range p.places() {
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

func TestMendedFilesAreReadToTheirEnd(t *testing.T) {
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
		t.Errorf("behind the mend: got %s, want the column as written", got)
	}
}
