package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/plot"
	"etlengine/bench/internal/verify"
)

// groupsJob counts and sums by one of the key columns. All rows are of one
// window, so that all groups are open until the end; then they come out.
func groupsJob(in, key, more string) string {
	return `checkpoint_interval: 10s
pipelines:
  job:
    input:
      jsonl: {path: ` + in + `, schema: {created_at: timestamp, ` + key + `: string, duration_ms: int64}}
    processors:
      - aggregation:
          event_time: created_at
          watermark: 10s
          window: {tumbling: 2h}
          group_by: [` + key + `]
          aggregates: {tickets: count(), total: sum(duration_ms)}
` + more + `    output:
      parquet: {path: out/groups}
`
}

// cardinality is a key column of the lines and how many groups it makes.
type cardinality struct {
	key    string
	groups int
}

func (b *bench) cardinalities() []cardinality {
	var all []cardinality
	for digits := 2; digits <= 6; digits++ {
		if n := int(math.Pow10(digits)); n*5 <= b.rows {
			all = append(all, cardinality{fmt.Sprintf("k%d", digits), n})
		}
	}
	return append(all, cardinality{"own", b.rows})
}

func groups(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.data("keys", b.rows, 0)
	if err != nil {
		return s, err
	}
	defer os.Remove(in)
	if err := b.build("engine", "duck"); err != nil {
		return s, err
	}
	var contestants []measure.Contestant
	for _, c := range b.cardinalities() {
		exact := fmt.Sprintf("SELECT %s, count(*) AS tickets, sum(duration_ms)::BIGINT AS total FROM %s"+
			" GROUP BY ALL", c.key, verify.JSON(in, "created_at", c.key, "duration_ms"))
		engine := b.engine(b.groupsName("engine", c), groupsJob(in, c.key, ""))
		got := fmt.Sprintf("SELECT %s, tickets, total::BIGINT AS total FROM '%s/out/groups/*.parquet'", c.key,
			b.folder(engine.Name))
		engine.Check = func(string) error { return b.same(exact, got) }
		duck := b.duck(b.groupsName("duckdb", c), "COPY ("+exact+") TO 'RESULTS/groups.parquet'")
		contestants = append(contestants, engine, duck)
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return s, err
	}
	b.reportGroups(&s, series)
	return s, b.groupsFound(&s, in)
}

// groupsFound is the same for a stream that goes on: the file is read several
// times over, so that most rows find their group open.
func (b *bench) groupsFound(s *page.Section, in string) error {
	folder, err := b.copied(in)
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	all := b.cardinalities()
	few, many := all[0], all[len(all)-1]
	var contestants []measure.Contestant
	for _, c := range []cardinality{few, many} {
		e := b.engine(fmt.Sprintf("%s, %d rows over", b.groupsName("engine", c), copies),
			groupsJob(folder, c.key, ""))
		want := fmt.Sprintf("SELECT %s, %d * count(*) AS tickets, %d * sum(duration_ms)::BIGINT AS total FROM %s"+
			" GROUP BY ALL", c.key, copies, copies, verify.JSON(in, "created_at", c.key, "duration_ms"))
		got := fmt.Sprintf("SELECT %s, tickets, total::BIGINT AS total FROM '%s/out/groups/*.parquet'", c.key,
			b.folder(e.Name))
		e.Check = func(string) error { return b.same(want, got) }
		contestants = append(contestants, e)
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 2), contestants, b.log)
	if err != nil {
		return err
	}
	t := page.Table{Title: fmt.Sprintf("The file %d times over, as %d partitions, %s rows in all:", copies, copies,
		grouped(int64(b.rows)*copies)),
		Head: []string{"groups", "engine wall s", "ns a row, wall", "ns a row, CPU", "peak MB"}}
	var walls, cpus []float64
	for i, c := range []cardinality{few, many} {
		m := series[contestants[i].Name].Median()
		wall, cpu := b.perRow(m.Wall)/copies, b.perRow(m.CPU)/copies
		walls, cpus = append(walls, wall), append(cpus, cpu)
		t.Rows = append(t.Rows, []string{grouped(int64(c.groups)), seconds(m.Wall), whole(wall), whole(cpu),
			megabytes(m.Peak)})
	}
	s.Tables = append(s.Tables, t)
	wall, cpu := walls[1]/walls[0], cpus[1]/cpus[0]
	s.Targets = append(s.Targets, page.Target{What: fmt.Sprintf("cost of a row, %s groups of %d rows ÷ 100",
		grouped(int64(many.groups)), copies), Want: "≤ 2", Got: fmt.Sprintf("wall %s, CPU %s", times(wall), times(cpu)),
		Reached: max(wall, cpu) <= 2})
	return nil
}

