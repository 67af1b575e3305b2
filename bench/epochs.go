package main

import (
	"fmt"
	"os"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
)

// epochsJob archives the rows as Parquet and reports them, with an epoch every
// so often. Epochs begin short and double, up to this.
func epochsJob(folder, every string) string {
	return `checkpoint_interval: ` + every + `
pipelines:
  job:
    input:
      jsonl: {path: ` + folder + `, schema: ticket}
    output:
      - parquet: {path: out/raw_parquet}
      - label: per_minute
        processors:
          - ` + indented(reportStep, 10) + `
        output:
          - csv: {path: out/report_csv}
          - parquet: {path: out/report_parquet}
schemas:
  ticket: ` + ticketSchema + "\n"
}

func epochs(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	if err := b.build("engine"); err != nil {
		return s, err
	}
	folder, err := b.copied(in)
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(folder)
	contestants := []measure.Contestant{b.engine("hardly any", epochsJob(folder, "1h")),
		b.engine("10 s", epochsJob(folder, "10s")), b.engine("1 s", epochsJob(folder, "1s"))}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return s, err
	}
	none := series["hardly any"]
	t := page.Table{Head: headed("epochs of", "wall more", "CPU more")}
	more := map[string]float64{}
	for _, c := range contestants {
		r := series[c.Name]
		more[c.Name] = r.Ratio(none) - 1
		row := append([]string{c.Name}, cells(r)...)
		t.Rows = append(t.Rows, append(row, percent(more[c.Name]), percent(r.CPURatio(none)-1)))
	}
	s.Tables = []page.Table{t}
	s.Texts = []string{fmt.Sprintf("%s rows: the file is read %d times over, as %d partitions; rows go to"+
		" Parquet, the report to CSV and Parquet. The first epoch ends after 200 ms and each takes twice as"+
		" long as the one before, up to the interval: “hardly any” is an interval of an hour.",
		grouped(int64(b.rows)*copies), copies, copies)}
	s.Targets = []page.Target{
		{What: "cost of epochs of 10 s", Want: "< 5 %", Got: percent(more["10 s"]),
			Reached: more["10 s"] < 0.05},
		{What: "cost of epochs of 1 s", Want: "< 15 %", Got: percent(more["1 s"]),
			Reached: more["1 s"] < 0.15},
	}
	return s, nil
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
