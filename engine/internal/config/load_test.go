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
