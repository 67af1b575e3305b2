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
	seen  []bool
	at    []int64
	part  []uint32
	fixed []int64
	text  [][]byte
	held  held
}

func (e *edge) grow(n int) {
	e.seen, e.at, e.part = extend(e.seen, n), extend(e.at, n), extend(e.part, n)
	if e.kind == textKind {
		e.text = extend(e.text, n)
	} else {
		e.fixed = extend(e.fixed, n)
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
		if e.seen[cell] && !e.beyond(cell, at, in.partition) {
			continue
		}
		e.seen[cell], e.at[cell], e.part[cell] = true, at, in.partition
		if e.kind == textKind {
			e.held -= held(cap(e.text[cell]))
			e.text[cell] = append(e.text[cell][:0], column.value(row)...)
			e.held += held(cap(e.text[cell]))
		} else {
			e.fixed[cell] = column.fixed[row]
		}
	}
}

// beyond tells whether a row takes the place of the one held. Rows of one
// partition come in its order, so among equals the last is the one in hand.
func (e *edge) beyond(cell uint32, at int64, partition uint32) bool {
	order := cmp.Compare(at, e.at[cell])
	if order == 0 && partition != e.part[cell] {
		order = e.parts.compare(partition, e.part[cell])
	}
	if e.last {
		return order >= 0
	}
	return order < 0
}

// merge keeps one of two. Rows of one time and one partition never come to two
// cells of a group, so they need no order here.
func (e *edge) merge(into, from uint32) {
	if !e.seen[from] || e.seen[into] && !e.beyond(into, e.at[from], e.part[from]) {
		return
	}
	e.seen[into], e.at[into], e.part[into] = true, e.at[from], e.part[from]
	if e.kind == textKind {
		e.held += held(cap(e.text[from]) - cap(e.text[into])) // counted twice until from is cleared
		e.text[into] = e.text[from]
	} else {
		e.fixed[into] = e.fixed[from]
	}
}

func (e *edge) result(b array.Builder, cell uint32) error {
	switch {
	case !e.seen[cell]:
		b.AppendNull()
	case e.kind == textKind:
		appendText(b, e.text[cell])
	default:
		appendFixed(b, e.fixed[cell])
	}
	return nil
}

func (e *edge) size(cell uint32) int {
	if e.kind == textKind {
		return len(e.text[cell])
	}
	return 0
}

func (e *edge) clear(cell uint32) {
	e.seen[cell] = false
	if e.kind == textKind {
		e.held -= held(cap(e.text[cell]))
		e.text[cell] = nil
	}
}

func (e *edge) bytes() int64 {
	return bytesOf(e.seen) + bytesOf(e.at) + bytesOf(e.part) + bytesOf(e.fixed) + bytesOf(e.text) + int64(e.held)
}

func (e *edge) encode(state []byte, cell uint32) []byte {
	if !e.seen[cell] {
		return append(state, 0)
	}
	state = binary.AppendVarint(append(state, 1), e.at[cell])
	state = binary.AppendUvarint(state, uint64(e.part[cell]))
	if e.kind == textKind {
		return appendText8(state, e.text[cell])
	}
	return binary.AppendVarint(state, e.fixed[cell])
}

func (e *edge) decode(r *reader, cell uint32) {
	if !r.bool() {
		return
	}
	e.seen[cell], e.at[cell] = true, r.varint()
	part := r.uvarint()
	if part != uint64(uint32(part)) || !e.parts.known(uint32(part)) {
		r.fail()
		return
	}
	e.part[cell] = uint32(part)
	if e.kind == textKind {
		e.text[cell] = append([]byte{}, r.text()...)
		e.held += held(cap(e.text[cell]))
	} else {
		e.fixed[cell] = r.varint()
	}
}
