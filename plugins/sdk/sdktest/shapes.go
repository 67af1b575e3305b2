package sdktest

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// shape is a way to hold the same rows in memory. A plugin must treat all alike.
type shape struct {
	name string
	give func(b *sdk.Batch) []*sdk.Batch
}

// shapes are the ways that have caught plugins: values before and behind a
// slice, bits that do not begin with a byte, values under nulls, validity
// bitmaps and null counts that nobody had to write, and batches of no rows.
func shapes() []shape {
	one := func(f func(arrow.RecordBatch) arrow.RecordBatch) func(*sdk.Batch) []*sdk.Batch {
		return func(b *sdk.Batch) []*sdk.Batch { return []*sdk.Batch{withRows(b, f(b.Rows))} }
	}
	return []shape{
		{"sliced", one(sliced)},
		{"with values under its nulls", one(eachColumn(dirtyNulls))},
		{"with bitmaps of no nulls", one(eachColumn(fullBitmap))},
		{"with uncounted nulls", one(eachColumn(uncounted))},
		{"between empty batches", func(b *sdk.Batch) []*sdk.Batch {
			empty, none := withRows(b, sdk.EmptyRows(b.Rows.Schema())), withRows(b, clone(b.Rows).NewSlice(0, 0))
			return []*sdk.Batch{empty, withRows(b, clone(b.Rows)), none}
		}},
		{"row by row", func(b *sdk.Batch) []*sdk.Batch {
			var rows []*sdk.Batch
			whole := clone(b.Rows)
			for i := range b.NumRows() {
				rows = append(rows, withRows(b, whole.NewSlice(i, i+1)))
			}
			return rows
		}},
	}
}

// plain copies batches, so that what one run does to them another cannot see.
func plain(b *sdk.Batch) []*sdk.Batch { return []*sdk.Batch{withRows(b, clone(b.Rows))} }

func withRows(b *sdk.Batch, rows arrow.RecordBatch) *sdk.Batch {
	return &sdk.Batch{Rows: rows, Partition: b.Partition, Cursor: slices.Clone(b.Cursor)}
}

// eachColumn makes a change to columns one to batches. The columns it gets
// are copies of their own, from offset 0.
func eachColumn(f func(arrow.ArrayData) arrow.ArrayData) func(arrow.RecordBatch) arrow.RecordBatch {
	return func(rows arrow.RecordBatch) arrow.RecordBatch {
		columns := make([]arrow.Array, rows.NumCols())
		for i, column := range rows.Columns() {
			columns[i] = array.MakeFromData(f(compact(column)))
		}
		return array.NewRecordBatch(rows.Schema(), columns, rows.NumRows())
	}
}

// clone copies a batch with all its buffers.
func clone(rows arrow.RecordBatch) arrow.RecordBatch {
	return eachColumn(func(d arrow.ArrayData) arrow.ArrayData { return d })(rows)
}

// compact is a column's data in buffers of its own, from offset 0.
func compact(column arrow.Array) arrow.ArrayData {
	// Of one array, Concatenate is a copy without what lies outside the slice.
	joined, err := array.Concatenate([]arrow.Array{column}, memory.DefaultAllocator)
	if err != nil {
		panic("sdktest: copying a column: " + err.Error())
	}
	return joined.Data()
}

// sliced is the rows in the middle of a larger batch, at an offset that is not
// a multiple of eight.
func sliced(rows arrow.RecordBatch) arrow.RecordBatch {
	const before, behind = 5, 3
	columns := make([]arrow.Array, rows.NumCols())
	for i, column := range rows.Columns() {
		around := padding(column, before+behind)
		joined, err := array.Concatenate([]arrow.Array{array.NewSlice(around, 0, before), column,
			array.NewSlice(around, before, before+behind)}, memory.DefaultAllocator)
		if err != nil {
			panic("sdktest: slicing a column: " + err.Error())
		}
		columns[i] = joined
	}
	larger := array.NewRecordBatch(rows.Schema(), columns, rows.NumRows()+before+behind)
	return larger.NewSlice(before, before+rows.NumRows())
}

