package aggregation

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// floatResult is what numbers come to, each list of another partition. With
// stored, the cell is written and read back before every number.
func floatResult(t *testing.T, mean, stored bool, parts [][]float64) float64 {
	t.Helper()
	names := newPartitions()
	s := &floatSum{parts: names, mean: mean}
	s.grow(1)
	for i, values := range parts {
		names.add("p/"+string(rune('0'+i)), uint32(i))
		for _, v := range values {
			if stored {
				r := &reader{remaining: s.encode(nil, 0)}
				s.clear(0)
				if s.decode(r, 0); r.done() != nil {
					t.Fatalf("%v: the state is not read back", parts)
				}
			}
			s.add(&input{cells: []uint32{0}, rows: []uint32{0}, partition: uint32(i),
				columns: []column{{floats: []float64{v}}}})
		}
	}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	if err := s.result(b, 0); err != nil {
		t.Fatal(err)
	}
	if s.clear(0); len(s.over) > 0 {
		t.Errorf("%v: cleared, and keeps %d sums", parts, len(s.over))
	}
	return b.Value(0)
}

// TestFloatSumIsInfiniteOnlyIfTheWholeIs: neither a sum on the way nor that of a
// partition makes it so, and numbers that are infinite stay what they are.
func TestFloatSumIsInfiniteOnlyIfTheWholeIs(t *testing.T) {
	const most = math.MaxFloat64
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		parts     [][]float64
		sum, mean float64
	}{
		{[][]float64{{1, 2}, {3}}, 6, 2},
		{[][]float64{{1e308, 1e308, -1e308}}, 1e308, 1e308 / 3},
		{[][]float64{{1e308, -1e308, 1e308}}, 1e308, 1e308 / 3},
		{[][]float64{{-1e308, -1e308, 1e308, 1e308}}, 0, 0},
		{[][]float64{{1e308, 1e308, 4}, {-1e308}, {-1e308}}, 4, 0.8},
		{[][]float64{{1e308}, {1e308}, {-1e308}}, 1e308, 1e308 / 3},
		{[][]float64{{most, most}, {most, most}}, inf, most},
		{[][]float64{{-most, -most, -most}}, -inf, -most},
		{[][]float64{{1e308, 1e308, -inf}}, -inf, -inf},
		{[][]float64{{-inf, 1e308, 1e308}}, -inf, -inf},
		{[][]float64{{1e308, 1e308}, {-inf}}, -inf, -inf},
		{[][]float64{{inf, -1e308, -1e308}}, inf, inf},
		{[][]float64{{1e308, 1e308, inf, -inf}}, nan, nan},
		{[][]float64{{inf}, {-inf}}, nan, nan},
		{[][]float64{{nan, 1e308, 1e308}}, nan, nan},
		{[][]float64{{1e308, 1e308, nan, -1e308}, {1}}, nan, nan},
	} {
		for _, stored := range []bool{false, true} {
			sum, mean := floatResult(t, false, stored, test.parts), floatResult(t, true, stored, test.parts)
			if !sameFloat(sum, test.sum) || !sameFloat(mean, test.mean) {
				t.Errorf("%v, stored on the way: %t: got %v and a mean of %v, want %v and %v",
					test.parts, stored, sum, mean, test.sum, test.mean)
			}
		}
	}
}

func sameFloat(a, b float64) bool { return a == b || a != a && b != b }

// TestMeanOfASessionIsFiniteThoughItsSumIsNot, which has the other kind of sum.
func TestMeanOfASessionIsFiniteThoughItsSumIsNot(t *testing.T) {
	var sum exact
	for range 3 {
		sum.add(math.MaxFloat64)
	}
	if got := sum.mean(3); got != math.MaxFloat64 {
		t.Errorf("got %v, want %v", got, math.MaxFloat64)
	}
	if sum.add(math.Inf(1)); !math.IsInf(sum.mean(4), 1) {
		t.Errorf("with infinity: got %v", sum.mean(4))
	}
}

// FuzzFloatState decodes anything: it is refused, or a sum that can be added to,
// read and written again.
func FuzzFloatState(f *testing.F) {
	parts := newPartitions()
	parts.add("p/0", 0)
	add := func(s *floatSum, v float64) {
		s.add(&input{cells: []uint32{0}, rows: []uint32{0}, columns: []column{{floats: []float64{v}}}})
	}
	result := func(s *floatSum) float64 {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		if err := s.result(b, 0); err != nil {
			f.Fatal(err)
		}
		return b.Value(0)
	}
	for _, v := range []float64{1, 1e308} {
		s := &floatSum{parts: parts}
		s.grow(1)
		add(s, v)
		add(s, v)
		f.Add(s.encode(nil, 0), -v)
	}
	f.Fuzz(func(t *testing.T, state []byte, v float64) {
		s, again := &floatSum{parts: parts}, &floatSum{parts: parts}
		s.grow(1)
		again.grow(1)
		r := &reader{remaining: state}
		if s.decode(r, 0); r.done() != nil {
			return
		}
		add(s, v)
		r = &reader{remaining: s.encode(nil, 0)}
		if again.decode(r, 0); r.done() != nil {
			t.Fatalf("state %x: written as %x, which is refused", state, s.encode(nil, 0))
		}
		if before, after := result(s), result(again); !sameFloat(before, after) {
			t.Fatalf("state %x: got %v, then %v", state, before, after)
		}
	})
}
