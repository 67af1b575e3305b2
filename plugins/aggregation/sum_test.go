package aggregation

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestIntegerSumsAreExact holds sums against arbitrary precision, over every way a
// cell can change: values of both signs and of uint64, joins, clearing, storing.
func TestIntegerSumsAreExact(t *testing.T) {
	const cells = 40
	limits := []int64{0, 1, -1, 1<<63 - 1, -1 << 63, 5, -7}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := &intSum{unsigned: seed%2 == 0, mean: seed%4 < 2}
		s.grow(cells)
		var want [cells]big.Int
		var n [cells]int64
		for range 2000 {
			cell, other := uint32(r.IntN(cells)), uint32(r.IntN(cells))
			switch r.IntN(8) {
			case 0:
				if cell != other {
					s.merge(cell, other)
					s.clear(other)
					want[cell].Add(&want[cell], &want[other])
					want[other].SetInt64(0)
					n[cell], n[other] = n[cell]+n[other], 0
				}
			case 1:
				s.clear(cell)
				want[cell].SetInt64(0)
				n[cell] = 0
			case 2:
				stored := &reader{remaining: s.encode(nil, cell)}
				s.clear(cell)
				if s.decode(stored, cell); stored.done() != nil {
					t.Fatalf("cell %d was not read back", cell)
				}
			default:
				v := limits[r.IntN(len(limits))]
				s.add(&input{cells: []uint32{cell}, rows: []uint32{0}, columns: []column{{fixed: []int64{v}}}})
				if s.unsigned {
					want[cell].Add(&want[cell], new(big.Int).SetUint64(uint64(v)^1<<63))
				} else {
					want[cell].Add(&want[cell], big.NewInt(v))
				}
				n[cell]++
			}
			high, low := s.sum(cell)
			got := new(big.Int).Lsh(big.NewInt(high), 64)
			if got.Add(got, new(big.Int).SetUint64(low)); got.Cmp(&want[cell]) != 0 {
				t.Fatalf("seed %d: got %v, want %v", seed, got, &want[cell])
			}
			if got := s.values(cell); got != n[cell] && (s.mean || got != min(n[cell], 1)) {
				t.Fatalf("seed %d: got %d values, want %d", seed, got, n[cell])
			}
		}
		for cell, more := range s.more {
			if more == 0 {
				t.Errorf("seed %d: cell %d keeps that it needs nothing kept", seed, cell)
			}
		}
	}
}

// TestSumBeyondItsTypeIsGoneOnIn: a sum leaves the range of its type, is stored in
// its run and again by itself, is restored, and comes back into the range.
func TestSumBeyondItsTypeIsGoneOnIn(t *testing.T) {
	h := newHarness(t, with(`"group_by": ["id"], "aggregates": {"s": "sum(v)"}`),
		schemaOf(t, "at timestamp", "id string", "v int64"))
	const most, groups = 1<<63 - 1, 40
	add := func(v int64, ids ...int) {
		var rows []string
		for _, id := range ids {
			rows = append(rows, fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": "%02d", "v": %d}`, id, v))
		}
		h.json("p", rows...)
	}
	var all []int
	for id := range groups {
		all = append(all, id)
	}
	h.partitions("p")
	add(most, all...)
	add(most, all...)
	h.barrier()
	add(most, 7)
	h.barrier()
	h.reopen()
	h.partitions("p")
	add(-most, all...)
	add(-most, append([]int{7}, all[1:]...)...)
	h.end()
	lines := h.out.lines()
	for id, want := range map[int]int64{0: most, 1: 0, 7: 0, 39: 0} {
		if got := lines[id]; got != fmt.Sprintf("00:00:00|00:01:00|%02d|%d", id, want) {
			t.Errorf("group %d: got %s, want a sum of %d", id, got, want)
		}
	}
}
