package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	crashKills = flag.Int("crash.kills", 14, "how often the crash test kills the engine")
	crashSeed  = flag.Uint64("crash.seed", 1, "what it draws its moments from")
)

// TestCrashesChangeNothing kills the engine with SIGKILL, over and over: half of
// the times at random instants, half when it has come to a place in the log.
// Whatever a reader finds after each kill is whole, there once, and part of what
// a run gives that was never killed; what it finds after each recovery is all
// that is owed for the rows that are visible; and in the end it is the same.
func TestCrashesChangeNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(*crashSeed, 0))
	k := makeTickets(t, *crashSeed, 400, 100, 2000)
	var jobs []job
	for _, roll := range []string{rollsByClock, rollsSeldom, rollsOften} {
		jobs = append(jobs, fullJob(fromFiles, roll))
	}
	unharmed := k.neverKilled(t, jobs[0])
	for kills := 0; kills < *crashKills; {
		v := newVictim(t, k, jobs[random.IntN(len(jobs))], unharmed)
		v.random, v.pace = random, sabotage{Rows: 20 + random.IntN(100), Pause: 2 * time.Millisecond}
		if random.IntN(4) == 0 {
			v.pace = sabotage{Pause: 25 * time.Millisecond} // batches as the source makes them
		}
		for range 8 {
			if n := kills + v.kills; n == *crashKills || !v.live(t, n%2 == 0) {
				break
			}
		}
		kills += v.kills
		finish(t, v.dir, v.pace, "run", "p.yaml")
		v.end(t)
		t.Logf("%d kills: %q", kills, v.story)
	}
}

// victim is a job that is killed again and again.
type victim struct {
	*tickets
	job
	*outputReader
	dir       string
	unharmed  visible
	random    *rand.Rand
	pace      sabotage
	unchecked bool    // it is not checked between recovery and its first row
	before    visible // what was seen last
	kills     int
	story     []string
}

func newVictim(t *testing.T, k *tickets, j job, unharmed visible) *victim {
	t.Helper()
	v := &victim{tickets: k, job: j, outputReader: newOutputReader(j.outputs),
		dir: filepath.Join(t.TempDir(), "job"), unharmed: unharmed}
	k.writeTo(t, v.dir, j.config)
	return v
}

// live lets the job run until it is killed. It returns false if it has ended
// before that.
func (v *victim) live(t *testing.T, atRandom bool) bool {
	t.Helper()
	s := v.pace
	s.Hold = "p"
	var after, warned time.Duration
	switch {
	case !atRandom:
		s.Kill = v.drawKillPoint()
		v.record("%v", s.Kill)
	case v.random.IntN(4) == 0:
		s.Hold = ""
		after = time.Duration(v.random.IntN(60)) * time.Millisecond
		v.record("killed %v after its start", after)
	case v.random.IntN(4) == 0:
		after = time.Duration(v.random.IntN(120_000)) * time.Microsecond
		warned = time.Duration(v.random.IntN(30_000)) * time.Microsecond
		v.record("told to stop %v after it began to read, killed %v later", after, warned)
	default:
		after = time.Duration(v.random.IntN(180_000)) * time.Microsecond
		v.record("killed %v after it began to read", after)
	}
	p := v.begin(t, s)
	if atRandom {
		defer p.killAfter(after, warned)()
	}
	return v.dead(t, p, "")
}

// killAfter kills a process after some time, with a warning some time before if
// that is not zero. It returns how to leave that.
func (p *process) killAfter(after, warned time.Duration) (leave func()) {
	end := time.AfterFunc(after+warned, func() { p.Process.Kill() })
	if warned == 0 {
		return func() { end.Stop() }
	}
	warning := time.AfterFunc(after, func() { p.Process.Signal(syscall.SIGTERM) })
	return func() {
		warning.Stop()
		end.Stop()
	}
}

