package main

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

const (
	minute        = 60_000_000 // microseconds
	precision     = 12         // of the sketch of clients: 4,096 registers, 1.6 % standard error
	binsPerOctave = 64         // of the quantiles: a bin is at most 1/64 wide, its middle 1/128 off
)

// group is what is known of the tickets of one minute, type and priority.
type group struct {
	minute              int64
	kind, priorite      string
	tickets, total      int64
	least, most         int64
	registers           [1 << precision]uint8
	bins                [64 * binsPerOctave]uint32
	firstUsed, lastUsed int // bins
}

// table is the groups by minute; types and priorities have small numbers.
type table struct {
	kinds, priorites interned
	minutes          map[int64][]*group // by kind and priority, 16 of each
	at               int64              // the minute of last, which most rows share
	last             []*group
}

func newTable() *table { return &table{minutes: map[int64][]*group{}, at: -1} }

// interned numbers the few texts of a column.
type interned [][]byte

func (in *interned) id(v []byte) int {
	for i, known := range *in {
		if string(known) == string(v) {
			return i
		}
	}
	*in = append(*in, bytes.Clone(v))
	return len(*in) - 1
}

func (t *table) group(at int64, kind, priorite []byte) *group {
	start := at - at%minute
	if start != t.at {
		if t.minutes[start] == nil {
			t.minutes[start] = make([]*group, 256)
		}
		t.at, t.last = start, t.minutes[start]
	}
	id := t.kinds.id(kind)<<4 | t.priorites.id(priorite)
	g := t.last[id]
	if g == nil {
		g = &group{minute: start, kind: string(kind), priorite: string(priorite),
			least: math.MaxInt64, most: math.MinInt64, firstUsed: math.MaxInt}
		t.last[id] = g
	}
	return g
}

func (t *table) count(b *block) {
	for i, at := range b.at {
		g := t.group(at, b.texts[kind][i], b.texts[priorite][i])
		v := b.numbers[i]
		g.tickets++
		g.total += v
		g.least, g.most = min(g.least, v), max(g.most, v)
		g.client(xxhash.Sum64(b.texts[clientID][i]))
		bin := binOf(v)
		g.bins[bin]++
		g.firstUsed, g.lastUsed = min(g.firstUsed, bin), max(g.lastUsed, bin)
	}
}

// binOf is a floating-point number of six bits, in effect: the octave of the
// value and the 64th of the octave that it lies in.
func binOf(v int64) int {
	u := uint64(max(v, 0))
	if u < binsPerOctave {
		return int(u)
	}
	octave := bits.Len64(u) - 7
	return (octave+1)*binsPerOctave + int(u>>octave)&(binsPerOctave-1)
}

func middleOf(bin int) float64 {
	if bin < 2*binsPerOctave {
		return float64(bin)
	}
	octave := bin/binsPerOctave - 1
	low := uint64(binsPerOctave+bin%binsPerOctave) << octave
	return float64(low) + float64(uint64(1)<<octave-1)/2
}

func (g *group) client(hash uint64) {
	register := hash >> (64 - precision)
	rank := uint8(bits.LeadingZeros64(hash<<precision|1<<(precision-1)) + 1)
	if rank > g.registers[register] {
		g.registers[register] = rank
	}
}

// clients estimates how many different clients there were.
func (g *group) clients() int64 {
	const m = 1 << precision
	sum, empty := 0.0, 0
	for _, r := range g.registers {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty))
	}
	return int64(math.Round(estimate))
}

// quantile is the middle of the bin in which the value of that rank lies.
func (g *group) quantile(q float64) float64 {
	rank, seen := int64(q*float64(g.tickets-1)), int64(0)
	for bin := g.firstUsed; bin <= g.lastUsed; bin++ {
		if seen += int64(g.bins[bin]); seen > rank {
			return min(max(middleOf(bin), float64(g.least)), float64(g.most))
		}
	}
	return float64(g.most)
}

func (t *table) add(other *table) {
	for start, groups := range other.minutes {
		for _, from := range groups {
			if from == nil {
				continue
			}
			to := t.group(start, []byte(from.kind), []byte(from.priorite))
			to.tickets += from.tickets
			to.total += from.total
			to.least, to.most = min(to.least, from.least), max(to.most, from.most)
			for i, r := range from.registers {
				to.registers[i] = max(to.registers[i], r)
			}
			for i := from.firstUsed; i <= from.lastUsed; i++ {
				to.bins[i] += from.bins[i]
			}
			to.firstUsed = min(to.firstUsed, from.firstUsed)
			to.lastUsed = max(to.lastUsed, from.lastUsed)
		}
	}
}

// sorted is all groups in the order of the report.
func (t *table) sorted() []*group {
	var all []*group
	for _, groups := range t.minutes {
		for _, g := range groups {
			if g != nil {
				all = append(all, g)
			}
		}
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.priorite, b.priorite))
	})
	return all
}
