package main

import (
	"fmt"
	"time"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
)

// startup is what a run of a few rows takes from the start to the end of the process.
func startup(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.data("tickets", 600, 0)
	if err != nil {
		return s, err
	}
	if err := b.build("engine", "hand", "duck"); err != nil {
		return s, err
	}
	version := measure.Contestant{Name: "engine version", Program: func() measure.Program {
		return measure.Program{Path: b.tools["engine"], Args: []string{"version"}}
	}}
	contestants := []measure.Contestant{
		b.engine("engine", fullJob("jsonl: {path: "+in+", schema: ticket}")), version,
		b.hand("by hand, 2 workers", "-in", in), b.duck("duckdb", formulations(in)[0].sql)}
	series, err := measure.Rounds(b.ctx, 3*b.runs, contestants, b.log)
	if err != nil {
		return s, err
	}
	t := page.Table{Head: []string{"program", "wall ms", "from–to", "CPU ms", "peak MB"}}
	for _, c := range contestants {
		r := series[c.Name]
		m := r.Median()
		low, high := r.Spread()
		t.Rows = append(t.Rows, []string{c.Name, millis(m.Wall), millis(low) + "–" + millis(high), millis(m.CPU),
			megabytes(m.Peak)})
	}
	s.Tables = []page.Table{t}
	s.Texts = []string{"The whole job over 600 tickets, four outputs, from the start to the end of the process."}
	return s, nil
}

// trickle is what a slow stream costs: the CPU time of a longer run less that
// of a shorter one, so that start and end do not count.
func trickle(b *bench) (page.Section, error) {
	var s page.Section
	if err := b.build("engine"); err != nil {
		return s, err
	}
	const rate, short, long = 1000, 60, 180
	job := func(length int) string {
		return fmt.Sprintf(`checkpoint_interval: 10s
pipelines:
  job:
    input:
      ticket_generator: {count: %d, rate: %d, seed: 1}
    output:
      - csv: {path: out/raw_csv}
      - parquet: {path: out/raw_parquet}
      - label: per_minute
        processors:
          - aggregation:
              event_time: created_at
              watermark: 10s
              window: {tumbling: 1m}
              group_by: [type, priorite]
              aggregates: {tickets: count(), clients: approx_count_distinct(client_id)}
        output:
          - csv: {path: out/report_csv}
          - parquet: {path: out/report_parquet}
`, rate*length, rate)
	}
	contestants := []measure.Contestant{b.engine("short", job(short)), b.engine("long", job(long))}
	var used [2]measure.Usage // once: two minutes are a long time
	for i, c := range contestants {
		b.log("a slow stream: " + c.Name)
		var err error
		if used[i], _, err = measure.Run(b.ctx, c.Program()); err != nil {
			return s, err
		}
		if err := c.Clean(); err != nil {
			return s, err
		}
	}
	shorter, longer := used[0], used[1]
	core := (longer.CPU - shorter.CPU).Seconds() / (longer.Wall - shorter.Wall).Seconds()
	row := float64((longer.CPU - shorter.CPU).Microseconds()) / (rate * (long - short))
	s.Tables = []page.Table{{Head: []string{"seconds", "wall s", "CPU s", "peak MB"}, Rows: [][]string{
		{fmt.Sprint(short), seconds(shorter.Wall), seconds(shorter.CPU), megabytes(shorter.Peak)},
		{fmt.Sprint(long), seconds(longer.Wall), seconds(longer.CPU), megabytes(longer.Peak)}}}}
	s.Texts = []string{fmt.Sprintf("%s tickets a second from the generator through the report-and-archive job,"+
		" epochs of 10 s. From the shorter to the longer run: %.1f %% of a core, %.1f µs a row.", grouped(rate),
		100*core, row)}
	s.Targets = []page.Target{{What: "CPU at 1,000 rows a second", Want: "< 3 % of a core",
		Got: percent(core), Reached: core < 0.03}}
	return s, nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.0f", float64(d.Microseconds())/1000) }
