package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var randomRuns = flag.Int("random.runs", 8, "how many pipelines the random test over several runs draws")

// TestRandomRunsGiveWhatTheReferenceDoes draws pipelines whose input grows between
// runs: partitions that stop early, start late or stay empty, are found at their end
// by a clock of their own, and runs that end with the input or before it. They are
// killed on their way. After each run all outputs and counters are the reference's.
func TestRandomRunsGiveWhatTheReferenceDoes(t *testing.T) {
	for i := range *randomRuns {
		seed := *randomSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := newRunsRecipe(seed)
			dir := filepath.Join(t.TempDir(), "job")
			for k := range 2 + r.random.IntN(3) {
				r.grow(k)
				write(t, filepath.Join(dir, "in"), r.tape.String())
				r.live(t, dir)
				if r.check(t, dir); t.Failed() {
					t.Fatalf("%q\n%s\n%s", r.story, r.yaml, r.tape.String())
				}
			}
			t.Logf("%q: %d rows, %d windows, %d late, %d dead letters", r.story, len(r.rows),
				len(r.reference.visible()), len(r.reference.late), len(r.reference.null))
		})
	}
}

// runsRecipe is a pipeline over a tape.
type runsRecipe struct {
	*recipe
	reference *refRuns
	tape      strings.Builder
	clock     time.Time
	at        []time.Time // event time, by partition
	from, to  []int       // the runs in which a partition gets rows
	counts    []int64     // its rows
	undecided bool        // the config does not say what becomes of rows that a run's end made late
	before    runCounts   // counters of the runs before
	story     []string
}

// runCounts are what an aggregation has come to.
type runCounts struct{ in, late, null, missed int }

func newRunsRecipe(seed uint64) *runsRecipe {
	random := rand.New(rand.NewPCG(seed, 9))
	r := &runsRecipe{recipe: &recipe{random: random, format: "tape"},
		clock: time.Date(2026, 1, 1, 0, 5, 0, 0, time.UTC)}
	for i := range 1 + random.IntN(4) {
		r.names = append(r.names, fmt.Sprintf("topic/%d", i))
		r.at = append(r.at, time.Date(2026, 1, 1, 0, 0, random.IntN(120), 0, time.UTC))
		from := max(0, random.IntN(5)-2)
		r.from, r.to, r.counts = append(r.from, from), append(r.to, from+random.IntN(4)), append(r.counts, 0)
	}
	if chance(random, 2) {
		r.filter = conditions[random.IntN(len(conditions))]
	}
	r.drawWindow()
	r.reference = newRefRuns(r.window, len(r.names))
	r.reference.onIdle = []string{"advance", "flush", "hold"}[random.IntN(3)]
	r.reference.timeout = time.Duration(1+random.IntN(60)) * time.Second
	r.windowed = map[string]any{"on_idle": r.reference.onIdle, "idle_timeout": r.reference.timeout.String()}
	if r.reference.onEnd = []string{"", "flush", "hold"}[random.IntN(3)]; r.reference.onEnd != "" {
		r.windowed["on_end"] = r.reference.onEnd
	}
	r.drawOutputs()
	if chance(random, 2) {
		r.outputs = slices.DeleteFunc(r.outputs, func(o output) bool { return o.folder == "late" })
		r.undecided = r.reference.onEnd == ""
	}
	r.yaml = r.config()
	return r
}

var earlierEvents = regexp.MustCompile(`"earlier":\d+`)

// grow adds the events of a run to the tape, and runs the reference over them.
func (r *runsRecipe) grow(k int) {
	ref := r.reference
	events := strings.Count(r.tape.String(), "\n")
	r.yaml = earlierEvents.ReplaceAllString(r.yaml, fmt.Sprintf(`"earlier":%d`, events))
	r.before = runCounts{len(r.kept()), len(ref.late), len(ref.null), ref.missed}
	ref.begin(chance(r.random, 2))
	r.story = append(r.story, fmt.Sprintf("run %d, bounded %v", k+1, ref.bounded))
	r.clock = r.clock.Add(time.Duration(r.random.IntN(600)) * time.Second)
	if !chance(r.random, 6) {
		for range r.random.IntN(40) {
			r.event(k)
		}
	}
	if chance(r.random, 3) { // silence everywhere
		for range 2 {
			r.clock = r.clock.Add(ref.timeout)
			for i := range r.names {
				r.silence(i)
			}
		}
	}
	ref.end()
}

func (r *runsRecipe) event(k int) {
	r.clock = r.clock.Add(time.Duration(r.random.IntN(10_000)) * time.Millisecond)
	i := r.random.IntN(len(r.names))
	if k < r.from[i] || k > r.to[i] || chance(r.random, 3) {
		r.silence(i)
		return
	}
	e := tapeEvent{Partition: r.names[i], First: r.counts[i]}
	for range 1 + r.random.IntN(8) {
		one := r.row(i)
		text, _ := json.Marshal(one.cells) // texts, numbers, times and nulls always encode
		e.Rows = append(e.Rows, text)
		r.rows = append(r.rows, one)
		r.reference.row(one, r.filter == nil || r.filter.holds(one))
	}
	r.write(e)
}

