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
