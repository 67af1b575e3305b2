package main

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// points are kills of one job, one after the other, each in a process that goes
// on where the one before was killed.
type points struct {
	name  string
	at    []killPoint
	pace  sabotage
	grows bool // rows stay staged for some epochs; else each epoch shows its own
}

// TestEveryPointOfTheProtocolCanBeTheLast kills the engine before and after each
// call that an epoch consists of: for each sink and step separately, in the first
// epoch of a process, in a later one and in the last; at every call by which it
// opens and recovers; and while it ends. Between any two calls there is a kill.
//
// After each of them what readers see is whole, after each recovery it is what is
// owed for the rows read, and in the end it is what a run gives that was never
// killed.
func TestEveryPointOfTheProtocolCanBeTheLast(t *testing.T) {
	k := makeTickets(t, 5, 60, 20, 260)
	j, growing := smallJob(fromFiles, rollsOften), smallJob(fromFiles, rollsSeldom)
	unharmed := k.neverKilled(t, j)
	for _, test := range slices.Concat(pointsOfEpochs(j), pointsOfRecovery(j), pointsOfTheEnd(j)) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, k, j, unharmed)
			if test.grows {
				v = newVictim(t, k, growing, unharmed)
			}
			if v.pace = test.pace; v.pace.Rows == 0 {
				v.pace = sabotage{Rows: 10, PerEpoch: 2}
			}
			for _, point := range test.at {
				v.dieAt(t, point)
			}
			v.pace.PerEpoch, v.pace.Pause = 0, 0
			finish(t, v.dir, v.pace, "run", "p.yaml")
			v.end(t)
		})
	}
}

// dieAt lets the job run until it kills itself.
func (v *victim) dieAt(t *testing.T, k killPoint) {
	t.Helper()
	s := v.pace
	s.Kill = &k
	switch k.Call {
	case callOpen, callCommitAgain, callRecover, callPin:
	default:
		if !v.unchecked {
			s.Hold = "p"
		}
	}
	v.record("%v", s.Kill)
	words := k.String()
	if k.Beside {
		words = besideRows + "\n" + words
	}
	if !v.dead(t, v.begin(t, s), words) {
		t.Fatalf("the job has ended; it was to be %q", v.story)
	}
}

// inEpochs are the kills before and after a call in the first, a later and the
// last epoch.
func inEpochs(k killPoint) []killPoint {
	var all []killPoint
	for _, epoch := range []uint64{1, 3, 0} {
		for _, after := range []bool{false, true} {
			k.Epoch, k.Last, k.After = epoch, epoch == 0, after
			all = append(all, k)
		}
	}
	return all
}

// pointsOfEpochs are those of the table "the life of an epoch".
func pointsOfEpochs(j job) []points {
	sinks := j.sinks()
	var all []points
	add := func(grows bool, call, step string, order []string) {
		all = append(all, points{name: call + " " + filepath.Base(step), grows: grows,
			at: inEpochs(killPoint{Step: step, Call: call, Order: order})})
	}
	for _, sink := range sinks {
		add(true, callDue, sink, nil)
		add(true, callBarrier, sink, nil)
		add(true, callPrepare, sink, sinks)
		add(false, callCommit, sink, sinks)
	}
	for _, step := range []string{"p/windows", "p/sessions"} {
		add(true, callPassed, step, nil)
		add(false, callSnapshot, step, nil)
	}
	add(true, callCommitted, "p/in", nil)
	var beside []killPoint
	for _, sink := range sinks[:2] { // which get rows all the time
		k := killPoint{Step: sink, Call: callPrepare, Epoch: 1, Beside: true}
		beside = append(beside, k)
		k.After = true
		beside = append(beside, k)
	}
	return append(all,
		points{name: "record", at: []killPoint{
			{Step: sinks[0], Call: callRecord, Epoch: 1, Order: sinks},
			{Step: sinks[0], Call: callRecord, Epoch: 3, Order: sinks},
			{Step: sinks[0], Call: callRecord, Last: true, Order: sinks}}},
		points{name: "prepare beside write", at: beside, pace: sabotage{Rows: 5, Pause: time.Millisecond}},
		points{name: "write", at: []killPoint{
			{Step: sinks[0], Call: callWrite}, {Step: sinks[1], Call: callWrite, After: true},
			{Step: "p/late", Call: callWrite}, {Step: "p/dead", Call: callWrite, After: true}}})
}

// pointsOfRecovery are those between the start of a process and its first row,
// when the process before it was killed with an epoch recorded and not committed.
func pointsOfRecovery(j job) []points {
	sinks := j.sinks()
	uncommitted := killPoint{Step: sinks[0], Call: callCommit, Epoch: 2, Order: sinks}
	var all []points
	for i, sink := range sinks {
		at := []killPoint{uncommitted}
		for _, call := range []string{callOpen, callCommitAgain, callRecover} {
			at = append(at, killPoint{Step: sink, Call: call}, killPoint{Step: sink, Call: call, After: true})
		}
		all = append(all, points{name: "recovery of " + filepath.Base(sink), at: at})
		if i < 2 { // a CSV file that grows, and parts of Parquet
			all = append(all, points{name: "recovery of staged " + filepath.Base(sink), at: at, grows: true})
		}
	}
	at := []killPoint{uncommitted}
	for _, step := range []string{"p/windows", "p/sessions"} { // which restore their state
		at = append(at, killPoint{Step: step, Call: callOpen}, killPoint{Step: step, Call: callOpen, After: true})
	}
	all = append(all, points{name: "recovery of steps", at: at})
	var first []killPoint
	for _, call := range []string{callOpen, callPin} {
		first = append(first, killPoint{Step: "p/in", Call: call},
			killPoint{Step: "p/in", Call: call, After: true})
	}
	first = append(first, killPoint{Step: "p/in", Call: callNext},
		killPoint{Step: "p/in", Call: callNext, Read: 1})
	return append(all, points{name: "recovery of the input", at: append([]killPoint{uncommitted}, first...)},
		points{name: "before any record", at: append(first, first...)})
}

// pointsOfTheEnd are those behind the last row. Before the source is closed the
// run has not ended; behind it the next process begins another, without input.
func pointsOfTheEnd(j job) []points {
	sinks := j.sinks()
	var ends, closes []killPoint
	for _, step := range append([]string{"p/windows", "p/sessions"}, sinks[:4]...) {
		ends = append(ends, killPoint{Step: step, Call: callEnd}, killPoint{Step: step, Call: callEnd, After: true})
	}
	for _, step := range append([]string{"p/in"}, sinks...) {
		closes = append(closes, killPoint{Step: step, Call: callClose})
	}
	closes = append(closes, killPoint{Step: "p/in", Call: callClose, After: true})
	return []points{{name: "end", at: ends}, {name: "close", at: closes}}
}
