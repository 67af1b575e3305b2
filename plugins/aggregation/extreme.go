package aggregation

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// extreme is min or max of values that are held as integers.
type extreme struct {
	from int
	flip int64 // -1 for min: the greatest of the complements is the least
	best list[int64]
	seen list[bool]
}

func newExtreme(b bound, from int) *extreme {
	if b.Function == "min" {
		return &extreme{from: from, flip: -1}
	}
	return &extreme{from: from}
}

func (e *extreme) grow(n int) {
	e.best.extend(n)
	e.seen.extend(n)
}

func (e *extreme) add(in *input) {
	column := &in.columns[e.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		if v := column.fixed[row] ^ e.flip; v > *e.best.at(cell) || !*e.seen.at(cell) {
			*e.best.at(cell), *e.seen.at(cell) = v, true
		}
	}
}

func (e *extreme) merge(into, from uint32) {
	if *e.seen.at(from) && (!*e.seen.at(into) || *e.best.at(from) > *e.best.at(into)) {
		*e.best.at(into), *e.seen.at(into) = *e.best.at(from), true
	}
}

func (e *extreme) result(b array.Builder, cell uint32) error {
	if !*e.seen.at(cell) {
		b.AppendNull()
		return nil
	}
	appendFixed(b, *e.best.at(cell)^e.flip)
	return nil
}

func (e *extreme) clear(cell uint32) { *e.best.at(cell), *e.seen.at(cell) = 0, false }

func (e *extreme) bytes() int64 { return e.best.bytes() + e.seen.bytes() }

func (e *extreme) encode(state []byte, cell uint32) []byte {
	if !*e.seen.at(cell) {
		return append(state, 0)
	}
	return binary.AppendVarint(append(state, 1), *e.best.at(cell))
}

func (e *extreme) decode(r *reader, cell uint32) {
	if *e.seen.at(cell) = r.bool(); *e.seen.at(cell) {
		*e.best.at(cell) = r.varint()
	}
}

// extremeText is min or max of values that are held as bytes.
type extremeText struct {
	from  int
	least bool
	best  list[[]byte] // nil: no value yet
	held  held
}

func (e *extremeText) grow(n int) { e.best.extend(n) }

func (e *extremeText) add(in *input) {
	column := &in.columns[e.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		v, best := column.value(row), *e.best.at(cell)
		if best != nil {
			if order := bytes.Compare(v, best); order == 0 || order < 0 != e.least {
				continue
			}
		} else {
			best = make([]byte, 0, len(v))
		}
		e.held -= held(cap(*e.best.at(cell)))
		*e.best.at(cell) = append(best[:0], v...)
		e.held += held(cap(*e.best.at(cell)))
	}
}

func (e *extremeText) merge(into, from uint32) {
	a, b := *e.best.at(into), *e.best.at(from)
	if a == nil || b != nil && bytes.Compare(b, a) < 0 == e.least {
		*e.best.at(into) = b
		e.held += held(cap(b) - cap(a)) // it is counted twice until from is cleared
	}
}

func (e *extremeText) result(b array.Builder, cell uint32) error {
	if *e.best.at(cell) == nil {
		b.AppendNull()
		return nil
	}
	appendText(b, *e.best.at(cell))
	return nil
}

func (e *extremeText) size(cell uint32) int { return len(*e.best.at(cell)) }

func (e *extremeText) clear(cell uint32) {
	e.held -= held(cap(*e.best.at(cell)))
	*e.best.at(cell) = nil
}

func (e *extremeText) bytes() int64 { return e.best.bytes() + int64(e.held) }

func (e *extremeText) encode(state []byte, cell uint32) []byte {
	if *e.best.at(cell) == nil {
		return append(state, 0)
	}
	return appendText8(append(state, 1), *e.best.at(cell))
}

func (e *extremeText) decode(r *reader, cell uint32) {
	if r.bool() {
		*e.best.at(cell) = append([]byte{}, r.text()...)
		e.held += held(cap(*e.best.at(cell)))
	}
}
