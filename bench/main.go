// Command bench measures the engine beside other ways to do the same work: a
// program written by hand, DuckDB, plain Benthos, a bare Kafka client and
// PySpark. Each is a process of its own, over the same data, in turns, and what
// they write is compared.
//
//	cd bench && go run . -n 200000 -runs 1      a look
//	cd bench && go run . -write                 all figures of docs/performance.md
//	cd bench && go run . -only full,epochs      some of them
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"etlengine/bench/internal/page"
)

const results = "results.json" // of the last runs, in this folder

// part is one part of the bench: a question and how it is answered.
type part struct {
	name string
	run  func(*bench) (page.Section, error)
}

func parts() []part {
	return []part{
		{"full", full},
		{"aggregation", aggregation},
		{"benthos", benthos},
		{"embedded", embedded},
		{"kafka", kafkas},
		{"epochs", epochs},
		{"groups", groups},
		{"growth", growth},
		{"sessions", sessions},
		{"folders", folders},
		{"recovery", recovery},
		{"startup", startup},
		{"trickle", trickle},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := flags.Int("n", 5_000_000, "tickets")
	runs := flags.Int("runs", 5, "measured rounds")
	only := flags.String("only", "", "parts to run, with commas between; all: "+strings.Join(names(), ","))
	docs := flags.String("out", "../docs", "folder of performance.md")
	write := flags.Bool("write", false, "write the figures into performance.md and draw the charts")
	parent := flags.String("dir", os.TempDir(), "where to make the folder for data, 5 GB for 5 million tickets")
	engine := flags.String("engine", "", "a built engine to measure, in place of this tree's")
	draw := flags.Bool("draw", false, "measure nothing; write what results.json has into performance.md")
	spark := flags.String("spark", "", "folder that spark/setup has filled, or fills; kept")
	keep := flags.Bool("keep", false, "keep the folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	book, err := page.Load(results)
	if err != nil {
		return err
	}
	if *draw {
		return book.Write(*docs, "performance.md", names())
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, *parent, *rows, *runs, *engine)
	if err != nil {
		return err
	}
	b.sparkDir = *spark
	if !*keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	for _, p := range chosen {
		begin := b.conditions()
		section, err := p.run(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		section.Name, section.Conditions = p.name, begin
		book[p.name] = section
		show(section)
		if err := save(*write, book, *docs); err != nil {
			return err
		}
	}
	return nil
}

// save keeps what has been measured so far: the parts that follow may fail.
func save(write bool, book page.Book, docs string) error {
	if !write {
		return nil
	}
	if err := book.Save(results); err != nil {
		return err
	}
	return book.Write(docs, "performance.md", names())
}

func show(s page.Section) {
	fmt.Printf("\n## %s\n\n%s\n", s.Name, s.Markdown())
	for _, t := range s.Targets {
		reached := "missed "
		if t.Reached {
			reached = "reached"
		}
		fmt.Printf("%s  %s: wanted %s, measured %s\n", reached, t.What, t.Want, t.Got)
	}
}

func names() []string {
	var all []string
	for _, p := range parts() {
		all = append(all, p.name)
	}
	return all
}

func choose(only string) ([]part, error) {
	if only == "" {
		return parts(), nil
	}
	var chosen []part
	for name := range strings.SplitSeq(only, ",") {
		i := slices.Index(names(), name)
		if i < 0 {
			return nil, fmt.Errorf("-only: want some of %s, got %q", strings.Join(names(), ","), name)
		}
		chosen = append(chosen, parts()[i])
	}
	return chosen, nil
}

// conditions says what was measured and how busy the machine was before.
func (b *bench) conditions() string {
	text := fmt.Sprintf("%s, %s tickets, up to %d rounds, %d cores, %s %s",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), grouped(int64(b.rows)), b.runs, runtime.NumCPU(),
		runtime.Version(), runtime.GOARCH)
	if load, err := os.ReadFile("/proc/loadavg"); err == nil { // Linux only
		minute, _, _ := strings.Cut(string(load), " ")
		text += ", load before it " + minute
	}
	return text
}

func newBench(ctx context.Context, parent string, rows, runs int, engine string) (*bench, error) {
	if _, err := os.Stat("go.mod"); err != nil {
		return nil, errors.New("want to be run in the folder bench, which has a go.mod of its own")
	}
	if rows < 1000 || runs < 1 {
		return nil, fmt.Errorf("want -n of at least 1000 and -runs of at least 1, got %d and %d", rows, runs)
	}
	dir, err := os.MkdirTemp(parent, "enginebench-")
	if err != nil {
		return nil, err
	}
	if engine != "" {
		if engine, err = filepath.Abs(engine); err != nil {
			return nil, err
		}
	}
	return &bench{ctx: ctx, dir: dir, rows: rows, runs: runs, tools: map[string]string{"engine": engine}}, nil
}
