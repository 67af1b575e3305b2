package aggregation

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// floatSum adds floating point numbers. Their sum depends on the order of
// adding, which is fixed within a partition but not between them: so each
// partition has its own, and the result joins them in the order of partitions.
// Once finite numbers add up to more than a float64 holds, the sum goes on without
// rounding, since numbers to come may bring it back.
type floatSum struct {
	from  int
	mean  bool
	parts *partitions
	n     list[int64]
	head  list[uint32] // by cell: its first node + 1
	nodes []floatNode
	free  uint32            // the first free node + 1
	over  map[uint32]*exact // by node, of sums beyond a float64
}

type floatNode struct {
	sum       float64 // infinite or NaN for good once the sum is in over
	partition uint32
	next      uint32 // node + 1
}

func (s *floatSum) grow(n int) {
	s.n.extend(n)
	s.head.extend(n)
}

func (s *floatSum) add(in *input) {
	column := &in.columns[s.from]
	values, nodes, nulls := column.floats, s.nodes, column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		at := *s.head.at(cell)
		if at == 0 || nodes[at-1].partition != in.partition {
			at = s.find(cell, in.partition)
			nodes = s.nodes
		}
		node := &nodes[at-1]
		if sum := node.sum + values[row]; finite(sum) {
			node.sum = sum
		} else {
			s.exceed(at-1, values[row])
		}
		*s.n.at(cell)++
	}
}

func finite(v float64) bool { return v-v == 0 }

// exceed adds a number that gives no finite sum.
func (s *floatSum) exceed(at uint32, v float64) {
	node := &s.nodes[at]
	sum := s.over[at]
	if sum == nil && finite(node.sum) && finite(v) {
		sum = &exact{}
		sum.add(node.sum)
		s.putOver(at, sum)
	}
	if sum != nil {
		sum.add(v)
		return
	}
	node.sum += v
}

func (s *floatSum) putOver(at uint32, sum *exact) {
	if s.over == nil {
		s.over = map[uint32]*exact{}
	}
	s.over[at], s.nodes[at].sum = sum, math.Inf(1)
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
	if !finite(sum) {
		builder.Append(s.joined(cell))
		return nil
	}
	if s.mean {
		sum /= float64(*s.n.at(cell))
	}
	builder.Append(sum)
	return nil
}

// joined is a result of sums whose own sum is not finite, as far as they know.
func (s *floatSum) joined(cell uint32) float64 {
	var all exact
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		if sum := s.over[at-1]; sum != nil {
			all.merge(sum)
		} else {
			all.add(s.nodes[at-1].sum)
		}
	}
	if s.mean {
		return all.mean(*s.n.at(cell))
	}
	return all.value()
}

// merge is for cells of rows in any order, which exactSum is for.
func (s *floatSum) merge(uint32, uint32) { panic("aggregation: sums of one window are never merged") }

func (s *floatSum) clear(cell uint32) {
	for at := *s.head.at(cell); at != 0; {
		if len(s.over) > 0 {
			delete(s.over, at-1)
		}
		next := s.nodes[at-1].next
		s.nodes[at-1].next = s.free
		s.free, at = at, next
	}
	*s.n.at(cell), *s.head.at(cell) = 0, 0
}

func (s *floatSum) bytes() int64 {
	const each = 8*mostLimbs + 64 // at most, of the map's entry and what it points at
	return s.n.bytes() + s.head.bytes() + bytesOf(s.nodes) + each*int64(len(s.over))
}

// overMark stands before a sum beyond a float64 in the state, where other sums
// are: a signalling NaN, which no addition gives.
const overMark = 0x7ff0_0000_0000_0001

func (s *floatSum) encode(state []byte, cell uint32) []byte {
	state = binary.AppendVarint(state, *s.n.at(cell))
	nodes := uint64(0)
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		nodes++
	}
	state = binary.AppendUvarint(state, nodes)
	for at := *s.head.at(cell); at != 0; at = s.nodes[at-1].next {
		state = binary.AppendUvarint(state, uint64(s.nodes[at-1].partition))
		if sum := s.over[at-1]; sum != nil {
			state = sum.encode(binary.BigEndian.AppendUint64(state, overMark))
			continue
		}
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
		if bits := r.uint64(); bits == overMark {
			sum := r.exact()
			s.putOver(at-1, &sum)
		} else {
			s.nodes[at-1].sum = math.Float64frombits(bits)
		}
	}
	if (*s.n.at(cell) > 0) != (*s.head.at(cell) != 0) {
		r.fail()
	}
}