// padding is n values of a column's type: nulls and its own last one by turns.
func padding(column arrow.Array, n int) arrow.Array {
	null := array.MakeArrayOfNull(memory.DefaultAllocator, column.DataType(), 1)
	var parts []arrow.Array
	for i := range n {
		if last := int64(column.Len()); i%2 == 1 && last > 0 {
			parts = append(parts, array.NewSlice(column, last-1, last))
		} else {
			parts = append(parts, null)
		}
	}
	joined, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		panic("sdktest: repeating a column: " + err.Error())
	}
	return joined
}

// rebuild is a column's data with other buffers or another null count.
func rebuild(d arrow.ArrayData, buffers []*memory.Buffer, nulls int) arrow.ArrayData {
	return array.NewData(d.DataType(), d.Len(), buffers, d.Children(), nulls, 0)
}

func fullBitmap(d arrow.ArrayData) arrow.ArrayData {
	if d.NullN() > 0 || d.DataType().ID() == arrow.NULL {
		return d
	}
	bits := make([]byte, bitutil.BytesForBits(int64(d.Len())))
	bitutil.SetBitsTo(bits, 0, int64(d.Len()), true)
	buffers := slices.Clone(d.Buffers())
	buffers[0] = memory.NewBufferBytes(bits)
	return rebuild(d, buffers, 0)
}

func uncounted(d arrow.ArrayData) arrow.ArrayData {
	if d.Buffers()[0] == nil {
		return d
	}
	return rebuild(d, d.Buffers(), array.UnknownNullCount)
}

// dirtyNulls puts values under the nulls, which the format allows.
func dirtyNulls(d arrow.ArrayData) arrow.ArrayData {
	if d.NullN() == 0 || d.Buffers()[0] == nil {
		return d
	}
	valid := d.Buffers()[0].Bytes()
	buffers := slices.Clone(d.Buffers())
	switch t := d.DataType().(type) {
	case *arrow.StringType, *arrow.BinaryType:
		ends := arrow.Int32Traits.CastFromBytes(buffers[1].Bytes())
		var data []byte
		moved := make([]int32, 1, d.Len()+1)
		for i := range d.Len() {
			if bitutil.BitIsSet(valid, i) {
				data = append(data, buffers[2].Bytes()[ends[i]:ends[i+1]]...)
			} else {
				data = append(data, "2026-01-01T00:00:00Z"...)
			}
			moved = append(moved, int32(len(data)))
		}
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(moved))
		buffers[2] = memory.NewBufferBytes(data)
	case *arrow.BooleanType:
		bits := slices.Clone(buffers[1].Bytes())
		for i := range d.Len() {
			if bitutil.BitIsNotSet(valid, i) {
				bitutil.SetBit(bits, i)
			}
		}
		buffers[1] = memory.NewBufferBytes(bits)
	case arrow.FixedWidthDataType:
		width := t.BitWidth() / 8
		values := slices.Clone(buffers[1].Bytes())
		for i := range d.Len() {
			if bitutil.BitIsNotSet(valid, i) {
				fill(values[i*width : (i+1)*width])
			}
		}
		buffers[1] = memory.NewBufferBytes(values)
	default:
		return d
	}
	return rebuild(d, buffers, d.NullN())
}

func fill(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// mangle overwrites the values of a batch, as a process that reuses its memory
// would. Offsets are kept: a plugin that kept the batch reads wrong values, but
// stays within them.
func mangle(rows arrow.RecordBatch) {
	for _, column := range rows.Columns() {
		mangleData(column.Data())
	}
}

func mangleData(d arrow.ArrayData) {
	for at, b := range d.Buffers() {
		offsets := at == 1 && (len(d.Buffers()) > 2 || len(d.Children()) > 0)
		if b != nil && at > 0 && !offsets {
			fill(b.Bytes())
		}
	}
	for _, child := range d.Children() {
		mangleData(child)
	}
}
