package aggregation

import (
	"bytes"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// minMax is min or max of values of fixedKind.
type minMax struct {
	from int
	flip int64 // -1 for min: the greatest of the complements is the least
	best list[int64]
	seen list[bool]
}

func newMinMax(b bound, from int) *minMax {
	if b.Function == "min" {
		return &minMax{from: from, flip: -1}
	}
	return &minMax{from: from}
}

func (m *minMax) grow(n int) {
	m.best.extend(n)
	m.seen.extend(n)
}

func (m *minMax) add(in *input) {
	column := &in.columns[m.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		if v := column.fixed[row] ^ m.flip; v > *m.best.at(cell) || !*m.seen.at(cell) {
			*m.best.at(cell), *m.seen.at(cell) = v, true
		}
	}
}

func (m *minMax) merge(into, from uint32) {
	if *m.seen.at(from) && (!*m.seen.at(into) || *m.best.at(from) > *m.best.at(into)) {
		*m.best.at(into), *m.seen.at(into) = *m.best.at(from), true
	}
}

func (m *minMax) result(b array.Builder, cell uint32) error {
	if !*m.seen.at(cell) {
		b.AppendNull()
		return nil
	}
	appendFixed(b, *m.best.at(cell)^m.flip)
	return nil
}

func (m *minMax) clear(cell uint32) { *m.best.at(cell), *m.seen.at(cell) = 0, false }

func (m *minMax) bytes() int64 { return m.best.bytes() + m.seen.bytes() }

func (m *minMax) encode(state []byte, cell uint32) []byte {
	if !*m.seen.at(cell) {
		return append(state, 0)
	}
	return binary.AppendVarint(append(state, 1), *m.best.at(cell))
}

func (m *minMax) decode(r *reader, cell uint32) {
	if *m.seen.at(cell) = r.bool(); *m.seen.at(cell) {
		*m.best.at(cell) = r.varint()
	}
}

// minMaxText is min or max of values of textKind.
type minMaxText struct {
	from       int
	least      bool
	best       list[[]byte] // nil: no value yet
	memoryUsed memoryUsed
}

func (m *minMaxText) grow(n int) { m.best.extend(n) }

func (m *minMaxText) add(in *input) {
	column := &in.columns[m.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		v, best := column.value(row), *m.best.at(cell)
		if best != nil {
			if order := bytes.Compare(v, best); order == 0 || order < 0 != m.least {
				continue
			}
		} else {
			best = make([]byte, 0, len(v))
		}
		m.memoryUsed -= memoryUsed(cap(*m.best.at(cell)))
		*m.best.at(cell) = append(best[:0], v...)
		m.memoryUsed += memoryUsed(cap(*m.best.at(cell)))
	}
}

func (m *minMaxText) merge(into, from uint32) {
	a, b := *m.best.at(into), *m.best.at(from)
	if a == nil || b != nil && bytes.Compare(b, a) < 0 == m.least {
		*m.best.at(into) = b
		m.memoryUsed += memoryUsed(cap(b) - cap(a)) // it is counted twice until from is cleared
	}
}

func (m *minMaxText) result(b array.Builder, cell uint32) error {
	if *m.best.at(cell) == nil {
		b.AppendNull()
		return nil
	}
	appendText(b, *m.best.at(cell))
	return nil
}

func (m *minMaxText) size(cell uint32) int { return len(*m.best.at(cell)) }

func (m *minMaxText) clear(cell uint32) {
	m.memoryUsed -= memoryUsed(cap(*m.best.at(cell)))
	*m.best.at(cell) = nil
}

func (m *minMaxText) bytes() int64 { return m.best.bytes() + int64(m.memoryUsed) }

func (m *minMaxText) encode(state []byte, cell uint32) []byte {
	if *m.best.at(cell) == nil {
		return append(state, 0)
	}
	return appendText8(append(state, 1), *m.best.at(cell))
}

func (m *minMaxText) decode(r *reader, cell uint32) {
	if r.bool() {
		*m.best.at(cell) = append([]byte{}, r.text()...)
		m.memoryUsed += memoryUsed(cap(*m.best.at(cell)))
	}
}
