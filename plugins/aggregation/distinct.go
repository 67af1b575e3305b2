package aggregation

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// distinctNumbers counts different values of fixedKind, exactly.
type distinctNumbers struct {
	from       int
	sets       list[numbers]
	memoryUsed memoryUsed
}

func (d *distinctNumbers) grow(n int) { d.sets.extend(n) }

func (d *distinctNumbers) add(in *input) {
	column := &in.columns[d.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		d.insert(cell, column.fixed[row])
	}
}

func (d *distinctNumbers) insert(cell uint32, v int64) {
	set := d.sets.at(cell)
	before := len(set.values)
	set.intern(v)
	d.memoryUsed.added(before, len(set.values), numberBytes)
}

func (d *distinctNumbers) result(b array.Builder, cell uint32) error {
	b.(*array.Int64Builder).Append(int64(len(d.sets.at(cell).values)))
	return nil
}

func (d *distinctNumbers) merge(into, from uint32) {
	a, b := d.sets.at(into), d.sets.at(from)
	if len(a.values) < len(b.values) {
		*a, *b = *b, *a
	}
	for _, v := range b.values {
		d.insert(into, v)
	}
}

func (d *distinctNumbers) clear(cell uint32) {
	d.memoryUsed -= memoryUsed(d.sets.at(cell).heap())
	*d.sets.at(cell) = numbers{}
}

func (d *distinctNumbers) bytes() int64 { return d.sets.bytes() + int64(d.memoryUsed) }

func (d *distinctNumbers) encode(state []byte, cell uint32) []byte {
	values := d.sets.at(cell).values
	state = binary.AppendUvarint(state, uint64(len(values)))
	for _, v := range values {
		state = binary.AppendVarint(state, v)
	}
	return state
}

func (d *distinctNumbers) decode(r *reader, cell uint32) {
	for range r.count(1) {
		d.insert(cell, r.varint())
	}
}

// distinctTexts counts different values of textKind, exactly.
type distinctTexts struct {
	from       int
	seed       *seed
	sets       list[texts]
	memoryUsed memoryUsed
}

func newDistinctTexts(from int) *distinctTexts {
	return &distinctTexts{from: from, seed: newSeed()}
}

func (d *distinctTexts) grow(n int) { d.sets.extend(n) }

func (d *distinctTexts) add(in *input) {
	column := &in.columns[d.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		d.insert(cell, column.value(row))
	}
}

func (d *distinctTexts) insert(cell uint32, v []byte) {
	set := d.sets.at(cell)
	before, long := set.len(), set.long.bytes()
	set.intern(d.seed, v)
	d.memoryUsed.added(before, set.len(), textBytes)
	d.memoryUsed += memoryUsed(set.long.bytes() - long)
}

func (d *distinctTexts) result(b array.Builder, cell uint32) error {
	b.(*array.Int64Builder).Append(int64(d.sets.at(cell).len()))
	return nil
}

func (d *distinctTexts) merge(into, from uint32) {
	a, b := d.sets.at(into), d.sets.at(from)
	if a.len() < b.len() {
		*a, *b = *b, *a
	}
	var scratch [16]byte
	for id := range b.len() {
		d.insert(into, b.value(uint32(id), &scratch))
	}
}

func (d *distinctTexts) clear(cell uint32) {
	d.memoryUsed -= memoryUsed(d.sets.at(cell).heap())
	*d.sets.at(cell) = texts{}
}

func (d *distinctTexts) bytes() int64 { return d.sets.bytes() + int64(d.memoryUsed) }

func (d *distinctTexts) encode(state []byte, cell uint32) []byte {
	set := d.sets.at(cell)
	state = binary.AppendUvarint(state, uint64(set.len()))
	var scratch [16]byte
	for id := range set.len() {
		state = appendText8(state, set.value(uint32(id), &scratch))
	}
	return state
}

func (d *distinctTexts) decode(r *reader, cell uint32) {
	for range r.count(1) {
		d.insert(cell, r.text())
	}
}
