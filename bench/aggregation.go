package main

import (
	"strings"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/verify"
)

// reportJob is the aggregation alone.
func reportJob(input string) string {
	return `checkpoint_interval: 10s
pipelines:
  job:
    input:
      ` + input + `
    processors:
      - ` + indented(reportStep, 6) + `
    output:
      csv: {path: out/report_csv}
schemas:
  ticket: {client_id: string, created_at: timestamp, type: string, priorite: string, duration_ms: int64}
`
}

func aggregation(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	if err := b.build("engine", "hand", "duck"); err != nil {
		return s, err
	}
	j, err := newVerifier(b, in)
	if err != nil {
		return s, err
	}
	engine := b.engine("engine", reportJob("jsonl: {path: "+in+", schema: ticket}"))
	hand := func(name, workers string) measure.Contestant {
		return j.checking(b.hand(name, "-in", in, "-workers", workers, "-archive=false"), sketched,
			where{reportCSV: b.folder(name) + "/report.csv"}, false)
	}
	source := verify.JSON(in, "client_id", "created_at", "type", "priorite", "duration_ms")
	duck := func(name, report string) measure.Contestant {
		sql := "COPY (" + report + " FROM " + source + " GROUP BY ALL) TO 'RESULTS/report.csv' (HEADER true)"
		return j.checking(b.duck(name, sql), duckSketched, where{reportCSV: b.folder(name) + "/report.csv"}, false)
	}
	exactly := strings.Replace(duckReport, "approx_count_distinct(client_id)", "count(DISTINCT client_id)", 1)
	contestants := []measure.Contestant{
		j.checking(engine, sketched, where{reportCSV: b.folder("engine") + "/out/report_csv/*.csv"}, false),
		hand("by hand, 2 workers", "2"), hand("by hand, 1 worker", "1"),
		duck("duckdb", duckReport), duck("duckdb, exact distinct", exactly)}
	series, err := measure.Rounds(b.ctx, b.runs, contestants, b.log)
	if err != nil {
		return s, err
	}
	s.Tables = []page.Table{comparison(contestants, series)}
	s.Texts = j.texts(contestants)[1:]
	chart := bars("performance-aggregation.svg", "The aggregation alone, seconds", contestants, series)
	s.Charts = []page.Figure{{Bars: chart}}
	toHand := series["engine"].Ratio(series["by hand, 2 workers"])
	s.Targets = []page.Target{
		{What: "aggregation alone ÷ by hand, 2 workers", Want: "≤ 2", Got: times(toHand), Reached: toHand <= 2},
	}
	return s, nil
}
