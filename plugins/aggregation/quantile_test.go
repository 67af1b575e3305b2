package aggregation

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestQuantileIsWithinItsError(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	draws := map[string]func() float64{
		"uniform": func() float64 { return r.Float64() * 100 },
		"normal":  func() float64 { return r.NormFloat64() * 1e6 },
		"long":    func() float64 { return math.Exp(r.NormFloat64() * 20) },
		"whole":   func() float64 { return float64(r.IntN(10) - 5) },
		"any":     func() float64 { return anyFloat(r) },
		"same":    func() float64 { return 100 },
		"tiny":    func() float64 { return r.Float64() * 1e-310 },
	}
	for name, draw := range draws {
		for _, n := range []int{1, 2, 3, 10, 1001} {
			var all []float64
			for range n {
				all = append(all, draw())
			}
			for _, q := range []float64{0, 0.01, 0.5, 0.95, 1} {
				got := sketchOf(all).ask(q)
				want := exactRank(all, q)
				if math.Abs(got-want) > quantileError*math.Abs(want)+2.3e-308 {
					t.Errorf("%s, %d values, q %v: got %v, want %v", name, n, q, got, want)
				}
				if (q == 0 || q == 1 || name == "same") && got != want {
					t.Errorf("%s, %d values, q %v: got %v, want exactly %v", name, n, q, got, want)
				}
			}
		}
	}
}

func exactRank(all []float64, q float64) float64 {
	sorted := append([]float64{}, all...)
	_ = rank(sorted, q) // sorts
	return sorted[int(q*float64(len(sorted)-1))]
}

type asked struct{ *quantile }

func sketchOf(values []float64) asked {
	a := asked{newQuantile(bound{Call: Call{Function: "quantile"}, in: arrow.PrimitiveTypes.Float64}, 0)}
	a.grow(2)
	for _, v := range values {
		a.insert(a.sketches.at(0), v)
	}
	return a
}

func (a asked) ask(q float64) float64 {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	a.appendQuantile(b, 0, q)
	return b.NewFloat64Array().Value(0)
}

func TestQuantilesOfWhatIsNoNumber(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	a := sketchOf([]float64{nan, -inf, 1, inf, nan})
	for q, want := range map[float64]float64{0: -inf, 0.25: 1, 0.5: inf} {
		if got := a.ask(q); got != want && !(math.Abs(got-want) <= quantileError) {
			t.Errorf("q %v: got %v, want %v", q, got, want)
		}
	}
	if got := a.ask(1); got == got {
		t.Errorf("q 1: got %v, want NaN, which is above all others", got)
	}
}

// TestSketchDependsOnItsValuesAlone: not on their order, nor on how they came to
// be in one cell.
func TestSketchDependsOnItsValuesAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var values []float64
	for range 2000 {
		values = append(values, math.Exp(r.NormFloat64()*5)*float64(r.IntN(3)-1))
	}
	want := sketchOf(values).encode(nil, 0)
	for range 5 {
		r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		a := sketchOf(values[:700])
		for _, v := range values[700:] {
			a.insert(a.sketches.at(1), v)
		}
		a.merge(0, 1)
		if got := a.encode(nil, 0); !bytes.Equal(got, want) {
			t.Fatal("the same values in another order: got other bytes")
		}
	}
	if n := len(want); n > 4000 {
		t.Errorf("a sketch of 2000 values: got %d bytes", n)
	}
}

func FuzzQuantileState(f *testing.F) {
	f.Add(sketchOf(nil).encode(nil, 0), 1.0)
	f.Add(sketchOf([]float64{1, -1, 0, 5e-324, 1e308, -1e-308}).encode(nil, 0), math.Inf(1))
	f.Add(sketchOf([]float64{math.NaN(), math.Inf(-1)}).encode(nil, 0), math.NaN())
	f.Add(binary.AppendUvarint([]byte{1}, infinityKey), 0.0)
	f.Fuzz(func(t *testing.T, state []byte, v float64) {
		a := sketchOf(nil)
		r := &reader{remaining: state}
		if a.decode(r, 0); r.done() != nil {
			return
		}
		written := a.encode(nil, 0)
		again := &reader{remaining: written}
		if a.decode(again, 1); again.done() != nil || !bytes.Equal(a.encode(nil, 1), written) {
			t.Fatalf("state %x: written as %x, which is read otherwise", state, written)
		}
		a.insert(a.sketches.at(0), v)
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		for _, q := range []float64{0, 0.5, 1} {
			a.appendQuantile(b, 0, q)
		}
	})
}

func TestQuantilesOfEveryTypeOfNumber(t *testing.T) {
	for name, values := range map[string][3]string{"int32": {"-1000", "5", "2147483647"},
		"int64": {"-1000", "5", "9223372036854775807"}, "uint64": {"0", "5", "18446744073709551615"},
		"float32": {"-1.5", "5", "1e30"}, "float64": {"-1.5", "5", "1e300"}} {
		in := schemaOf(t, "at timestamp", "v "+name)
		h := newHarness(t, with(`"aggregates": {"low": "quantile(v, 0)", "middle": "quantile(v, 0.5)",
			"high": "quantile(v, 1)"}`), in)
		h.json("p", typedRows(values[2], values[0], "null", values[1])...)
		h.barrier()
		h.reopen()
		h.end()
		columns := h.out.batches[0].Columns()
		for i, wanted := range []float64{parse(t, values[0]), 5, parse(t, values[2])} {
			got := columns[2+i].(*array.Float64).Value(0)
			if math.Abs(got-wanted) > quantileError*math.Abs(wanted) || i != 1 && float32(got) != float32(wanted) {
				t.Errorf("%s: got %v, want %v", name, got, wanted)
			}
		}
	}
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestQuantilesOfSmallWholeNumbersAreExact: a hundredth of them is less than a
// half.
func TestQuantilesOfSmallWholeNumbersAreExact(t *testing.T) {
	for v := range 49 {
		a := sketchOf([]float64{-100, float64(v), 100})
		a.whole = true
		if got := a.ask(0.5); got != float64(v) {
			t.Errorf("median of -100, %d and 100: got %v", v, got)
		}
	}
}

func TestQuantileOfNothingIsNull(t *testing.T) {
	h := newHarness(t, with(`"aggregates": {"p": "quantile(v, 0.5)", "q": "quantile(v, 0.9)"}`),
		schemaOf(t, "at timestamp", "v int64"))
	h.json("p", typedRows("null")...)
	h.end()
	h.want("00:00:00|00:01:00|null|null")
}

func TestQuantilesOfTheSameRowsShareASketch(t *testing.T) {
	h := newHarness(t, with(`"aggregates": {"p50": "quantile(v, 0.5)", "p95": "quantile(v, 0.95)",
		"other": "quantile(w, 0.5)", "high": {"call": "quantile(v, 0.5)", "where": "w > 0"},
		"high95": {"call": "quantile(v, 0.95)", "where": "w > 0"}}`),
		schemaOf(t, "at timestamp", "v int64", "w int64"))
	sketches := 0
	for _, a := range h.step.(*transform).accumulators {
		if _, ok := a.(*quantile); ok {
			sketches++
		}
	}
	if sketches != 3 {
		t.Errorf("sketches: got %d, want 3: of v, of w, and of v where w > 0", sketches)
	}
}
