package aggregation

import (
	"encoding/binary"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// exactSum adds floating point numbers without rounding; the result is rounded
// once. It is for sessions: which of two sessions a row was in before they
// became one depends on how partitions interleave, and so would a sum that is
// rounded on the way, even that of one partition.
type exactSum struct {
	from       int
	mean       bool
	n          list[int64]
	sums       list[exact]
	memoryUsed memoryUsed
}

func (s *exactSum) grow(n int) {
	s.n.extend(n)
	s.sums.extend(n)
}

func (s *exactSum) add(in *input) {
	column := &in.columns[s.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		sum := s.sums.at(cell)
		before := cap(sum.limbs)
		sum.add(column.floats[row])
		s.memoryUsed += memoryUsed(8 * (cap(sum.limbs) - before))
		*s.n.at(cell)++
	}
}

func (s *exactSum) result(b array.Builder, cell uint32) error {
	builder := b.(*array.Float64Builder)
	if *s.n.at(cell) == 0 {
		builder.AppendNull()
		return nil
	}
	if sum := s.sums.at(cell); s.mean {
		builder.Append(sum.mean(*s.n.at(cell)))
	} else {
		builder.Append(sum.value())
	}
	return nil
}

func (s *exactSum) merge(into, from uint32) {
	a, b := s.sums.at(into), s.sums.at(from)
	before := cap(a.limbs) + cap(b.limbs)
	a.merge(b)
	s.memoryUsed += memoryUsed(8 * (cap(a.limbs) + cap(b.limbs) - before))
	*s.n.at(into) += *s.n.at(from)
}

func (s *exactSum) clear(cell uint32) {
	s.memoryUsed -= memoryUsed(8 * cap(s.sums.at(cell).limbs))
	*s.n.at(cell), *s.sums.at(cell) = 0, exact{}
}

func (s *exactSum) bytes() int64 { return s.n.bytes() + s.sums.bytes() + int64(s.memoryUsed) }

func (s *exactSum) encode(state []byte, cell uint32) []byte {
	sum := s.sums.at(cell)
	before := cap(sum.limbs)
	state = sum.encode(binary.AppendVarint(state, *s.n.at(cell)))
	s.memoryUsed += memoryUsed(8 * (cap(sum.limbs) - before))
	return state
}

func (s *exactSum) decode(r *reader, cell uint32) {
	n, sum := r.rows(), r.exact()
	if n == 0 && (len(sum.limbs) > 0 || sum.special != 0) {
		r.fail()
	}
	*s.n.at(cell), *s.sums.at(cell) = n, sum
	s.memoryUsed += memoryUsed(8 * cap(sum.limbs))
}

// exact is a sum as one long whole number of units of 2⁻¹⁰⁷⁴, the smallest
// difference of two float64: limb i counts 2^(32·(low+i)) of them. Limbs are
// wider than their 32 bits and signed, so that carries can wait.
type exact struct {
	limbs   []int64
	low     int
	adds    uint32 // since the last propagateCarries
	special uint8  // which values were seen that are no numbers
}

const (
	limbBits  = 32
	mostAdds  = 1 << 30                // times 2³² is within a limb
	mostLimbs = (2098+64)/limbBits + 3 // a float64 has 2098 bits of units; 64 more for 2⁶⁴ values

	sawInfinity = 1
	sawMinus    = 2 // minus infinity
	sawNaN      = 4
	sawAll      = sawInfinity | sawMinus | sawNaN
)

func (e *exact) add(v float64) {
	const exponents = 0x7ff
	all := math.Float64bits(v)
	exponent, mantissa := all>>52&exponents, all&(1<<52-1)
	switch exponent {
	case exponents:
		e.recordSpecial(v)
		return
	case 0:
		exponent = 1
	default:
		mantissa |= 1 << 52
	}
	if mantissa == 0 {
		return
	}
	shift := exponent - 1
	at, bits := int(shift/limbBits), shift%limbBits
	low, high := mantissa<<bits, mantissa>>(64-bits)
	limbs := e.limbRange(at, at+3)
	const mask = 1<<limbBits - 1
	if v < 0 {
		limbs[0] -= int64(low & mask)
		limbs[1] -= int64(low >> limbBits)
		limbs[2] -= int64(high)
	} else {
		limbs[0] += int64(low & mask)
		limbs[1] += int64(low >> limbBits)
		limbs[2] += int64(high)
	}
	if e.adds++; e.adds == mostAdds {
		e.propagateCarries()
	}
}

func (e *exact) recordSpecial(v float64) {
	switch {
	case math.IsInf(v, 1):
		e.special |= sawInfinity
	case math.IsInf(v, -1):
		e.special |= sawMinus
	default:
		e.special |= sawNaN
	}
}

// limbRange is the limbs in [from, to), which are allocated if need be.
func (e *exact) limbRange(from, to int) []int64 {
	if len(e.limbs) == 0 {
		e.low = from
	}
	if from < e.low {
		e.limbs = append(make([]int64, e.low-from, e.low-from+len(e.limbs)), e.limbs...)
		e.low = from
	}
	e.limbs = extend(e.limbs, to-e.low)
	return e.limbs[from-e.low : to-e.low]
}

// propagateCarries normalizes the limbs: every one but the last is from 0 to 2³²-1,
// and the last, which has the sign, not more than that off 0.
func (e *exact) propagateCarries() {
	e.adds = 0
	for i := 0; i < len(e.limbs); i++ {
		overflow := e.limbs[i] >> limbBits
		if last := i+1 == len(e.limbs); last && (overflow == 0 || overflow == -1) {
			return
		} else if last {
			e.limbs = append(e.limbs, 0)
		}
		e.limbs[i] -= overflow << limbBits
		e.limbs[i+1] += overflow
	}
}

func (e *exact) merge(other *exact) {
	e.special |= other.special
	if len(other.limbs) == 0 {
		return
	}
	e.propagateCarries()
	other.propagateCarries()
	into := e.limbRange(other.low, other.low+len(other.limbs))
	for i, limb := range other.limbs {
		into[i] += limb
	}
	e.adds = 2
}

// encode appends the normalized sum.
func (e *exact) encode(state []byte) []byte {
	e.propagateCarries()
	state = append(state, e.special)
	state = binary.AppendUvarint(state, uint64(e.low))
	state = binary.AppendUvarint(state, uint64(len(e.limbs)))
	for _, limb := range e.limbs {
		state = binary.AppendVarint(state, limb)
	}
	return state
}

// exact reads a sum.
func (r *reader) exact() exact {
	special, low, limbs := r.byte(), r.uvarint(), r.count(1)
	if special > sawAll || low > mostLimbs || limbs > mostLimbs {
		r.fail()
		return exact{}
	}
	sum := exact{special: special, low: int(low)}
	for range limbs {
		limb := r.varint()
		if limb < -1<<limbBits || limb > 1<<limbBits {
			r.fail()
		}
		sum.limbs = append(sum.limbs, limb)
	}
	return sum
}

// mean is the sum over how many numbers it is of: also of one that is itself
// beyond a float64.
func (e *exact) mean(n int64) float64 {
	sum := e.value()
	if math.IsInf(sum, 0) && e.special == 0 {
		const countBits = 64
		return math.Ldexp(e.scaled(-countBits)/float64(n), countBits)
	}
	return sum / float64(n)
}

// value is the float64 nearest to the sum; of two, the even one.
func (e *exact) value() float64 { return e.scaled(0) }

// scaled is the float64 nearest to the sum times a power of 2.
func (e *exact) scaled(by int) float64 {
	switch e.special {
	case 0:
	case sawInfinity:
		return math.Inf(1)
	case sawMinus:
		return math.Inf(-1)
	default:
		return math.NaN()
	}
	sum, limb := new(big.Int), new(big.Int)
	for i := len(e.limbs) - 1; i >= 0; i-- {
		sum.Lsh(sum, limbBits)
		sum.Add(sum, limb.SetInt64(e.limbs[i]))
	}
	if sum.Sign() == 0 {
		return 0
	}
	const unit = -1074
	whole := new(big.Float).SetInt(sum)
	v, _ := whole.SetMantExp(whole, limbBits*e.low+unit+by).Float64()
	return v
}
