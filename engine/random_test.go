package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var (
	randomPipelines = flag.Int("random.pipelines", 25, "how many pipelines the random test draws")
	randomSeed      = flag.Uint64("random.seed", 1, "the seed of the first; the others follow")
)

// TestRandomPipelinesGiveWhatTheReferenceDoes draws pipelines, their input and
// the moments at which they are killed. A seed that fails is run again by
// -random.seed=N -random.pipelines=1.
func TestRandomPipelinesGiveWhatTheReferenceDoes(t *testing.T) {
	for i := range *randomPipelines {
		seed := *randomSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := newRecipe(seed)
			dir := filepath.Join(t.TempDir(), "job")
			write(t, filepath.Join(dir, "p.yaml"), r.yaml)
			for name, text := range r.files {
				write(t, filepath.Join(dir, name), text)
			}
			t.Logf("%q", r.run(t, dir))
			r.check(t, dir)
			if t.Failed() {
				t.Logf("p.yaml:\n%s", r.yaml)
				for _, name := range r.names {
					t.Logf("%s:\n%s", name, r.files[name])
				}
			}
		})
	}
}

// run carries the job out, with up to three kills on its way.
func (r *recipe) run(t *testing.T, dir string) (story []string) {
	t.Helper()
	pace := sabotage{Rows: 1 + r.random.IntN(40), Pause: time.Duration(r.random.IntN(2000)) * time.Microsecond}
	for range r.random.IntN(4) {
		s := pace
		after := time.Duration(0)
		if r.random.IntN(2) == 0 {
			after = time.Duration(r.random.IntN(200)) * time.Millisecond
			story = append(story, fmt.Sprint("killed after ", after))
		} else {
			s.Kill = r.killPoint()
			story = append(story, s.Kill.String())
		}
		p, release := launch(t, dir, s, "run", "p.yaml")
		release.Close()
		if after > 0 {
			timer := time.AfterFunc(after, func() { p.Process.Kill() })
			defer timer.Stop()
		}
		code, messages := p.end(t)
		if code > 0 {
			t.Fatalf("%q: exit %d\n%s\n%s", story, code, messages, r.yaml)
		}
		if code == 0 {
			story = append(story, "but it had ended")
		}
	}
	pace.Pause = 0
	finish(t, dir, pace, "run", "p.yaml")
	return append(story, fmt.Sprintf("in batches of %d", pace.Rows))
}

// killPoint draws a place in the protocol.
func (r *recipe) killPoint() *killPoint {
	var sinks []string
	for _, o := range r.outputs {
		sinks = append(sinks, "p/"+o.folder)
	}
	sinks = shuffled(r.random, sinks)
	k := &killPoint{Step: sinks[r.random.IntN(len(sinks))], After: r.random.IntN(2) == 0,
		Epoch: 1 + r.random.Uint64N(4), Last: r.random.IntN(5) == 0}
	switch r.random.IntN(6) {
	case 0:
		k.Call, k.Order, k.After = callRecord, sinks, false
	case 1:
		k.Call, k.Order = callPrepare, sinks
	case 2, 3:
		k.Call, k.Order = callCommit, sinks
	case 4:
		k.Call = callBarrier
	default:
		return &killPoint{Step: "p/in", Call: callNext, Read: 1 + r.random.Int64N(200)}
	}
	return k
}

// check compares all outputs with the reference.
func (r *recipe) check(t *testing.T, dir string) {
	t.Helper()
	got := newOutputReader(r.outputs).read(t, dir)
	rows, want, dead := r.kept(), map[string][]row{}, slices.Clone(r.undecoded)
	want["raw"] = plainRows(rows)
	result := r.window.run(rows)
	want["windows"] = allOf(result.windows)
	for _, l := range result.late {
		want["late"] = append(want["late"], l.lateRow("windows", r.names[l.partition]))
	}
	slices.Sort(want["late"])
	for _, n := range result.null {
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
	t.Logf("%d files, %d rows, %d kept, %d windows, %d late, %d dead letters", len(r.files), len(r.rows),
		len(rows), len(want["windows"]), len(want["late"]), len(dead))
}

// kept are the rows behind the steps that all outputs share.
func (r *recipe) kept() []refRow {
	var rows []refRow
	for _, one := range r.rows {
		if r.filter == nil || r.filter.holds(one) {
			rows = append(rows, one)
		}
	}
	return rows
}

// chance is true one time in n.
func chance(random *rand.Rand, n int) bool { return random.IntN(n) == 0 }