func (b *bench) groupsName(program string, c cardinality) string {
	return fmt.Sprintf("%s, %s groups", program, grouped(int64(c.groups)))
}

// same returns an error unless two queries have the same rows.
func (b *bench) same(want, got string) error {
	answer, err := b.one(verify.Difference(want, got))
	if err == nil && answer["differ"] != 0.0 {
		err = fmt.Errorf("%v rows differ", answer["differ"])
	}
	return err
}

func (b *bench) reportGroups(s *page.Section, series map[string]measure.Series) {
	t := page.Table{Head: []string{"groups", "engine wall s", "ns a row, wall", "ns a row, CPU", "peak MB",
		"duckdb wall s", "ns a row, CPU", "peak MB"}}
	chart := &plot.Chart{File: "performance-groups.svg", Title: "Cost of a row by the number of groups",
		XLabel: "groups", YLabel: "ns of CPU a row", LogX: true,
		Lines: []plot.Line{{Name: "engine"}, {Name: "duckdb"}}}
	var walls, cpus []float64
	for _, c := range b.cardinalities() {
		e, d := series[b.groupsName("engine", c)].Median(), series[b.groupsName("duckdb", c)].Median()
		walls, cpus = append(walls, b.perRow(e.Wall)), append(cpus, b.perRow(e.CPU))
		t.Rows = append(t.Rows, []string{grouped(int64(c.groups)), seconds(e.Wall), whole(b.perRow(e.Wall)),
			whole(b.perRow(e.CPU)), megabytes(e.Peak), seconds(d.Wall), whole(b.perRow(d.CPU)),
			megabytes(d.Peak)})
		chart.Add(float64(c.groups), b.perRow(e.CPU), b.perRow(d.CPU))
	}
	s.Tables, s.Charts = []page.Table{t}, []page.Figure{{Lines: chart}}
	s.Texts = []string{"Count and sum by one key column of the same lines, one window, all groups open until" +
		" its end; then they are written as Parquet. At the last line every row is a group of its own. Groups," +
		" counts and sums are equal in both programs."}
	wall, cpu := walls[len(walls)-1]/walls[0], cpus[len(cpus)-1]/cpus[0]
	s.Targets = []page.Target{{What: "cost of a row, " + grouped(int64(b.rows)) + " groups of one row ÷ 100", Want: "≤ 2",
		Got: fmt.Sprintf("wall %s, CPU %s", times(wall), times(cpu)), Reached: max(wall, cpu) <= 2}}
}

func (b *bench) perRow(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.rows) }

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

// recovery is how long an engine needs that finds the state of many groups.
func recovery(b *bench) (page.Section, error) {
	var s page.Section
	in, err := b.data("keys", b.rows, 0)
	if err != nil {
		return s, err
	}
	defer os.Remove(in)
	if err := b.build("engine"); err != nil {
		return s, err
	}
	job := strings.Replace(groupsJob(in, "own", ""), "aggregates:", "on_end: hold\n          aggregates:", 1)
	engine := b.engine("engine", job)
	clean := engine.Clean
	defer func() { _ = clean() }() // with the rest of the folder, at the latest
	_, _, err = measure.Run(b.ctx, engine.Program())
	if err != nil {
		return s, fmt.Errorf("filling the state: %w", err)
	}
	state, err := size(b.folder("engine") + "/.engine")
	if err != nil {
		return s, err
	}
	engine.Clean = nil // what is measured is that it finds its state
	series, err := measure.Rounds(b.ctx, b.runs, []measure.Contestant{engine}, b.log)
	if err != nil {
		return s, err
	}
	row := append([]string{grouped(int64(b.rows))}, cells(series["engine"])...)
	s.Tables = []page.Table{{Head: headed("groups", "state on disk, MB"),
		Rows: [][]string{append(row, megabytes(state))}}}
	s.Texts = []string{"A run that finds the open windows of the run before, restores them, sees that there is" +
		" nothing new to read, and ends: process start, recovery, and a last record together."}
	wall := series["engine"].Median().Wall
	s.Targets = []page.Target{{What: "recovery of " + grouped(int64(b.rows)) + " groups (count, sum)",
		Want: "< 5 s", Got: seconds(wall) + " s", Reached: wall < 5*time.Second}}
	return s, nil
}
