package parquet

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// The first rows of a file are buffered until there are enough of them to see which
// columns repeat themselves.
const (
	sampleRows   = 4096    // rows buffered
	sampleBytes  = 4 << 20 // or as many bytes
	sampleValues = 1024    // values examined, spread over those rows
	paysBelow    = 4       // a dictionary pays if at most one value in so many is new
	longValue    = 1 << 10 // bytes: the footer holds least and greatest values whole, but no longer ones
)

// choice is how a column is written.
type choice struct {
	dictionary bool
	noBounds   bool // no least and greatest value in the statistics
	source     *columnSource
}

// choose decides by the first rows of a file. A dictionary is for columns that
// repeat themselves: every value of a high-cardinality column would be hashed
// and stored all the same.
func choose(schema *arrow.Schema, batches []arrow.RecordBatch) []choice {
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	step := int(rows/sampleValues) + 1
	types := leafTypes(schema.Fields())
	choices, counts := make([]choice, len(types)), make([]distinct, len(types))
	for _, b := range batches {
		leaf := 0
		for _, column := range b.Columns() {
			for _, values := range leafValues(column) {
				counts[leaf].add(values, step)
				leaf++
			}
		}
	}
	for i := range counts {
		d := &counts[i]
		if types[i].ID() != arrow.BOOL { // which takes one bit a value as it is
			choices[i].dictionary = d.seen > 0 && d.different()*paysBelow <= d.seen
		}
	}
	return choices
}

// distinct counts the values of a sample, and the different ones among them.
type distinct struct {
	seen    int
	numbers map[uint64]struct{}
	strings map[string]struct{}
}

func (d *distinct) different() int { return len(d.numbers) + len(d.strings) }

// leafValues are the values of an array, or of all that is inside it.
func leafValues(a arrow.Array) []arrow.Array {
	switch a := a.(type) {
	case *array.List:
		if a.Len() == 0 {
			return leafValues(array.NewSlice(a.ListValues(), 0, 0))
		}
		from, _ := a.ValueOffsets(0)
		_, to := a.ValueOffsets(a.Len() - 1)
		return leafValues(array.NewSlice(a.ListValues(), from, to))
	case *array.Struct:
		var leaves []arrow.Array
		for i := range a.NumField() {
			leaves = append(leaves, leafValues(a.Field(i))...)
		}
		return leaves
	}
	return []arrow.Array{a}
}

// add counts every step-th value of an array.
func (d *distinct) add(a arrow.Array, step int) {
	if d.numbers == nil {
		d.numbers, d.strings = make(map[uint64]struct{}), make(map[string]struct{})
	}
	values, one := valuesOf(a), make([]pq.Value, 1)
	for row := 0; row < a.Len(); row += step {
		if a.IsNull(row) {
			continue
		}
		d.seen++
		values(one, row)
		switch v := one[0]; v.Kind() {
		case pq.ByteArray, pq.FixedLenByteArray:
			d.strings[string(v.ByteArray())] = struct{}{}
		default:
			d.numbers[v.Uint64()] = struct{}{}
		}
	}
}

// sizeOfRows is the memory that rows refer to, a little more for slices.
func sizeOfRows(rows arrow.RecordBatch) int64 {
	var size int64
	for _, column := range rows.Columns() {
		size += int64(column.Data().SizeInBytes())
	}
	return size
}
