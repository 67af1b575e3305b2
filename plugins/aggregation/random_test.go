package aggregation

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// clockTime writes microseconds in one of the ways RFC 3339 allows.
func clockTime(micros int64) string {
	zone := []*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -30*60)}[uint64(micros)%3]
	return time.UnixMicro(micros).In(zone).Format(time.RFC3339Nano)
}

var batchSizes = []int64{1, 7, 100, 1000, 10_000}

func TestRandomCasesEqualTheReference(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			c, parts := randomCase(r, 1)
			want, late, _ := refRun(c, parts)
			if late > 0 {
				t.Fatalf("reference: got %d late rows within the delay, want none", late)
			}
			asText := seed%4 == 0
			h := newHarness(t, c.json(), refSchema(asText))
			newFeed(parts, asText, batchSizes[r.IntN(len(batchSizes))]).run(r, h)
			h.want(want...)
			if h.out.lateRows > 0 {
				t.Errorf("late: got %d rows, want none", h.out.lateRows)
			}
		})
	}
}

func TestRandomCasesWithLateRowsEqualTheReference(t *testing.T) {
	sawLate, sawPartial := false, false
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			c, parts := randomCase(r, 4)
			if seed%2 == 0 { // hopping
				c.every = max(1, c.size/(1+r.Int64N(7))-r.Int64N(3))
				c.offset %= c.every
			}
			want, late, partial := refRun(c, parts)
			h := newHarness(t, c.json(), refSchema(false))
			newFeed(parts, false, batchSizes[r.IntN(len(batchSizes))]).run(r, h)
			h.want(want...)
			if h.out.lateRows != int64(late) || h.out.counts.Partial != int64(partial) {
				t.Errorf("late: got %d and %d in part, want %d and %d",
					h.out.lateRows, h.out.counts.Partial, late, partial)
			}
			sawLate, sawPartial = sawLate || late > 0, sawPartial || partial > 0
		})
	}
	if !sawLate || !sawPartial {
		t.Errorf("cases: got late %t, late in part %t; want both", sawLate, sawPartial)
	}
}

func TestResultDoesNotDependOnInterleavingOrBatchSize(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		c, parts := randomCase(r, 3)
		var want []string
		var late int64
		for run, size := range batchSizes {
			h := newHarness(t, c.json(), refSchema(false))
			newFeed(parts, false, size).run(r, h)
			if run == 0 {
				want, late = h.out.lines(), h.out.lateRows
			}
			h.want(want...) // to the last bit of the float sums
			if h.out.lateRows != late {
				t.Errorf("seed %d, batches of %d: got %d late rows, want %d", seed, size, h.out.lateRows, late)
			}
		}
	}
}

func TestRestoringAtAnyBarrierChangesNothing(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			c, parts := randomCase(r, 3)
			if seed%2 == 0 {
				c.every = max(1, c.size/3)
				c.offset %= c.every
			}
			want, late, _ := refRun(c, parts)
			h := newHarness(t, c.json(), refSchema(false))
			f := newFeed(parts, false, 300)
			f.before = func(h *harness) {
				if r.IntN(3) > 0 {
					h.barrier()
				}
				if h.epoch > 0 && r.IntN(2) == 0 {
					h.barrier()
					h.reopen()
					h.partitions(f.names...)
				}
			}
			f.run(r, h)
			h.want(want...)
			if h.out.lateRows != int64(late) {
				t.Errorf("late: got %d, want %d", h.out.lateRows, late)
			}
			h.barrier()
			if n := h.cellsStored(); n > 0 {
				t.Errorf("stored cells after the end: got %d, want none", n)
			}
		})
	}
}
