package aggregation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// standardError is what the documentation of approx states.
var standardError = 1.04 / math.Sqrt(1<<sketchPrecision)

// distinctRows are n rows whose values are all different, in random order.
func distinctRows(r *rand.Rand, schema *arrow.Schema, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, i := range r.Perm(n) {
		b.Field(0).(*array.TimestampBuilder).Append(0)
		switch v := b.Field(1).(type) {
		case *array.Int64Builder:
			v.Append(int64(i))
		case *array.StringBuilder:
			v.Append(fmt.Sprintf("C%d", i))
		}
	}
	return b.NewRecordBatch()
}

func TestApproximationIsWithinFourStandardErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for _, kind := range []string{"int64", "string"} {
		schema := schemaOf(t, "at timestamp", "v "+kind)
		for _, n := range []int{0, 1, 83, exactHashes, exactHashes + 1, 700, 1000, 3000, 10_000, 50_000, 300_000} {
			h := newHarness(t, with(`"aggregates": {"n": "approx_count_distinct(v)"}`), schema)
			rows := distinctRows(r, schema, n)
			h.apply("a", rows)
			h.apply("b", rows.NewSlice(0, int64(n/2))) // seen before
			h.end()
			if n == 0 {
				h.want()
				continue
			}
			got := h.out.batches[0].Column(2).(*array.Int64).Value(0)
			bound := 4 * standardError * float64(n)
			if n <= exactHashes {
				bound = 0
			}
			if math.Abs(float64(got)-float64(n)) > bound {
				t.Errorf("%d different values of type %s: got %d, want within %.0f", n, kind, got, bound)
			}
		}
	}
}

func TestApproximationIsUnbiased(t *testing.T) {
	for _, n := range []int64{600, 2000, 20_000} {
		sum, squares := 0.0, 0.0
		const trials = 200
		for trial := range int64(trials) {
			a := &approx{kind: fixedKind}
			a.grow(1)
			for i := range n {
				a.insert(0, scatter(uint64(trial<<32+i)))
			}
			b := array.NewInt64Builder(memory.DefaultAllocator)
			_ = a.result(b, 0)
			off := float64(b.NewInt64Array().Value(0)-n) / float64(n)
			sum, squares = sum+off, squares+off*off
		}
		mean, deviation := sum/trials, math.Sqrt(squares/trials)
		if math.Abs(mean) > 4*standardError/math.Sqrt(trials) || deviation > 1.2*standardError {
			t.Errorf("%d values: got a mean error of %.4f and a deviation of %.4f, want 0 and at most %.4f",
				n, mean, deviation, standardError)
		}
	}
}

func TestApproximationDoesNotDependOnOrderOrRestarts(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "v string")
	config := with(`"aggregates": {"n": "approx_count_distinct(v)"}`)
	for _, n := range []int{400, 600, 5000} {
		want := ""
		for seed := range uint64(5) {
			h := newHarness(t, config, schema)
			rows := distinctRows(rand.New(rand.NewPCG(seed, 6)), schema, n)
			for i := int64(0); i < int64(n); i += 100 {
				h.apply("p", rows.NewSlice(i, i+100))
				h.barrier()
				h.reopen()
			}
			h.end()
			if got := h.out.lines()[0]; seed == 0 {
				want = got
			} else if got != want {
				t.Errorf("%d values in another order: got %s, want %s", n, got, want)
			}
		}
	}
}

func TestSketchesOfAnyContentHaveAnEstimate(t *testing.T) {
	var s registers
	if got := s.estimate(); got != 0 {
		t.Errorf("no value: got %d, want 0", got)
	}
	s.insert(0)
	if got := s.estimate(); got != 1 {
		t.Errorf("one value: got %d, want 1", got)
	}
	before := int64(0)
	for rank := range uint8(mostRank + 1) {
		for i := range s {
			s[i] = rank
		}
		got := s.estimate()
		if got < before {
			t.Errorf("all registers at %d: got %d after %d", rank, got, before)
		}
		before = got
	}
}

func TestRanksBeyondTheLastAreRefused(t *testing.T) {
	a := &approx{}
	a.grow(1)
	state := append([]byte{exactHashes%128 + 1 | 128, exactHashes / 128}, make([]byte, 1<<sketchPrecision)...)
	r := &reader{remaining: state}
	if a.decode(r, 0); r.done() != nil {
		t.Fatalf("a sketch without a value: got %v", r.done())
	}
	state[len(state)-1] = mostRank + 1
	r = &reader{remaining: state}
	if a.decode(r, 0); r.done() == nil {
		t.Error("a rank that no hash has: got no error")
	}
}
