package aggregation

import (
	"cmp"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// edge is first or last: the value of the row with the least or the greatest
// event time. Of rows with one time it is that of the first or last partition,
// and of the first or last row in it.
type edge struct {
	from  int
	kind  kind
	last  bool
	parts *partitions
	seen  list[bool]
	at    list[int64]
	part  list[uint32]
	fixed list[int64]
	text  list[[]byte]
	held  held
}

func (e *edge) grow(n int) {
	e.seen.extend(n)
	e.at.extend(n)
	e.part.extend(n)
	if e.kind == textKind {
		e.text.extend(n)
	} else {
		e.fixed.extend(n)
	}
}

func (e *edge) add(in *input) {
	column := &in.columns[e.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		at := in.times[row]
		if *e.seen.at(cell) && !e.beyond(cell, at, in.partition) {
			continue
		}
		*e.seen.at(cell), *e.at.at(cell), *e.part.at(cell) = true, at, in.partition
		if e.kind == textKind {
			e.held -= held(cap(*e.text.at(cell)))
			*e.text.at(cell) = append((*e.text.at(cell))[:0], column.value(row)...)
			e.held += held(cap(*e.text.at(cell)))
		} else {
			*e.fixed.at(cell) = column.fixed[row]
		}
	}
}

// beyond tells whether a row takes the place of the one held. Rows of one
// partition come in its order, so among equals the last is the one in hand.
func (e *edge) beyond(cell uint32, at int64, partition uint32) bool {
	order := cmp.Compare(at, *e.at.at(cell))
	if order == 0 && partition != *e.part.at(cell) {
		order = e.parts.compare(partition, *e.part.at(cell))
	}
	if e.last {
		return order >= 0
	}
	return order < 0
}

// merge keeps one of two. Rows of one time and one partition never come to two
// cells of a group, so they need no order here.
func (e *edge) merge(into, from uint32) {
	if !*e.seen.at(from) || *e.seen.at(into) && !e.beyond(into, *e.at.at(from), *e.part.at(from)) {
		return
	}
	*e.seen.at(into), *e.at.at(into), *e.part.at(into) = true, *e.at.at(from), *e.part.at(from)
	if e.kind == textKind {
		e.held += held(cap(*e.text.at(from)) - cap(*e.text.at(into))) // counted twice until from is cleared
		*e.text.at(into) = *e.text.at(from)
	} else {
		*e.fixed.at(into) = *e.fixed.at(from)
	}
}

func (e *edge) result(b array.Builder, cell uint32) error {
	switch {
	case !*e.seen.at(cell):
		b.AppendNull()
	case e.kind == textKind:
		appendText(b, *e.text.at(cell))
	default:
		appendFixed(b, *e.fixed.at(cell))
	}
	return nil
}

func (e *edge) size(cell uint32) int {
	if e.kind == textKind {
		return len(*e.text.at(cell))
	}
	return 0
}

func (e *edge) clear(cell uint32) {
	*e.seen.at(cell) = false
	if e.kind == textKind {
		e.held -= held(cap(*e.text.at(cell)))
		*e.text.at(cell) = nil
	}
}

func (e *edge) bytes() int64 {
	return e.seen.bytes() + e.at.bytes() + e.part.bytes() + e.fixed.bytes() + e.text.bytes() + int64(e.held)
}

func (e *edge) encode(state []byte, cell uint32) []byte {
	if !*e.seen.at(cell) {
		return append(state, 0)
	}
	state = binary.AppendVarint(append(state, 1), *e.at.at(cell))
	state = binary.AppendUvarint(state, uint64(*e.part.at(cell)))
	if e.kind == textKind {
		return appendText8(state, *e.text.at(cell))
	}
	return binary.AppendVarint(state, *e.fixed.at(cell))
}

func (e *edge) decode(r *reader, cell uint32) {
	if !r.bool() {
		return
	}
	*e.seen.at(cell), *e.at.at(cell) = true, r.varint()
	part := r.uvarint()
	if part != uint64(uint32(part)) || !e.parts.known(uint32(part)) {
		r.fail()
		return
	}
	*e.part.at(cell) = uint32(part)
	if e.kind == textKind {
		*e.text.at(cell) = append([]byte{}, r.text()...)
		e.held += held(cap(*e.text.at(cell)))
	} else {
		*e.fixed.at(cell) = r.varint()
	}
}
