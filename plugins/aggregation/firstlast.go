package aggregation

import (
	"cmp"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// firstLast is first or last: the value of the row with the least or the greatest
// event time. Of rows with one time it is that of the first or last partition,
// and of the first or last row in it.
type firstLast struct {
	from       int
	kind       kind
	last       bool
	parts      *partitions
	seen       list[bool]
	at         list[int64]
	part       list[uint32]
	fixed      list[int64]
	text       list[[]byte]
	memoryUsed memoryUsed
}

func (f *firstLast) grow(n int) {
	f.seen.extend(n)
	f.at.extend(n)
	f.part.extend(n)
	if f.kind == textKind {
		f.text.extend(n)
	} else {
		f.fixed.extend(n)
	}
}

func (f *firstLast) add(in *input) {
	column := &in.columns[f.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		at := in.times[row]
		if *f.seen.at(cell) && !f.beyond(cell, at, in.partition) {
			continue
		}
		*f.seen.at(cell), *f.at.at(cell), *f.part.at(cell) = true, at, in.partition
		if f.kind == textKind {
			f.memoryUsed -= memoryUsed(cap(*f.text.at(cell)))
			*f.text.at(cell) = append((*f.text.at(cell))[:0], column.value(row)...)
			f.memoryUsed += memoryUsed(cap(*f.text.at(cell)))
		} else {
			*f.fixed.at(cell) = column.fixed[row]
		}
	}
}

// beyond reports whether a row replaces the current one. Rows of one
// partition come in its order, so among equals the last is the one in hand.
func (f *firstLast) beyond(cell uint32, at int64, partition uint32) bool {
	order := cmp.Compare(at, *f.at.at(cell))
	if order == 0 && partition != *f.part.at(cell) {
		order = f.parts.compare(partition, *f.part.at(cell))
	}
	if f.last {
		return order >= 0
	}
	return order < 0
}

// merge keeps one of two. Rows of one time and one partition never come to two
// cells of a group, so they need no order here.
func (f *firstLast) merge(into, from uint32) {
	if !*f.seen.at(from) || *f.seen.at(into) && !f.beyond(into, *f.at.at(from), *f.part.at(from)) {
		return
	}
	*f.seen.at(into), *f.at.at(into), *f.part.at(into) = true, *f.at.at(from), *f.part.at(from)
	if f.kind == textKind {
		// Counted twice until from is cleared.
		f.memoryUsed += memoryUsed(cap(*f.text.at(from)) - cap(*f.text.at(into)))
		*f.text.at(into) = *f.text.at(from)
	} else {
		*f.fixed.at(into) = *f.fixed.at(from)
	}
}

func (f *firstLast) result(b array.Builder, cell uint32) error {
	switch {
	case !*f.seen.at(cell):
		b.AppendNull()
	case f.kind == textKind:
		appendText(b, *f.text.at(cell))
	default:
		appendFixed(b, *f.fixed.at(cell))
	}
	return nil
}

func (f *firstLast) size(cell uint32) int {
	if f.kind == textKind {
		return len(*f.text.at(cell))
	}
	return 0
}

func (f *firstLast) clear(cell uint32) {
	*f.seen.at(cell) = false
	if f.kind == textKind {
		f.memoryUsed -= memoryUsed(cap(*f.text.at(cell)))
		*f.text.at(cell) = nil
	}
}

func (f *firstLast) bytes() int64 {
	return f.seen.bytes() + f.at.bytes() + f.part.bytes() + f.fixed.bytes() + f.text.bytes() +
		int64(f.memoryUsed)
}

func (f *firstLast) encode(state []byte, cell uint32) []byte {
	if !*f.seen.at(cell) {
		return append(state, 0)
	}
	state = binary.AppendVarint(append(state, 1), *f.at.at(cell))
	state = binary.AppendUvarint(state, uint64(*f.part.at(cell)))
	if f.kind == textKind {
		return appendText8(state, *f.text.at(cell))
	}
	return binary.AppendVarint(state, *f.fixed.at(cell))
}

func (f *firstLast) decode(r *reader, cell uint32) {
	if !r.bool() {
		return
	}
	*f.seen.at(cell), *f.at.at(cell) = true, r.varint()
	part := r.uvarint()
	if part != uint64(uint32(part)) || !f.parts.known(uint32(part)) {
		r.fail()
		return
	}
	*f.part.at(cell) = uint32(part)
	if f.kind == textKind {
		*f.text.at(cell) = append([]byte{}, r.text()...)
		f.memoryUsed += memoryUsed(cap(*f.text.at(cell)))
	} else {
		*f.fixed.at(cell) = r.varint()
	}
}