// begin starts the job. If it waits after its recovery, what it has recovered is checked.
func (v *victim) begin(t *testing.T, s sabotage) *process {
	t.Helper()
	p, release := launch(t, v.dir, s, "run", "p.yaml")
	if s.Hold != "" {
		p.untilRecovered(t)
		v.recovered(t)
	}
	release.Close()
	return p
}

// dead waits for the job to be killed with these last words, or to stop after a
// signal, and checks what it leaves. It returns false if the job has
// ended before that.
func (v *victim) dead(t *testing.T, p *process, words string) bool {
	t.Helper()
	code, messages := p.end(t)
	switch {
	case code == 0:
		return false
	case code == 143 && words == "":
		v.record("it had stopped")
	case code != -1 || !strings.Contains(messages, words):
		t.Fatalf("%q: exit %d\n%s", v.story, code, messages)
	default:
		v.kills++
	}
	v.seen(t)
	v.record("%d rows visible", len(v.before["raw_csv"]))
	return true
}

func (v *victim) record(format string, args ...any) {
	v.story = append(v.story, fmt.Sprintf(format, args...))
}

// drawKillPoint draws a point of the protocol to be killed at.
func (v *victim) drawKillPoint() *killPoint {
	sinks := shuffled(v.random, v.sinks())
	step, after := sinks[v.random.IntN(len(sinks))], v.random.IntN(2) == 0
	epoch := 1 + v.random.Uint64N(4)
	switch v.random.IntN(4) {
	case 0:
		return &killPoint{Step: step, Call: callRecord, Epoch: epoch, Order: sinks}
	case 1:
		return &killPoint{Step: step, Call: callCommit, After: after, Epoch: epoch, Order: sinks}
	case 2:
		return &killPoint{Step: step, Call: callPrepare, After: after, Epoch: epoch, Order: sinks,
			Beside: v.random.IntN(2) == 0}
	}
	return &killPoint{Step: "p/in", Call: callNext, Read: 1 + v.random.Int64N(600)}
}

func shuffled(random *rand.Rand, names []string) []string {
	names = slices.Clone(names)
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// seen checks what a reader finds while nothing is written.
func (v *victim) seen(t *testing.T) {
	t.Helper()
	now := v.read(t, v.dir)
	for name, rows := range now {
		if more := excess(rows, v.unharmed[name]); len(more) > 0 {
			t.Errorf("%s has rows twice, or that no other run gives: %.600q", name, some(more))
		}
		if lost := excess(v.before[name], rows); len(lost) > 0 {
			t.Errorf("%s has lost rows that were visible: %.600q", name, some(lost))
		}
	}
	v.before = now
	v.stop(t)
}

// recovered checks what a reader finds when an engine has opened its steps and
// has not read a row yet: all outputs are those of the same rows.
func (v *victim) recovered(t *testing.T) {
	t.Helper()
	v.seen(t)
	raw := len(v.before["raw_csv"])
	if raw < len(v.tickets.rows) {
		v.check(t, v.job, v.before, v.tickets.rows[:raw], false)
	} else { // its windows may be flushed, or not
		v.wantFormatsAgree(t)
	}
	v.stop(t)
}

// wantFormatsAgree compares the outputs that hold the same.
func (v *victim) wantFormatsAgree(t *testing.T) {
	t.Helper()
	first := map[string]string{}
	for _, o := range v.job.outputs {
		if other, known := first[o.holds()]; known {
			wantSame(t, o.folder, v.before[o.folder], v.before[other])
		} else {
			first[o.holds()] = o.folder
		}
	}
}

func (v *victim) stop(t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Fatalf("it was %q", v.story)
	}
}

// end checks what the job has come to, and that nothing of it is left staged.
func (v *victim) end(t *testing.T) {
	t.Helper()
	v.seen(t)
	for _, o := range v.job.outputs {
		wantSame(t, o.folder+" in the end", v.before[o.folder], v.unharmed[o.folder])
	}
	wantNothingStaged(t, v.dir)
	if err := os.RemoveAll(v.dir); err != nil {
		t.Error(err)
	}
	v.stop(t)
}
