package main

import (
	"math"
	"time"
)

// refRuns is the reference of an aggregation over several runs of one input: the
// rules of idle partitions and of a run's end, event by event.
type refRuns struct {
	refWindow
	onIdle, onEnd string
	timeout       time.Duration
	parts         []*refPartition

	run     int
	bounded bool  // the run was given an end that is not the input's own
	closed  int64 // windows that end by then have come out, or never will
	natural int64 // the same, if no end of a run had closed any
	newest  int64 // event time
	members []member

	late   []refLate
	null   []refRow
	missed int // rows that only the end of an earlier run made late
}

// refPartition is a partition at some moment.
type refPartition struct {
	newest      int64
	found, last time.Time // at its end, first and last since its newest row
	foundIn     int       // run of found
	idle        bool
}

func newRefRuns(w refWindow, partitions int) *refRuns {
	r := &refRuns{refWindow: w, closed: refUnset, natural: refUnset, newest: refUnset}
	for range partitions {
		r.parts = append(r.parts, &refPartition{newest: refUnset})
	}
	return r
}

// begin starts a run: whoever asks first hears which partitions are at their end.
func (r *refRuns) begin(bounded bool) {
	r.run++
	r.bounded = bounded
	for _, p := range r.parts {
		p.idle = false
	}
	for i, p := range r.parts {
		if !p.found.IsZero() {
			r.atEnd(i, p.last)
		}
	}
}

// end closes all windows if the input itself has ended, unless the config holds them.
func (r *refRuns) end() {
	if !r.bounded && r.onEnd != "hold" {
		r.closed = max(r.closed, r.lastEnd())
	}
}

// row takes a row, or hears of one that does not come so far.
func (r *refRuns) row(one refRow, kept bool) {
	p := r.parts[one.partition]
	p.found, p.idle = time.Time{}, false
	switch {
	case kept && one.at == refUnset:
		r.null = append(r.null, one)
	case kept:
		r.classify(p, one)
	}
	r.advance(time.Time{})
}

func (r *refRuns) classify(p *refPartition, one refRow) {
	watermark, natural := max(r.closed, r.own(p)), max(r.natural, r.own(p))
	members, passed := r.membersOf(r.members, one, watermark)
	if passed > natural {
		r.missed++
	}
	if len(members) == 0 {
		r.late = append(r.late, refLate{one, watermark})
	}
	r.members = append(r.members, members...)
	p.newest, r.newest = max(p.newest, one.at), max(r.newest, one.at)
}

func (r *refRuns) own(p *refPartition) int64 {
	if p.newest == refUnset {
		return refUnset
	}
	return p.newest - r.delay
}

// atEnd hears that a partition was found at its end.
func (r *refRuns) atEnd(partition int, at time.Time) {
	p := r.parts[partition]
	if p.found.IsZero() {
		p.found, p.foundIn = at, r.run
	}
	p.last = at
	p.idle = at.Sub(p.found) >= r.timeout || r.bounded && p.newest == refUnset && p.foundIn < r.run
	r.advance(at)
}

// advance closes windows: as far as the partitions that are not idle have come, or
// by on_idle.
func (r *refRuns) advance(now time.Time) {
	to, silent, quiet := int64(math.MaxInt64), true, time.Time{}
	for _, p := range r.parts {
		switch {
		case !p.idle:
			to, silent = min(to, r.own(p)), false
		case p.found.After(quiet):
			quiet = p.found
		}
	}
	if silent {
		to = refUnset
		switch {
		case now.IsZero() || r.newest == refUnset:
		case r.onIdle == "flush":
			to = r.lastEnd()
		case r.onIdle == "advance":
			to = r.newest - r.delay + now.Sub(quiet).Microseconds()
		}
	}
	r.closed, r.natural = max(r.closed, to), max(r.natural, to)
}

// lastEnd is the end of the last open window.
func (r *refRuns) lastEnd() int64 {
	end := r.closed
	for _, m := range r.assignSessions(r.members) {
		end = max(end, m.end)
	}
	return end
}

// visible are the windows that have come out.
func (r *refRuns) visible() []row { return closedBy(r.compute(r.assignSessions(r.members)), r.closed) }
