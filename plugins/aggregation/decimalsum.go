package aggregation

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// decimalSum adds decimals of one scale in 192 bits, which no number of rows exceeds:
// only a result of more than 38 digits is an error, never a sum on the way to it, so
// that the order of rows does not matter.
type decimalSum struct {
	from  int
	mean  bool
	scale int32
	sums  list[int192]
	n     list[int64] // values added
}

// int192 is a number in two's complement, its lowest bits first.
type int192 [3]uint64

func newDecimalSum(b bound, from int) *decimalSum {
	return &decimalSum{from: from, mean: b.Function == "avg", scale: b.in.(*arrow.Decimal128Type).Scale}
}

func (s *decimalSum) grow(n int) {
	s.sums.extend(n)
	s.n.extend(n)
}

func (s *decimalSum) add(in *input) {
	column := &in.columns[s.from]
	for i, cell := range in.cells {
		row := in.rows[i]
		if column.null(row) {
			continue
		}
		v := column.value(row) // as loadDecimals has it: in the order of its bytes
		high := binary.BigEndian.Uint64(v) ^ 1<<63
		s.sums.at(cell).add(int192{binary.BigEndian.Uint64(v[8:]), high, signOf(high)})
		*s.n.at(cell)++
	}
}

// signOf is what stands above a number whose upper half this is.
func signOf(high uint64) uint64 { return uint64(int64(high) >> 63) }

func (a *int192) add(b int192) {
	var above uint64 // 0 or 1, for the next word
	for i := range a {
		a[i], above = bits.Add64(a[i], b[i], above)
	}
}

// big is the number in arbitrary precision.
func (a *int192) big() *big.Int {
	v := big.NewInt(int64(a[2]))
	for _, word := range []uint64{a[1], a[0]} {
		v.Lsh(v, 64).Add(v, new(big.Int).SetUint64(word))
	}
	return v
}

func (s *decimalSum) result(b array.Builder, cell uint32) error {
	n, sum := *s.n.at(cell), s.sums.at(cell)
	if n == 0 {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.Float64Builder:
		rows := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.scale)), nil)
		mean, _ := new(big.Rat).SetFrac(sum.big(), rows.Mul(rows, big.NewInt(n))).Float64()
		b.Append(mean)
	case *array.Decimal128Builder:
		v := decimal128.New(int64(sum[1]), sum[0])
		if sum[2] != signOf(sum[1]) || !v.FitsInPrecision(maxDigits) {
			return errOverflow
		}
		b.Append(v)
	}
	return nil
}

func (s *decimalSum) merge(into, from uint32) {
	s.sums.at(into).add(*s.sums.at(from))
	*s.n.at(into) += *s.n.at(from)
}

func (s *decimalSum) clear(cell uint32) { *s.sums.at(cell), *s.n.at(cell) = int192{}, 0 }

func (s *decimalSum) bytes() int64 { return s.sums.bytes() + s.n.bytes() }

// encode writes of the upper words what they are more than the sign of the one below,
// which is nothing for nearly all sums.
func (s *decimalSum) encode(state []byte, cell uint32) []byte {
	sum := s.sums.at(cell)
	state = binary.AppendVarint(state, *s.n.at(cell))
	state = binary.AppendVarint(state, int64(sum[0]))
	state = binary.AppendVarint(state, int64(sum[1]-signOf(sum[0])))
	return binary.AppendVarint(state, int64(sum[2]-signOf(sum[1])))
}

func (s *decimalSum) decode(r *reader, cell uint32) {
	n, low, middle, high := r.rows(), uint64(r.varint()), uint64(r.varint()), uint64(r.varint())
	middle += signOf(low)
	*s.n.at(cell), *s.sums.at(cell) = n, int192{low, middle, high + signOf(middle)}
}
