package main

import (
	"fmt"
	"path/filepath"
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

// formulations are ways to write the main job for DuckDB.
func formulations(in string) map[string]string {
	source := verify.JSON(in, "ticket_id", "client_id", "created_at", "demande", "type", "priorite", "duration_ms")
	const reports = `;
COPY report TO 'RESULTS/report.parquet' (FORMAT parquet, COMPRESSION snappy);
COPY report TO 'RESULTS/report.csv' (FORMAT csv, HEADER true)`
	report := func(from string) string {
		return ";\nCREATE TEMP TABLE report AS " + duckReport + " FROM " + from + " GROUP BY ALL" + reports
	}
	archive := func(from, to, more string) string {
		return fmt.Sprintf("COPY (SELECT * FROM %s) TO 'RESULTS/raw%s.parquet' (FORMAT parquet, COMPRESSION snappy%s)",
			from, to, more)
	}
	rows := func(from, to, more string) string {
		return fmt.Sprintf(";\nCOPY (SELECT * FROM %s) TO 'RESULTS/raw%s.csv' (FORMAT csv, HEADER true%s)", from, to, more)
	}
	const threads = ", PER_THREAD_OUTPUT true"
	return map[string]string{
		"duckdb, reading thrice":  archive(source, "", "") + rows(source, "", "") + report(source),
		"duckdb, a table first":   "CREATE TEMP TABLE raw AS SELECT * FROM " + source + ";\n" + archive("raw", "", "") + rows("raw", "", "") + report("raw"),
		"duckdb, Parquet first":   archive(source, "", "") + rows("'RESULTS/raw.parquet'", "", "") + report("'RESULTS/raw.parquet'"),
		"duckdb, file per thread": archive(source, "", threads) + rows("'RESULTS/raw.parquet/*.parquet'", "", threads) + report("'RESULTS/raw.parquet/*.parquet'"),
	}
}

// where are a contestant's results: globs of the archive and of the report.
type where struct{ rawCSV, rawParquet, reportCSV, reportParquet string }

func engineResults(dir string) where {
	return where{dir + "/out/raw_csv/*.csv", dir + "/out/raw_parquet/*.parquet",
		dir + "/out/report_csv/*.csv", dir + "/out/report_parquet/*.parquet"}
}

// judge compares results with the data, and keeps how far off sketches were.
type judge struct {
	b      *bench
	in     string
	prints verify.Row // of the data
	exact  string
	worst  map[string]verify.Stated
}

func newJudge(b *bench, in string) (*judge, error) {
	j := &judge{b: b, in: in, worst: map[string]verify.Stated{}, exact: filepath.Join(b.dir, "exact.parquet")}
	var err error
	if j.prints, err = b.one(verify.Fingerprint(verify.TicketsOf(in))); err != nil {
		return nil, err
	}
	_, err = b.query(fmt.Sprintf("COPY (%s) TO '%s' (FORMAT parquet)", verify.ReportOf(in), j.exact))
	return j, err
}

// archive compares every column of every row.
func (j *judge) archive(w where) error {
	for format, glob := range map[string]string{"csv": w.rawCSV, "parquet": w.rawParquet} {
		got, err := j.b.one(verify.Fingerprint(verify.TicketsIn(format, glob)))
		if err != nil {
			return err
		}
		if err := verify.Same(j.prints, got); err != nil {
			return fmt.Errorf("tickets as %s: %w", format, err)
		}
	}
	return nil
}

func (j *judge) report(name string, stated verify.Stated, w where) error {
	for format, glob := range map[string]string{"csv": w.reportCSV, "parquet": w.reportParquet} {
		if glob == "" {
			continue
		}
		answer, err := j.b.one(verify.Against("FROM '"+j.exact+"'", verify.ReportIn(format, glob)))
		if err != nil {
			return err
		}
		worst, err := stated.Judge(answer)
		if err != nil {
			return fmt.Errorf("report as %s: %w", format, err)
		}
		j.worst[name] = worst
	}
	return nil
}

// checking is a contestant whose results are compared.
func (j *judge) checking(c measure.Contestant, stated verify.Stated, w where, archive bool) measure.Contestant {
	c.Check = func(string) error {
		if archive {
			if err := j.archive(w); err != nil {
				return err
			}
		}
		return j.report(c.Name, stated, w)
	}
	return c
}

// The errors that sketches are allowed: four standard errors of HyperLogLog
// with 4,096 registers (DuckDB's has 64), and what the programs say of quantiles.
var (
	sketched     = verify.Stated{Clients: 4 * 0.01625, P95: 0.01}
	duckSketched = verify.Stated{Clients: 4 * 0.13, P95: 0}
)

func full(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	if err := b.build("engine", "hand", "duck"); err != nil {
		return s, err
	}
	j, err := newJudge(b, in)
	if err != nil {
		return s, err
	}
	var tried []measure.Contestant
	for name, sql := range formulations(in) {
		dir := b.folder(name)
		w := where{dir + "/raw.csv", dir + "/raw.parquet", dir + "/report.csv", dir + "/report.parquet"}
		if strings.Contains(name, "per thread") {
			w.rawCSV, w.rawParquet = w.rawCSV+"/*.csv", w.rawParquet+"/*.parquet"
		}
		tried = append(tried, j.checking(b.duck(name, sql), duckSketched, w, true))
	}
	duck, all, err := measure.Best(b.ctx, tried, b.log)
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
		hand("by hand, 2 workers", "2"), hand("by hand, 1 worker", "1"), duck}
	series, err := measure.Rounds(b.ctx, b.runs, contestants, b.log)
	if err != nil {
		return s, err
	}
	s.Tables = []page.Table{comparison(contestants, series)}
	s.Charts = []page.Figure{{Bars: bars("performance-full.svg", "The whole job, seconds", contestants, series)}}
	s.Notes = append(j.notes(contestants), "DuckDB's formulations, the shorter of two runs: "+listed(all)+".")
	toDuck, toHand := series["engine"].Ratio(series[duck.Name]), series["engine"].Ratio(series["by hand, 2 workers"])
	peak := series["engine"].Median().Peak
	s.Targets = []page.Target{
		{What: "whole job ÷ DuckDB, 2 threads", Want: "≤ 1.0", Got: times(toDuck), Reached: toDuck <= 1},
		{What: "whole job ÷ by hand, 2 workers", Want: "≤ 1.6", Got: times(toHand), Reached: toHand <= 1.6},
		{What: "whole job, peak memory", Want: "< 300 MB", Got: megabytes(peak) + " MB", Reached: peak < 300e6},
	}
	return s, nil
}

// notes tell how far off the sketches were at worst.
func (j *judge) notes(contestants []measure.Contestant) []string {
	var off []string
	for _, c := range contestants {
		w := j.worst[c.Name]
		off = append(off, fmt.Sprintf("%s %.1f %% and %.2f %%", c.Name, 100*w.Clients, 100*w.P95))
	}
	return []string{"Counts, sums, averages, minima and maxima are equal in all; every column of every archived row" +
		" is equal in all, in CSV and in Parquet.",
		"Sketches at worst, over all windows (distinct clients, p95): " + strings.Join(off, "; ") + "."}
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
