package aggregation

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// intSum adds whole numbers in 128 bits: only a result that does not fit is an
// error, never a sum on the way to it, so that the order of rows is nothing.
type intSum struct {
	from     int
	unsigned bool // a uint64 column
	mean     bool
	sums     []wideSum // by cell
}

// wideSum is how many values were added, and their sum in 128 bits.
type wideSum struct {
	n    int64
	low  uint64
	high int64
}

func newIntSum(b bound, from int) *intSum {
	return &intSum{from: from, unsigned: b.in.ID() == arrow.UINT64, mean: b.Function == "avg"}
}

func (s *intSum) grow(n int) { s.sums = extend(s.sums, n) }

func (s *intSum) add(in *input) {
	column := &in.columns[s.from]
	values, nulls := column.fixed, column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		v, sign := uint64(values[row]), values[row]>>63
		if s.unsigned {
			v, sign = v^1<<63, 0
		}
		sum := &s.sums[cell]
		low, carry := bits.Add64(sum.low, v, 0)
		sum.low = low
		sum.high += sign + int64(carry)
		sum.n++
	}
}

func (s *intSum) result(b array.Builder, cell uint32) error {
	n, low, high := s.sums[cell].n, s.sums[cell].low, s.sums[cell].high
	if n == 0 {
		b.AppendNull()
		return nil
	}
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
func (s *intSum) results(b array.Builder, cells []uint32) bool {
	into, ok := b.(*array.Int64Builder)
	if !ok {
		return false
	}
	var values [sdk.DefaultBatchRows]int64
	unfit := int64(0)
	for i, cell := range cells {
		sum := &s.sums[cell]
		values[i] = int64(sum.low)
		unfit |= sum.high ^ int64(sum.low)>>63
		unfit |= (sum.n - 1) >> 63 // of none
	}
	if unfit != 0 {
		return false
	}
	into.AppendValues(values[:len(cells)], nil)
	return true
}

// float128 is the float nearest to high·2⁶⁴ + low, or one beside it.
func float128(high int64, low uint64) float64 {
	if high == int64(low)>>63 {
		return float64(int64(low))
	}
	return math.Ldexp(float64(high), 64) + float64(low)
}

func (s *intSum) merge(into, from uint32) {
	a, b := &s.sums[into], &s.sums[from]
	low, carry := bits.Add64(a.low, b.low, 0)
	a.low = low
	a.high += b.high + int64(carry)
	a.n += b.n
}

func (s *intSum) clear(cell uint32) { s.sums[cell] = wideSum{} }

func (s *intSum) bytes() int64 { return bytesOf(s.sums) }

func (s *intSum) encode(state []byte, cell uint32) []byte {
	sum := &s.sums[cell]
	state = binary.AppendVarint(state, sum.n)
	state = binary.AppendVarint(state, sum.high)
	return binary.AppendUvarint(state, sum.low)
}

func (s *intSum) decode(r *reader, cell uint32) {
	s.sums[cell] = wideSum{n: r.rows(), high: r.varint(), low: r.uvarint()}
}

// floatSum adds floating point numbers. Their sum depends on the order of
// adding, which is fixed within a partition but not between them: so each
// partition has its own, and the result joins them in the order of partitions.
type floatSum struct {
	from  int
	mean  bool
	parts *partitions
	n     []int64
	head  []uint32 // by cell: its first node + 1
	nodes []floatNode
	free  uint32 // the first free node + 1
}

type floatNode struct {
	sum       float64
	partition uint32
	next      uint32 // node + 1
}

func (s *floatSum) grow(n int) { s.n, s.head = extend(s.n, n), extend(s.head, n) }

func (s *floatSum) add(in *input) {
	column := &in.columns[s.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		at := s.head[cell]
		if at == 0 || s.nodes[at-1].partition != in.partition {
			at = s.find(cell, in.partition)
		}
		s.nodes[at-1].sum += column.floats[row]
		s.n[cell]++
	}
}

// find returns the node + 1 of a partition and puts it first, where the next
// rows of the batch meet it at once.
func (s *floatSum) find(cell, partition uint32) uint32 {
	before, at := uint32(0), s.head[cell]
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
	s.nodes[at-1].next = s.head[cell]
	s.head[cell] = at
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
	if s.n[cell] == 0 {
		builder.AppendNull()
		return nil
	}
	var nodes []floatNode
	for at := s.head[cell]; at != 0; at = s.nodes[at-1].next {
		nodes = append(nodes, s.nodes[at-1])
	}
	slices.SortFunc(nodes, func(a, b floatNode) int { return s.parts.compare(a.partition, b.partition) })
	sum := nodes[0].sum
	for _, node := range nodes[1:] {
		sum += node.sum
	}
	if s.mean {
		sum /= float64(s.n[cell])
	}
	builder.Append(sum)
	return nil
}

// merge is for cells of rows in any order, which exactSum is for.
func (s *floatSum) merge(uint32, uint32) { panic("aggregation: sums of one window are never merged") }

func (s *floatSum) clear(cell uint32) {
	for at := s.head[cell]; at != 0; {
		next := s.nodes[at-1].next
		s.nodes[at-1].next = s.free
		s.free, at = at, next
	}
	s.n[cell], s.head[cell] = 0, 0
}

func (s *floatSum) bytes() int64 { return bytesOf(s.n) + bytesOf(s.head) + bytesOf(s.nodes) }

func (s *floatSum) encode(state []byte, cell uint32) []byte {
	state = binary.AppendVarint(state, s.n[cell])
	nodes := uint64(0)
	for at := s.head[cell]; at != 0; at = s.nodes[at-1].next {
		nodes++
	}
	state = binary.AppendUvarint(state, nodes)
	for at := s.head[cell]; at != 0; at = s.nodes[at-1].next {
		state = binary.AppendUvarint(state, uint64(s.nodes[at-1].partition))
		state = binary.BigEndian.AppendUint64(state, math.Float64bits(s.nodes[at-1].sum))
	}
	return state
}

func (s *floatSum) decode(r *reader, cell uint32) {
	s.n[cell] = r.rows()
	for range r.count(9) {
		partition := uint32(r.uvarint())
		if !s.parts.known(partition) {
			r.fail()
			return
		}
		at := s.find(cell, partition)
		s.nodes[at-1].sum = math.Float64frombits(r.uint64())
	}
	if (s.n[cell] > 0) != (s.head[cell] != 0) {
		r.fail()
	}
}
