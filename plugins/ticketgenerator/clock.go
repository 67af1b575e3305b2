package ticketgenerator

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// defaultLateBy is how late tickets are at most if nothing is said.
const defaultLateBy = 10 * time.Minute

// clock computes the event time of tickets. Each ticket of a run has a slot in
// event time; disorder shuffles the slots inside blocks that are no longer than
// it, so that no time is lost or doubled, none leaves the run's span, and a
// ticket is never further than the disorder behind those before it.
type clock struct {
	pace     pace
	disorder uint64 // microseconds
	block    uint64 // slots that are shuffled among themselves
	at       uint64 // block of shuffle, plus one
	shuffle  permutation
	late     uint64  // chance of 1<<32
	lateBy   uint64  // microseconds
	each     float64 // microseconds between two tickets, if event time is now
	now      int64   // of the ticket in hand, if event time is now
	until    int64   // and of the last one of its batch
	left     int     // tickets of the batch behind it
}

func newClock(c *Config, p *position) clock {
	k := clock{pace: p.pace(), late: chance(c.LateRatio), block: 1,
		disorder: uint64(time.Duration(c.Disorder).Microseconds())}
	k.block = k.pace.slots(time.Duration(c.Disorder))
	if c.Rate > 0 {
		k.each = 1e6 / c.Rate
	}
	lateBy := time.Duration(c.LateBy)
	if lateBy == 0 {
		lateBy = defaultLateBy
		if p.Span > 0 {
			lateBy = min(lateBy, time.Duration(p.Span)*time.Microsecond/2)
		}
	}
	k.lateBy = uint64(lateBy.Microseconds())
	return k
}

// begin reads the wall clock for a batch whose event time is now. Its tickets
// were gathered meanwhile: they are as far apart as the rate has them, and none
// is before those of the batch before.
func (k *clock) begin(p *position, now time.Time, rows int) {
	if !p.isNow() {
		return
	}
	k.until, k.left = now.UnixMicro(), rows
	k.advance()
	k.now = max(k.now, min(p.Newest, k.until))
	p.Newest = max(p.Newest, k.until)
}

// advance moves now on to the next ticket of the batch.
func (k *clock) advance() {
	if k.left == 0 {
		return
	}
	k.left--
	k.now = max(k.now, k.until-int64(float64(k.left)*k.each))
}

// time is the event time of the ticket at p. within is random.
func (k *clock) time(p *position, within uint64, random *rand.PCG) int64 {
	earliest, at := p.Start, int64(0)
	if p.isNow() {
		earliest = 0
		at = k.now - scale(k.disorder, within)
		k.advance()
	} else {
		slot := k.slot(p)
		at = p.Start + k.pace.at(slot) + scale(k.pace.whole, within)
	}
	if k.late == 0 {
		return at
	}
	dice := random.Uint64()
	if dice>>32 >= k.late {
		return at
	}
	half := k.lateBy / 2
	if late := at - int64(k.disorder+half) - scale(half, random.Uint64()); late >= earliest {
		return late
	}
	// The span began too recently: anywhere in what there is of it.
	return earliest + scale(uint64(at-earliest), random.Uint64())
}

// scale makes a number below n of 64 random bits.
func scale(n, random uint64) int64 {
	high, _ := bits.Mul64(n, random)
	return int64(high)
}

// slot is the slot in event time of the ticket at p.
func (k *clock) slot(p *position) uint64 {
	if k.block == 1 {
		return p.Done
	}
	block := p.Done / k.block
	first := block * k.block
	if k.at != block+1 {
		size := k.block
		if p.Count >= 0 {
			size = min(size, uint64(p.Count)-first)
		}
		k.shuffle = newPermutation(size, mix(p.Seed^mix(p.Index-(p.Done-first))))
		k.at = block + 1
	}
	return first + k.shuffle.at(p.Done-first)
}
