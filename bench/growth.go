package main

import (
	"fmt"
	"os"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/plot"
)

// growth is how the cost of a row changes with how many there are, and with how
// many columns they have.
func growth(b *bench) (page.Section, error) {
	var s page.Section
	if err := b.build("engine"); err != nil {
		return s, err
	}
	if err := b.byRows(&s); err != nil {
		return s, err
	}
	return s, b.byColumns(&s)
}

func (b *bench) byRows(s *page.Section) error {
	var contestants []measure.Contestant
	sizes := []int{b.rows / 20, b.rows / 5, b.rows / 2, b.rows}
	for _, n := range sizes {
		in, err := b.data("tickets", n, 0)
		if err != nil {
			return err
		}
		if n != b.rows {
			defer os.Remove(in)
		}
		job := fullJob("jsonl: {path: " + in + ", schema: ticket}")
		contestants = append(contestants, b.engine(grouped(int64(n)), job))
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return err
	}
	t := page.Table{Title: "The whole job by rows:", Head: []string{"rows", "wall s", "ns a row, wall", "CPU s",
		"ns a row, CPU", "peak MB"}}
	chart := &plot.Chart{File: "performance-rows.svg", Title: "The whole job by rows", XLabel: "million rows",
		YLabel: "seconds", Lines: []plot.Line{{Name: "wall"}, {Name: "CPU"}}}
	for i, n := range sizes {
		m := series[contestants[i].Name].Median()
		t.Rows = append(t.Rows, []string{grouped(int64(n)), seconds(m.Wall), perOf(m.Wall.Nanoseconds(), n),
			seconds(m.CPU), perOf(m.CPU.Nanoseconds(), n), megabytes(m.Peak)})
		chart.Add(float64(n)/1e6, m.Wall.Seconds(), m.CPU.Seconds())
	}
	s.Tables, s.Charts = append(s.Tables, t), append(s.Charts, page.Figure{Lines: chart})
	return nil
}

// columnsJob copies lines of a width into both formats.
func columnsJob(in string, width int) string {
	schema := "created_at: timestamp"
	for i := 1; i < width; i++ {
		schema += fmt.Sprintf(", c%d: %s", i, [3]string{"int64", "string", "float64"}[i%3])
	}
	return `checkpoint_interval: 10s
pipelines:
  job:
    input:
      jsonl: {path: ` + in + `, schema: {` + schema + `}}
    output:
      - csv: {path: out/csv}
      - parquet: {path: out/parquet}
`
}

func (b *bench) byColumns(s *page.Section) error {
	n := b.rows / 10
	widths := []int{2, 8, 16, 32, 64}
	var contestants []measure.Contestant
	for _, width := range widths {
		in, err := b.data("wide", n, width)
		if err != nil {
			return err
		}
		defer os.Remove(in)
		contestants = append(contestants, b.engine(fmt.Sprintf("%d columns", width), columnsJob(in, width)))
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return err
	}
	t := page.Table{Title: fmt.Sprintf("%s rows to CSV and Parquet by columns (a time, then numbers and texts"+
		" in turn):", grouped(int64(n))),
		Head: []string{"columns", "wall s", "CPU s", "ns a row, CPU", "ns a value, CPU", "peak MB"}}
	chart := &plot.Chart{File: "performance-columns.svg", Title: "JSON lines to CSV and Parquet by columns",
		XLabel: "columns", YLabel: "ns of CPU a row", Lines: []plot.Line{{Name: "engine"}}}
	for i, width := range widths {
		m := series[contestants[i].Name].Median()
		t.Rows = append(t.Rows, []string{fmt.Sprint(width), seconds(m.Wall), seconds(m.CPU),
			perOf(m.CPU.Nanoseconds(), n), perOf(m.CPU.Nanoseconds(), n*width), megabytes(m.Peak)})
		chart.Add(float64(width), float64(m.CPU.Nanoseconds())/float64(n))
	}
	s.Tables, s.Charts = append(s.Tables, t), append(s.Charts, page.Figure{Lines: chart})
	return nil
}

func perOf(total int64, n int) string { return fmt.Sprintf("%.0f", float64(total)/float64(n)) }
