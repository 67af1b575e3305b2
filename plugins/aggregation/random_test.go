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

func TestRandomCasesWithinTheDelayEqualTheReference(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			c, parts := randomCase(r, shapes[seed%4], 1)
			asText := seed%8 < 4
			h := newHarness(t, c.json(), refSchema(asText))
			f := newFeed(c, parts, asText, batchSizes[r.IntN(len(batchSizes))])
			f.run(r, h)
			f.wantReference(t, h)
			if h.out.lateRows > 0 {
				t.Errorf("late: got %d rows, want none", h.out.lateRows)
			}
		})
	}
}

// TestRandomCasesEqualTheReference has late rows, and partitions that fall
// silent by a virtual clock and wake up again.
func TestRandomCasesEqualTheReference(t *testing.T) {
	late, partial, idle := map[string]int{}, map[string]int{}, map[string]int{}
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			shape := shapes[seed%3]
			c, parts := randomCase(r, shape, 4)
			c.onIdle = []string{"advance", "flush", "hold"}[seed/3%3]
			h := newHarness(t, c.json(), refSchema(false))
			f := newFeed(c, parts, false, batchSizes[r.IntN(len(batchSizes))])
			f.quiet = seed/9%2 == 0
			f.run(r, h)
			f.wantReference(t, h)
			late[shape] += f.ref.late
			partial[shape] += f.ref.partial
			if f.quiet {
				idle[c.onIdle] += f.ref.late
			}
		})
	}
	for _, shape := range shapes[:3] {
		if late[shape] == 0 || shape == "hopping" != (partial[shape] > 0) {
			t.Errorf("%s: got %d late rows, %d in part", shape, late[shape], partial[shape])
		}
	}
	if idle["advance"] == 0 || idle["flush"] == 0 {
		t.Errorf("late rows of cases with silent partitions: got %v", idle)
	}
}

func TestResultDoesNotDependOnInterleavingOrBatchSize(t *testing.T) {
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 3))
		c, parts := randomCase(r, shapes[seed%4], 3)
		var want []string
		var late int64
		for run, size := range batchSizes {
			h := newHarness(t, c.json(), refSchema(false))
			newFeed(c, parts, false, size).run(r, h)
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
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4))
			shape := shapes[seed%4]
			c, parts := randomCase(r, shape, 3)
			h := newHarness(t, c.json(), refSchema(false))
			f := newFeed(c, parts, false, 300)
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
			f.wantReference(t, h)
			h.barrier()
			if n := h.cellsStored(); (n > 0) != (shape == "none") {
				t.Errorf("stored cells after the end: got %d", n)
			}
		})
	}
}
