package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/verify"
)

const benthosConfig = `logger: {level: WARN}
http: {enabled: false}
input:
  batched:
    child:
      file: {paths: [INPUT], scanner: {lines: {}}}
    policy: {count: 1000}
pipeline:
  threads: 2
  processors:
PROCESSORS
output:
  file: {path: out.csv, codec: lines}
`

// benthosCount counts by minute, type and priority within a batch. Windows over
// batches it has none of; of the ways to write it this was the fastest.
const benthosCount = `    - group_by_value:
        value: '${! json("created_at").slice(0, 16) + "," + json("type") + "," + json("priorite") }'
    - mapping: |
        root = if batch_index() == 0 {
          [json("created_at").slice(0, 16), json("type"), json("priorite"), batch_size().string()].join(",")
        } else { deleted() }`

const benthosCSV = `    - mapping: |
        root = [this.ticket_id, this.client_id, this.created_at,
          "\"" + this.demande.replace_all("\"", "\"\"") + "\"",
          this.type, this.priorite, this.duration_ms.string()].join(",")`

func (b *bench) plain(name, in, processors string) measure.Contestant {
	dir := b.folder(name)
	return measure.Contestant{
		Name:  name,
		Clean: measure.Remove(dir),
		Program: func() measure.Program {
			config := strings.NewReplacer("INPUT", in, "PROCESSORS", processors).Replace(benthosConfig)
			b.mustWrite(dir, "job.yaml", config)
			return measure.Program{Path: b.tools["benthos"], Args: []string{"run", "job.yaml"}, Dir: dir}
		},
	}
}

// share of the tickets that plain Benthos gets: it would take minutes for all.
const benthosShare = 10

func benthos(b *bench) (page.Section, error) {
	var s page.Section
	if err := b.build("engine", "benthos", "duck"); err != nil {
		return s, err
	}
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	few, err := b.data("tickets", b.rows/benthosShare, 0)
	if err != nil {
		return s, err
	}
	defer os.Remove(few)
	count, csv := b.plain("benthos, counting", few, benthosCount), b.plain("benthos, to CSV", few, benthosCSV)
	count.Check = func(string) error { return b.sameCounts(few, filepath.Join(b.folder(count.Name), "out.csv")) }
	input := "jsonl: {path: " + in + ", schema: ticket}"
	contestants := []measure.Contestant{b.engine("engine, the whole aggregation", reportJob(input)), count,
		b.engine("engine, to CSV", "pipelines: {p: {input: {"+input+"}, output: {csv: {path: out}}}}\n"+
			"schemas: {ticket: "+ticketSchema+"}\n"), csv}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return s, err
	}
	t := page.Table{Head: headed("program", "tickets", "tickets a second", "µs of CPU a ticket")}
	rate := map[string]float64{}
	for _, c := range contestants {
		n := b.rows
		if c.Name == count.Name || c.Name == csv.Name {
			n /= benthosShare
		}
		m := series[c.Name].Median()
		rate[c.Name] = float64(n) / m.Wall.Seconds()
		row := append([]string{c.Name}, cells(series[c.Name])...)
		t.Rows = append(t.Rows, append(row, grouped(int64(n)), grouped(int64(rate[c.Name])),
			fmt.Sprintf("%.2f", float64(m.CPU.Microseconds())/float64(n))))
	}
	ratio := rate[contestants[0].Name] / rate[count.Name]
	s.Tables = []page.Table{t}
	s.Texts = []string{fmt.Sprintf("Plain Benthos gets a %dth of the tickets, in batches of 1,000 on two"+
		" threads; the counts it makes add up to those of the data.", benthosShare)}
	s.Targets = []page.Target{{What: "aggregation alone ÷ plain Benthos counting per batch, tickets a second",
		Want: "≥ 50", Got: times(ratio), Reached: ratio >= 50}}
	return s, nil
}

// sameCounts adds up what was counted in each batch.
func (b *bench) sameCounts(jsonl, csv string) error {
	const minute = "strftime(created_at, '%Y-%m-%dT%H:%M')"
	want := "SELECT " + minute + " AS minute, type, priorite, count(*)::BIGINT AS n FROM " +
		verify.JSON(jsonl, "created_at", "type", "priorite") + " GROUP BY ALL"
	got := "SELECT minute, type, priorite, sum(n)::BIGINT AS n FROM read_csv('" + csv + "', header=false," +
		" columns={'minute': 'VARCHAR', 'type': 'VARCHAR', 'priorite': 'VARCHAR', 'n': 'BIGINT'}) GROUP BY ALL"
	return b.same(want, got)
}
