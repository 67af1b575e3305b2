package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
	"etlengine/bench/internal/plot"
	"etlengine/bench/internal/verify"
)

// broker starts the embedded broker in a process of its own.
func (b *bench) broker(state string) (*measure.Service, string, error) {
	s, line, err := measure.Serve(b.ctx, measure.Program{Path: b.tools["engine"],
		Args: []string{"broker", "--state-dir", state}})
	if err != nil {
		return nil, "", err
	}
	words := strings.Fields(line) // broker on HOST:PORT (look …
	if len(words) < 3 {
		return nil, "", fmt.Errorf("want the broker's address, got %q", line)
	}
	return s, words[2], nil
}

// client runs the bare client.
func (b *bench) client(args ...string) measure.Program {
	return measure.Program{Path: b.tools["client"], Args: args}
}

func (b *bench) fill(brokers, topic, in string, partitions int) error {
	b.log(fmt.Sprintf("filling %s, %d partitions", topic, partitions))
	_, _, err := measure.Run(b.ctx, b.client("-brokers", brokers, "-topic", topic, "-fill", in, "-partitions",
		strconv.Itoa(partitions)))
	return err
}

// bare is the contestant that only consumes.
func (b *bench) bare(name, brokers, topic string, rows int) measure.Contestant {
	return measure.Contestant{
		Name:    name,
		Program: func() measure.Program { return b.client("-brokers", brokers, "-topic", topic) },
		Check: func(stdout string) error {
			if want := strconv.Itoa(rows) + " records"; !strings.HasPrefix(stdout, want) {
				return fmt.Errorf("want %s, got %s", want, stdout)
			}
			return nil
		},
	}
}

// consuming is an engine that reads a topic up to where it ends now. brokers may
// be empty: the embedded broker.
func (b *bench) consuming(name, brokers, topic, config string) measure.Contestant {
	input := "redpanda: {topic: " + topic + ", schema: ticket}"
	if brokers != "" {
		input = "redpanda: {brokers: [\"" + brokers + "\"], topic: " + topic + ", schema: ticket}"
	}
	c := b.engine(name, strings.ReplaceAll(config, "INPUT", input))
	program := c.Program
	c.Program = func() measure.Program {
		p := program()
		p.Args = []string{"run", "-q", "--fresh", "--yes", "--until", "now", "job.yaml"}
		return p
	}
	return c
}

// closed is the part of the exact report that is out when a topic has been read
// up to its end: its last windows wait for more.
func (j *verifier) closed() *verifier {
	c := *j
	c.exact = strings.TrimSuffix(j.exact, ".parquet") + "_closed.parquet"
	return &c
}

func (b *bench) closedVerifier(in string) (*verifier, error) {
	j, err := newVerifier(b, in)
	if err != nil {
		return nil, err
	}
	c := j.closed()
	end := "SELECT epoch_us(max(created_at)) FROM " + verify.JSON(in, "created_at")
	_, err = b.query(fmt.Sprintf("COPY (SELECT * FROM '%s' WHERE window_start + 70000000 <= (%s)) TO '%s'",
		j.exact, end, c.exact))
	return c, err
}

const topic = "client_tickets"

// embedded is the aggregation of what the embedded broker holds: with the broker
// in the engine's own process, and in another one, where a consumer that does
// nothing reads the same.
func embedded(b *bench) (page.Section, error) {
	var s page.Section
	if err := b.build("engine", "client", "duck"); err != nil {
		return s, err
	}
	in, err := b.tickets()
	if err != nil {
		return s, err
	}
	j, err := b.closedVerifier(in)
	if err != nil {
		return s, err
	}
	within := b.consuming("engine, broker within", "", topic, reportJob("INPUT"))
	own := filepath.Join(b.folder(within.Name), ".engine")
	defer os.RemoveAll(b.folder(within.Name))
	within.Clean = measure.Remove(filepath.Join(b.folder(within.Name), "out")) // the broker's records stay
	if err := b.filled(own, in); err != nil {
		return s, err
	}
	beside := filepath.Join(b.dir, "broker")
	defer os.RemoveAll(beside)
	service, address, err := b.broker(beside)
	if err != nil {
		return s, err
	}
	defer service.Stop()
	if err := b.fill(address, topic, in, 4); err != nil {
		return s, err
	}
	apart := b.consuming("engine, broker beside", address, topic, reportJob("INPUT"))
	bare := b.bare("bare consumer", address, topic, b.rows)
	for _, c := range []*measure.Contestant{&within, &apart} {
		*c = j.checking(*c, sketched, where{reportCSV: b.folder(c.Name) + "/out/report_csv/*.csv"}, false)
	}
	contestants := []measure.Contestant{within, apart, bare}
	series, err := measure.Rounds(b.ctx, b.runs, contestants, b.log)
	if err != nil {
		return s, err
	}
	b.reportEmbedded(&s, contestants, series)
	return s, b.partitions(&s, address)
}

