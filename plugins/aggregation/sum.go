package aggregation

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// intSum adds whole numbers in 128 bits: only a result that does not fit is an
// error, never a sum on the way to it, so that the order of rows is nothing. The
// upper half of nearly all sums is the sign of the lower: what it is more than
// that is kept of the others only.
type intSum struct {
	from     int
	unsigned bool // a uint64 column
	mean     bool
	low      list[int64]
	more     map[uint32]int64 // by cell, of the upper half; never 0
	n        list[int64]      // values added, of a mean
	seen     cellSet          // whether any was, of a sum
}

func newIntSum(b bound, from int) *intSum {
	return &intSum{from: from, unsigned: b.in.ID() == arrow.UINT64, mean: b.Function == "avg"}
}

func (s *intSum) grow(n int) {
	s.low.extend(n)
	if s.mean {
		s.n.extend(n)
	} else {
		s.seen = extend(s.seen, (n+63)/64)
	}
}

func (s *intSum) add(in *input) {
	column := &in.columns[s.from]
	values, nulls := column.fixed, column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		v := values[row]
		sign := v >> 63
		if s.unsigned {
			v, sign = v^-1<<63, 0
		}
		s.addTo(cell, v, sign)
		if s.mean {
			*s.n.at(cell)++
		} else {
			s.seen.set(cell)
		}
	}
}

// addTo adds a number in two halves.
func (s *intSum) addTo(cell uint32, low, high int64) {
	sum := s.low.at(cell)
	before := *sum
	total, overflow := bits.Add64(uint64(before), uint64(low), 0)
	*sum = int64(total)
	if more := before>>63 + high + int64(overflow) - int64(total)>>63; more != 0 {
		s.exceed(cell, more)
	}
}

// exceed adds to what the upper half is more than a sign.
func (s *intSum) exceed(cell uint32, more int64) {
	if s.more == nil {
		s.more = map[uint32]int64{}
	}
	if s.more[cell] += more; s.more[cell] == 0 {
		delete(s.more, cell)
	}
}

// sum is the two halves of a cell's.
func (s *intSum) sum(cell uint32) (high int64, low uint64) {
	v := *s.low.at(cell)
	return v>>63 + s.more[cell], uint64(v)
}

// values is how many were added; of a sum, whether any was.
func (s *intSum) values(cell uint32) int64 {
	switch {
	case s.mean:
		return *s.n.at(cell)
	case s.seen.has(cell):
		return 1
	}
	return 0
}

func (s *intSum) result(b array.Builder, cell uint32) error {
	n := s.values(cell)
	if n == 0 {
		b.AppendNull()
		return nil
	}
	high, low := s.sum(cell)
	switch b := b.(type) {
	case *array.Float64Builder:
		b.Append(float128(high, low) / float64(n))
	case *array.Uint64Builder:
		if high != 0 {
			return errOverflow
		}
		b.Append(low)
	case *array.Int64Builder:
		if high != int64(low)>>63 {
			return errOverflow
		}
		b.Append(int64(low))
	}
	return nil
}

// results is for sums of some value that fit an int64, as nearly all do.
func (s *intSum) results(t arrow.DataType, cells []uint32) arrow.Array {
	if t.ID() != arrow.INT64 || len(s.more) > 0 {
		return nil
	}
	low, values := s.low, make([]int64, len(cells))
	for i, cell := range cells {
		if !s.seen.has(cell) {
			return nil
		}
		values[i] = *low.at(cell)
	}
	return fixedColumn(t, values)
}

// float128 is the float nearest to high·2⁶⁴ + low, or one beside it.
func float128(high int64, low uint64) float64 {
	if high == int64(low)>>63 {
		return float64(int64(low))
	}
	return math.Ldexp(float64(high), 64) + float64(low)
}

func (s *intSum) merge(into, from uint32) {
	high, low := s.sum(from)
	s.addTo(into, int64(low), high)
	if s.mean {
		*s.n.at(into) += *s.n.at(from)
	} else if s.seen.has(from) {
		s.seen.set(into)
	}
}

func (s *intSum) clear(cell uint32) {
	*s.low.at(cell) = 0
	if len(s.more) > 0 {
		delete(s.more, cell)
	}
	if s.mean {
		*s.n.at(cell) = 0
	} else {
		s.seen.clear(cell)
	}
}

func (s *intSum) bytes() int64 {
	const entry = 32 // of a map, about
	return s.low.bytes() + s.n.bytes() + bytesOf(s.seen) + entry*int64(len(s.more))
}

func (s *intSum) encode(state []byte, cell uint32) []byte {
	high, low := s.sum(cell)
	state = binary.AppendVarint(state, s.values(cell))
	state = binary.AppendVarint(state, int64(low))
	return binary.AppendVarint(state, high-int64(low)>>63)
}

func (s *intSum) decode(r *reader, cell uint32) {
	n, low, more := r.rows(), r.varint(), r.varint()
	*s.low.at(cell) = low
	if more != 0 {
		s.exceed(cell, more)
	}
	switch {
	case s.mean:
		*s.n.at(cell) = n
	case n > 1:
		r.fail()
	case n == 1:
		s.seen.set(cell)
	}
}
