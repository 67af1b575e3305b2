package main

import (
	"fmt"
	"strings"
	"testing"
)

const dailyYAML = `
pipelines:
  daily:
    input: { jsonl: { path: data, schema: { ts: timestamp, amount: int64 } } }
    processors:
      - aggregation: { event_time: ts, watermark: 1h, window: { tumbling: 24h },
          aggregates: { total: sum(amount) }%s }
    output: { csv: { path: out } }
`

// TestSecondFileOfADayIsNotLostWithoutAWord: the first run's end closes the day; what
// then becomes of the second file's rows has to be said.
func TestSecondFileOfADayIsNotLostWithoutAWord(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "p.yaml", fmt.Sprintf(dailyYAML, ""))
	write(t, "hold.yaml", fmt.Sprintf(dailyYAML, ", on_end: hold"))
	write(t, "flush.yaml", fmt.Sprintf(dailyYAML, ", on_end: flush"))
	write(t, "data/a.jsonl", `{"ts":"2026-05-01T08:00:00Z","amount":1}`+"\n")
	mustRun(t, "p.yaml")
	write(t, "data/b.jsonl", `{"ts":"2026-05-01T18:00:00Z","amount":1}`+"\n")
	code, _, stderr := run("run", "p.yaml")
	if code != 1 || !strings.Contains(stderr, "data/b.jsonl") || !strings.Contains(stderr, "on_end: hold") {
		t.Errorf("got exit %d and %s, want 1, the row and the way on", code, stderr)
	}
	if late := mustRun(t, "flush.yaml").Pipelines[0].Steps[1].Late; late != 1 {
		t.Errorf("with on_end: flush: got %d late rows, want 1", late)
	}
	code, _, stderr = run("run", "hold.yaml", "--fresh", "--yes")
	write(t, "data/c.jsonl", `{"ts":"2026-05-02T18:00:00Z","amount":1}`+"\n")
	if mustRun(t, "hold.yaml"); code != 0 {
		t.Errorf("got exit %d: %s", code, stderr)
	}
	if days := readCSV(t, "out", "window_start", "window_end", "total"); len(days) != 1 || days[0][2] != "2" {
		t.Errorf("with on_end: hold, after a row of the next day: got %v, want a day of both files", days)
	}
}

// TestEmptyPartitionsDoNotHoldNightlyRunsForEver: the first run names them, the next
// ones find them empty again.
func TestEmptyPartitionsDoNotHoldNightlyRunsForEver(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "fill.yaml", `
defaults: { broker: { partitions: 4 } }
pipelines:
  fill:
    input: { jsonl: { path: days, schema: { t: timestamp, shop: string } } }
    output: { redpanda: { topic: t, key: shop } }
`)
	write(t, "report.yaml", `
defaults: { broker: { partitions: 4 } }
pipelines:
  report:
    input: { redpanda: { topic: t, schema: { t: timestamp, shop: string } } }
    processors:
      - aggregation: { event_time: t, watermark: 0s, window: { tumbling: 1h }, aggregates: { n: count() } }
    output: { csv: { path: out } }
`)
	for day := 1; day <= 3; day++ {
		var rows strings.Builder
		for hour := range 3 {
			fmt.Fprintf(&rows, `{"t":"2026-01-0%dT%02d:00:00Z","shop":"paris"}`+"\n", day, hour)
		}
		write(t, fmt.Sprintf("days/%d.jsonl", day), rows.String())
		mustRun(t, "fill.yaml")
		step := mustRun(t, "report.yaml", "--until", "now").Pipelines[0].Steps[1]
		if n := len(step.Waiting); n != map[bool]int{true: 3}[day == 1] {
			t.Errorf("day %d: windows wait for %v", day, step.Waiting)
		}
	}
	if out := readCSV(t, "out", "window_start", "window_end", "n"); len(out) != 8 {
		t.Errorf("got %d windows, want all 9 but the newest", len(out))
	}
}