// filled starts a broker over a state directory, fills it and stops it.
func (b *bench) filled(state, in string) error {
	service, address, err := b.broker(state)
	if err != nil {
		return err
	}
	if err := b.fill(address, topic, in, 4); err != nil {
		_ = service.Stop() // the first error says more
		return err
	}
	return service.Stop()
}

func (b *bench) reportEmbedded(s *page.Section, all []measure.Contestant, series map[string]measure.Series) {
	bare := series[all[len(all)-1].Name]
	t := page.Table{Head: headed("program", "tickets a second", "of the bare consumer")}
	for _, c := range all {
		r := series[c.Name]
		row := append([]string{c.Name}, cells(r)...)
		t.Rows = append(t.Rows, append(row, grouped(b.rate(r.Median().Wall)), percent(bare.Ratio(r))))
	}
	s.Tables = append(s.Tables, t)
	s.Texts = append(s.Texts, "A topic of 4 partitions, filled beforehand (Snappy, as franz-go does by itself),"+
		" is read up to its end and aggregated as in the main job; from the start to the end of the process."+
		" “Beside” is `engine broker` in a process of its own, whose CPU time and memory are not in the table."+
		" The report is equal to that of the data, but for the last window, which waits for more.")
	rate := b.rate(series[all[0].Name].Median().Wall)
	share := bare.Ratio(series[all[1].Name])
	s.Targets = append(s.Targets,
		page.Target{What: "through the embedded broker, aggregated", Want: "≥ 1,500,000 a second",
			Got: grouped(rate), Reached: rate >= 1_500_000},
		page.Target{What: "the same ÷ a bare consumer", Want: "≥ 40 %", Got: percent(share),
			Reached: share >= 0.4})
}

func (b *bench) rate(wall time.Duration) int64 { return int64(float64(b.rows) / wall.Seconds()) }

// partitions is the same by the number of partitions, over fewer tickets.
func (b *bench) partitions(s *page.Section, address string) error {
	n := b.rows / 5
	in, err := b.data("tickets", n, 0)
	if err != nil {
		return err
	}
	defer os.Remove(in)
	counts := []int{1, 4, 16, 64}
	var contestants []measure.Contestant
	for _, p := range counts {
		name := fmt.Sprintf("tickets_%d", p)
		if err := b.fill(address, name, in, p); err != nil {
			return err
		}
		contestants = append(contestants, b.consuming(fmt.Sprintf("engine, %d partitions", p), address, name,
			reportJob("INPUT")), b.bare(fmt.Sprintf("bare consumer, %d partitions", p), address, name, n))
	}
	series, err := measure.Rounds(b.ctx, min(b.runs, 3), contestants, b.log)
	if err != nil {
		return err
	}
	t := page.Table{Title: fmt.Sprintf("By partitions, %s tickets:", grouped(int64(n))),
		Head: []string{"partitions", "engine wall s", "ns a ticket, wall", "ns a ticket, CPU", "peak MB",
			"bare consumer wall s"}}
	chart := &plot.Chart{File: "performance-partitions.svg",
		Title:  "Cost of a ticket by the number of partitions",
		XLabel: "partitions", YLabel: "ns a ticket", LogX: true,
		Lines: []plot.Line{{Name: "wall"}, {Name: "CPU"}}}
	var walls, cpus []float64
	for i, p := range counts {
		m, bare := series[contestants[2*i].Name].Median(), series[contestants[2*i+1].Name].Median()
		wall, cpu := float64(m.Wall.Nanoseconds())/float64(n), float64(m.CPU.Nanoseconds())/float64(n)
		walls, cpus = append(walls, wall), append(cpus, cpu)
		t.Rows = append(t.Rows, []string{strconv.Itoa(p), seconds(m.Wall), whole(wall), whole(cpu),
			megabytes(m.Peak), seconds(bare.Wall)})
		chart.Add(float64(p), wall, cpu)
	}
	s.Tables, s.Charts = append(s.Tables, t), append(s.Charts, page.Figure{Lines: chart})
	last := len(counts) - 1
	wall, cpu := walls[last]/walls[0], cpus[last]/cpus[0]
	s.Targets = append(s.Targets, page.Target{What: "cost of a row, 64 partitions ÷ 1", Want: "≤ 2",
		Got: fmt.Sprintf("wall %s, CPU %s", times(wall), times(cpu)), Reached: max(wall, cpu) <= 2})
	return nil
}
