package aggregation

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigSum adds with as many bits as float64s can ever ask for.
func bigSum(values []float64) float64 {
	sum := new(big.Float).SetPrec(2300)
	for _, v := range values {
		sum.Add(sum, big.NewFloat(v))
	}
	f, _ := sum.Float64()
	return f
}

// anyFloat draws from all of them: every exponent is as likely as every other.
func anyFloat(r *rand.Rand) float64 {
	for {
		if v := math.Float64frombits(r.Uint64()); v-v == 0 {
			return v
		}
	}
}

func TestExactSumIsRoundedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for trial := range 3000 {
		var values []float64
		for range 1 + r.IntN(40) {
			v := anyFloat(r)
			if trial%3 > 0 { // near one another, so that they cancel
				v = math.Ldexp(r.Float64()-0.5, r.IntN(80)-40)
			}
			values = append(values, v)
			if r.IntN(3) == 0 {
				values = append(values, -v)
			}
		}
		var all, other exact
		for i, v := range values {
			if i%3 == 0 {
				other.add(v)
			} else {
				all.add(v)
			}
			if r.IntN(10) == 0 {
				all.propagateCarries()
			}
		}
		all.merge(&other)
		if got, want := all.value(), bigSum(values); got != want {
			t.Fatalf("sum of %v: got %v, want %v", values, got, want)
		}
		if len(all.limbs) > mostLimbs {
			t.Fatalf("got %d limbs", len(all.limbs))
		}
	}
}

func TestExactSumsOfTheEdges(t *testing.T) {
	inf, nan, tiny := math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{0, math.Copysign(0, -1)}, 0},
		{[]float64{tiny, tiny}, 2 * tiny},
		{[]float64{-tiny}, -tiny},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, math.MaxFloat64},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, inf},
		{[]float64{-math.MaxFloat64, -math.MaxFloat64}, -inf},
		{[]float64{math.MaxFloat64, tiny, -math.MaxFloat64}, tiny},
		{[]float64{inf, 1}, inf}, {[]float64{-inf, 1}, -inf},
		{[]float64{inf, -inf}, nan}, {[]float64{nan, 1}, nan}, {[]float64{nan, inf}, nan},
		{[]float64{1, 0x1p-53}, 1}, {[]float64{1, 0x1p-53, tiny}, 1 + 0x1p-52}, // halves go to the even one
	} {
		var e exact
		for _, v := range test.values {
			e.add(v)
		}
		if got := e.value(); got != test.want && (got == got || test.want == test.want) {
			t.Errorf("sum of %v: got %v, want %v", test.values, got, test.want)
		}
	}
}

func TestExactSumCarriesBeforeItOverflows(t *testing.T) {
	e := exact{}
	for range 1000 {
		e.add(-math.MaxFloat64)
		e.adds = mostAdds - 1 // as if there had been so many
		e.add(math.MaxFloat64)
		e.add(-0x1p970) // the last bit of it
		if e.adds > 2 {
			t.Fatalf("carries not propagated after %d additions", e.adds)
		}
	}
	if got := e.value(); got != -1000*0x1p970 || len(e.limbs) > mostLimbs {
		t.Errorf("got %v in %d limbs, want %v", got, len(e.limbs), -1000*0x1p970)
	}
}

// FuzzExactState decodes anything: it is refused, or a sum that can be added to,
// read and written again.
func FuzzExactState(f *testing.F) {
	s := &exactSum{}
	s.grow(2)
	for _, v := range []float64{1e300, -3, 5e-324} {
		s.sums.at(0).add(v)
		*s.n.at(0)++
	}
	f.Add(s.encode(nil, 0), 1.5)
	f.Add(s.encode(nil, 1), math.Inf(-1))
	f.Add([]byte{2, 0, 0, 1, 1}, math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, state []byte, v float64) {
		s := &exactSum{}
		s.grow(2)
		r := &reader{remaining: state}
		if s.decode(r, 0); r.done() != nil {
			return
		}
		before := s.sums.at(0).value()
		again := &reader{remaining: s.encode(nil, 0)}
		if s.decode(again, 1); again.done() != nil {
			t.Fatalf("state %x: written as %x, which is refused", state, s.encode(nil, 0))
		}
		if after := s.sums.at(1).value(); after != before && (after == after || before == before) {
			t.Fatalf("state %x: got %v, then %v", state, before, after)
		}
		s.sums.at(0).add(v)
		s.merge(0, 1)
		_ = s.sums.at(0).value()
	})
}
