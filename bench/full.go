package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/plot"
	"etlengine/bench/internal/verify"
)

const ticketSchema = "{ticket_id: string, client_id: string, created_at: timestamp, demande: string," +
	" type: string, priorite: string, duration_ms: int64}"

// reportStep is the aggregation of the main job; INDENT is that of the step.
const reportStep = `aggregation:
    event_time: created_at
    watermark: 10s
    window: {tumbling: 1m}
    group_by: [type, priorite]
    aggregates:
      tickets: count()
      clients: approx_count_distinct(client_id)
      total: sum(duration_ms)
      mean: avg(duration_ms)
      least: min(duration_ms)
      most: max(duration_ms)
      p95: quantile(duration_ms, 0.95)`

// indented moves all lines but the first one.
func indented(text string, by int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}

// fullJob reads an input, archives its rows and reports them.
func fullJob(input string) string {
	return `checkpoint_interval: 10s
pipelines:
  job:
    input:
      ` + input + `
    output:
      - csv: {path: out/raw_csv}
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

// duckReport is the same aggregation in SQL. Of what DuckDB has, the exact
// quantile is faster than its sketch, and its sketch of distinct values faster
// than counting them.
const duckReport = `SELECT date_trunc('minute', created_at) AS window_start,
	date_trunc('minute', created_at) + INTERVAL 1 MINUTE AS window_end, type, priorite, count(*) AS tickets,
	approx_count_distinct(client_id) AS clients, sum(duration_ms)::BIGINT AS total, avg(duration_ms) AS mean,
	min(duration_ms) AS least, max(duration_ms) AS most, quantile_disc(duration_ms, 0.95) AS p95`

// formulation is a way to write the main job for DuckDB.
type formulation struct{ name, sql string }

const perThread = "duckdb, file per thread"

func formulations(in string) []formulation {
	const reports = `;
COPY report TO 'RESULTS/report.parquet' (FORMAT parquet, COMPRESSION snappy);
COPY report TO 'RESULTS/report.csv' (FORMAT csv, HEADER true)`
	job := func(json, archived, more string) string {
		return fmt.Sprintf("COPY (FROM %s) TO 'RESULTS/raw.parquet' (FORMAT parquet, COMPRESSION snappy%s);\n"+
			"COPY (FROM %s) TO 'RESULTS/raw.csv' (FORMAT csv, HEADER true%s);\n"+
			"CREATE TEMP TABLE report AS %s FROM %s GROUP BY ALL", json, more, archived, more, duckReport,
			archived) + reports
	}
	source := verify.Tickets(in)
	return []formulation{
		{"duckdb, Parquet first", job(source, "'RESULTS/raw.parquet'", "")},
		{perThread, job(source, "'RESULTS/raw.parquet/*.parquet'", ", PER_THREAD_OUTPUT true")},
		{"duckdb, a table first", "CREATE TEMP TABLE raw AS FROM " + source + ";\n" + job("raw", "raw", "")},
		{"duckdb, reading thrice", job(source, source, "")},
	}
}

func full(b *bench) (page.Section, error) {
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
	engine := b.engine("engine", fullJob("jsonl: {path: "+in+", schema: ticket}"))
	hand := func(name, workers string) measure.Contestant {
		d := b.folder(name)
		return j.checking(b.hand(name, "-in", in, "-workers", workers), sketched,
			where{d + "/raw_*.csv", d + "/raw_*.parquet", d + "/report.csv", d + "/report.parquet"}, true)
	}
	contestants := []measure.Contestant{
		j.checking(engine, sketched, engineResults(b.folder("engine")), true),
		hand("by hand, 2 workers", "2"), hand("by hand, 1 worker", "1")}
	for _, f := range formulations(in) {
		d := b.folder(f.name)
		w := where{d + "/raw.csv", d + "/raw.parquet", d + "/report.csv", d + "/report.parquet"}
		if f.name == perThread {
			w.rawCSV, w.rawParquet = w.rawCSV+"/*.csv", w.rawParquet+"/*.parquet"
		}
		contestants = append(contestants, j.checking(b.duck(f.name, f.sql), duckSketched, w, true))
	}
	series, err := measure.Rounds(b.ctx, b.runs, contestants, b.log)
	if err != nil {
		return s, err
	}
	s.Tables = []page.Table{comparison(contestants, series)}
	s.Charts = []page.Figure{{Bars: bars("performance-full.svg", "The whole job, seconds", contestants, series)}}
	s.Texts = j.texts(contestants)
	s.Targets = fullTargets(series, formulations(in))
	return s, nil
}

// fullTargets compares with the formulation that turned out the fastest.
func fullTargets(series map[string]measure.Series, all []formulation) []page.Target {
	engine := series["engine"]
	best := slices.MinFunc(all, func(x, y formulation) int {
		return cmp.Compare(series[x.name].Median().Wall, series[y.name].Median().Wall)
	})
	toDuck, toHand := engine.Ratio(series[best.name]), engine.Ratio(series["by hand, 2 workers"])
	peak := engine.Median().Peak
	return []page.Target{
		{What: "whole job ÷ DuckDB, 2 threads", Want: "≤ 1.0", Got: times(toDuck), Reached: toDuck <= 1},
		{What: "whole job ÷ by hand, 2 workers", Want: "≤ 1.6", Got: times(toHand), Reached: toHand <= 1.6},
		{What: "whole job, peak memory", Want: "< 300 MB", Got: megabytes(peak) + " MB", Reached: peak < 300e6},
	}
}

// bars are the wall clocks as a chart.
func bars(file, title string, contestants []measure.Contestant, series map[string]measure.Series) *plot.Bars {
	chart := &plot.Bars{File: file, Title: title, Unit: "s"}
	for _, c := range contestants {
		s := series[c.Name]
		low, high := s.Spread()
		chart.Bars = append(chart.Bars, plot.Bar{Name: c.Name, Value: s.Median().Wall.Seconds(),
			Low: low.Seconds(), High: high.Seconds()})
	}
	return chart
}
