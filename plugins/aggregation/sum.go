package aggregation

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

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
	total, carry := bits.Add64(uint64(before), uint64(low), 0)
	*sum = int64(total)
	if more := before>>63 + high + int64(carry) - int64(total)>>63; more != 0 {
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

// floatSum adds floating point numbers. Their sum depends on the order of
// adding, which is fixed within a partition but not between them: so each
// partition has its own, and the result joins them in the order of partitions.
type floatSum struct {
	from  int
	mean  bool
	parts *partitions
	n     list[int64]
	head  list[uint32] // by cell: its first node + 1
	nodes []floatNode
	free  uint32 // the first free node + 1
}

type floatNode struct {
	sum       float64
	partition uint32
	next      uint32 // node + 1
}

func (s *floatSum) grow(n int) {
	s.n.extend(n)
	s.head.extend(n)
}

func (s *floatSum) add(in *input) {
	column := &in.columns[s.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		at := *s.head.at(cell)
		if at == 0 || s.nodes[at-1].partition != in.partition {
			at = s.find(cell, in.partition)
		}
		s.nodes[at-1].sum += column.floats[row]
		*s.n.at(cell)++
	}
}

// find returns the node + 1 of a partition and puts it first, where the next
// rows of the batch meet it at once.
func (s *floatSum) find(cell, partition uint32) uint32 {
	before, at := uint32(0), *s.head.at(cell)
	for at != 0 && s.nodes[at-1].partition != partition {
		before, at = at, s.nodes[at-1].next
	}
	switch {
	case at == 0:
		at = s.alloc(partition)
	case before != 0:
		s.nodes[before-1].next = s.nodes[at-1].next
	default:
		return at
	}
	s.nodes[at-1].next = *s.head.at(cell)
	*s.head.at(cell) = at
	return at
}

func (s *floatSum) alloc(partition uint32) uint32 {
	at := s.free
	if at == 0 {
		s.nodes = append(s.nodes, floatNode{})
		at = uint32(len(s.nodes))
	} else {
		s.free = s.nodes[at-1].next
	}
	s.nodes[at-1] = floatNode{partition: partition}
	return at
}

func (s *floatSum) result(b array.Builder, cell uint32) error {
	builder := b.(*array.Float64Builder)
	if *s.n.at(cell) == 0 {
		builder.AppendNull()
		return nil
	}
	var nodes []floatNode
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		nodes = append(nodes, s.nodes[at-1])
	}
	slices.SortFunc(nodes, func(a, b floatNode) int { return s.parts.compare(a.partition, b.partition) })
	sum := nodes[0].sum
	for _, node := range nodes[1:] {
		sum += node.sum
	}
	if s.mean {
		sum /= float64(*s.n.at(cell))
	}
	builder.Append(sum)
	return nil
}

// merge is for cells of rows in any order, which exactSum is for.
func (s *floatSum) merge(uint32, uint32) { panic("aggregation: sums of one window are never merged") }

func (s *floatSum) clear(cell uint32) {
	for at := *s.head.at(cell); at != 0; {
		next := s.nodes[at-1].next
		s.nodes[at-1].next = s.free
		s.free, at = at, next
	}
	*s.n.at(cell), *s.head.at(cell) = 0, 0
}

func (s *floatSum) bytes() int64 { return s.n.bytes() + s.head.bytes() + bytesOf(s.nodes) }

func (s *floatSum) encode(state []byte, cell uint32) []byte {
	state = binary.AppendVarint(state, *s.n.at(cell))
	nodes := uint64(0)
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		nodes++
	}
	state = binary.AppendUvarint(state, nodes)
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		state = binary.AppendUvarint(state, uint64(s.nodes[at-1].partition))
		state = binary.BigEndian.AppendUint64(state, math.Float64bits(s.nodes[at-1].sum))
	}
	return state
}

func (s *floatSum) decode(r *reader, cell uint32) {
	*s.n.at(cell) = r.rows()
	for range r.count(9) {
		partition := uint32(r.uvarint())
		if !s.parts.known(partition) {
			r.fail()
			return
		}
		at := s.find(cell, partition)
		s.nodes[at-1].sum = math.Float64frombits(r.uint64())
	}
	if (*s.n.at(cell) > 0) != (*s.head.at(cell) != 0) {
		r.fail()
	}
}
