package aggregation

import (
	"math"
	"math/bits"
)

// registers is a HyperLogLog sketch. By the first bits of its hash a value has a
// register, which keeps the greatest rank: how many zeros follow, and one.
type registers [1 << sketchPrecision]uint8

// mostRank is that of a hash with zeros only.
const mostRank = 64 - sketchPrecision + 1

func (s *registers) insert(hash uint64) {
	const end = 1 << (sketchPrecision - 1) // where the bits of a hash are used up
	rank := uint8(bits.LeadingZeros64(hash<<sketchPrecision|end) + 1)
	if at := hash >> (64 - sketchPrecision); s[at] < rank {
		s[at] = rank
	}
}

func (s *registers) merge(other *registers) {
	for i, rank := range other {
		s[i] = max(s[i], rank)
	}
}

// estimate is Ertl's improved raw estimator (arXiv 1702.01284): without a bias at
// any number of values, so that no table has to correct it.
func (s *registers) estimate() int64 {
	var counts [mostRank + 1]float64 // of registers by rank
	for _, rank := range s {
		counts[rank]++
	}
	const m = 1 << sketchPrecision
	z := m * tau(1-counts[mostRank]/m)
	for rank := mostRank - 1; rank > 0; rank-- {
		z = (z + counts[rank]) / 2
	}
	z += m * sigma(counts[0]/m)
	const most = 1 << 62 // all registers full, which no rows make
	return int64(min(most, math.Round(m*m/(2*math.Ln2*z))))
}

// sigma is x + Σ x^(2^k)·2^(k-1): the share of the registers without a value.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum, scale := x, 1.0
	for before := -1.0; sum != before; scale *= 2 {
		x *= x
		before, sum = sum, sum+x*scale
	}
	return sum
}

// tau is (1 - x - Σ (1-x^(2^-k))²·2^-k)/3: that of the full ones.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum, scale := 1-x, 1.0
	for before := -1.0; sum != before; {
		x = math.Sqrt(x)
		scale /= 2
		before, sum = sum, sum-(1-x)*(1-x)*scale
	}
	return sum / 3
}