func (r *runsRecipe) silence(partition int) {
	r.write(tapeEvent{Partition: r.names[partition], AtEnd: r.clock})
	r.reference.atEnd(partition, r.clock)
}

func (r *runsRecipe) write(e tapeEvent) {
	line, _ := json.Marshal(e) // texts, numbers and times always encode
	r.tape.Write(append(line, '\n'))
}

// row draws the next row of a partition.
func (r *runsRecipe) row(partition int) refRow {
	r.at[partition] = r.at[partition].Add(time.Duration(r.random.IntN(8000)) * time.Millisecond)
	cells := r.drawCells(partition, int(r.counts[partition]),
		r.at[partition].Add(-time.Duration(r.random.IntN(20_000))*time.Millisecond))
	one := newRefRow(partition, r.counts[partition], cells)
	r.counts[partition]++
	return one
}

// live carries a run out, with up to two kills on its way.
func (r *runsRecipe) live(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "p.yaml"), r.yaml)
	args := []string{"run", "--json", "p.yaml"}
	if r.reference.bounded {
		args = append(args, "--until", "now")
	}
	s := sabotage{Rows: 1 + r.random.IntN(10), Pause: time.Duration(r.random.IntN(1000)) * time.Microsecond}
	if r.undecided && r.reference.missed > r.before.missed {
		p, release := launch(t, dir, s, args...)
		release.Close()
		if code, messages := p.end(t); code != 1 || !strings.Contains(messages, "on_end: hold keeps") {
			t.Fatalf("%q: %d rows are late by an earlier end alone: got exit %d\n%s\n%s", r.story,
				r.reference.missed-r.before.missed, code, messages, r.yaml)
		}
		r.story = append(r.story, "stopped; on_end: flush")
		r.windowed["on_end"], r.undecided = "flush", false
		r.yaml = strings.Replace(r.yaml, `"on_idle"`, `"on_end":"flush","on_idle"`, 1)
		write(t, filepath.Join(dir, "p.yaml"), r.yaml)
	}
	for kills := r.random.IntN(3); ; kills-- {
		life := s
		if kills > 0 {
			life.Kill = r.killPoint()
			if life.Kill.Call == callRecord {
				life.Kill.Last = false // it would come at any time behind the record, also behind the end
			}
			r.story = append(r.story, life.Kill.String())
		}
		p, release := launch(t, dir, life, args...)
		release.Close()
		code, messages := p.end(t)
		if code == 0 {
			r.balance(t, p.stdout.Bytes())
			return
		}
		if code > 0 || kills <= 0 {
			t.Fatalf("%q: exit %d\n%s\n%s\n%s", r.story, code, messages, r.yaml, r.tape.String())
		}
	}
}

// balance compares the counters of a run.
func (r *runsRecipe) balance(t *testing.T, stdout []byte) {
	t.Helper()
	var s summary
	if err := json.Unmarshal(stdout, &s); err != nil || !s.Balanced {
		t.Fatalf("the summary of %q: %v\n%s", r.story, err, stdout)
	}
	for _, step := range s.Pipelines[0].Steps {
		if step.Label != "windows" {
			continue
		}
		got := runCounts{in: int(step.In), late: int(step.Late), null: int(step.Rejected)}
		want := runCounts{in: len(r.kept()) - r.before.in, late: len(r.reference.late) - r.before.late,
			null: len(r.reference.null) - r.before.null}
		if got != want {
			t.Errorf("counters: got %+v, want %+v", got, want)
		}
	}
}

// check compares all outputs with the reference.
func (r *runsRecipe) check(t *testing.T, dir string) {
	t.Helper()
	got := newOutputReader(r.outputs).read(t, dir)
	want := map[string][]row{"raw": plainRows(r.kept()), "windows": r.reference.visible()}
	for _, l := range r.reference.late {
		want["late"] = append(want["late"], l.lateRow("windows", r.names[l.partition]))
	}
	slices.Sort(want["late"])
	var dead []string
	for _, n := range r.reference.null {
		dead = append(dead, fmt.Sprintf("windows %s:%d", r.names[n.partition], n.position))
	}
	slices.Sort(dead)
	for _, o := range r.outputs {
		if o.folder != "dead" {
			wantSame(t, o.folder, got[o.folder], want[o.holds()])
		} else if positions := deadPositions(got[o.folder]); !slices.Equal(positions, dead) {
			t.Errorf("dead letters: got %q, want %q", positions, dead)
		}
	}
	wantNothingStaged(t, dir)
}
