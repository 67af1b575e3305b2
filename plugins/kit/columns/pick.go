package columns

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// run is neighbouring rows that are kept.
type run struct{ start, end int }

// Pick returns the rows that are kept, in order: the batch itself if all are,
// a slice of it if they are neighbours.
func Pick(rows arrow.RecordBatch, keep []bool) (arrow.RecordBatch, error) {
	var runs []run
	kept := 0
	for i := 0; i < len(keep); i++ {
		if !keep[i] {
			continue
		}
		start := i
		for i < len(keep) && keep[i] {
			i++
		}
		runs = append(runs, run{start, i})
		kept += i - start
	}
	return pickRuns(rows, runs, kept)
}

// PickIndices returns the rows with the given numbers, which ascend: the batch itself
// if they are all, a slice of it if they are neighbours.
func PickIndices(rows arrow.RecordBatch, numbers []int) (arrow.RecordBatch, error) {
	var runs []run
	for i := 0; i < len(numbers); {
		start := i
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; {
			i++
		}
		runs = append(runs, run{numbers[start], numbers[i-1] + 1})
	}
	return pickRuns(rows, runs, len(numbers))
}

func pickRuns(rows arrow.RecordBatch, runs []run, kept int) (arrow.RecordBatch, error) {
	switch {
	case int64(kept) == rows.NumRows():
		return rows, nil
	case len(runs) == 0:
		return rows.NewSlice(0, 0), nil
	case len(runs) == 1:
		return rows.NewSlice(int64(runs[0].start), int64(runs[0].end)), nil
	}
	picked := make([]arrow.Array, rows.NumCols())
	for i, column := range rows.Columns() {
		var err error
		if picked[i], err = pick(column, runs, kept); err != nil {
			return nil, fmt.Errorf("picking rows of %s: %w", rows.ColumnName(i), err)
		}
	}
	return array.NewRecordBatch(rows.Schema(), picked, int64(kept)), nil
}

func pick(column arrow.Array, runs []run, kept int) (arrow.Array, error) {
	d := column.Data()
	var buffers []*memory.Buffer
	switch a := column.(type) {
	case *array.String:
		buffers = pickText(a.ValueOffsets(), d.Buffers()[2], runs, kept)
	case *array.Binary:
		buffers = pickText(a.ValueOffsets(), d.Buffers()[2], runs, kept)
	case *array.Boolean:
		buffers = []*memory.Buffer{nil, pickBits(d.Buffers()[1].Bytes(), d.Offset(), runs, kept)}
	default:
		fixed, ok := column.DataType().(arrow.FixedWidthDataType)
		indices := column.DataType().ID() == arrow.DICTIONARY
		if !ok || indices || len(d.Buffers()) != 2 || len(d.Children()) > 0 || fixed.BitWidth()%8 != 0 {
			return pickSlices(column, runs)
		}
		buffers = []*memory.Buffer{nil, pickFixed(d, fixed.BitWidth()/8, runs, kept)}
	}
	nulls := 0
	if column.NullN() > 0 {
		buffers[0] = pickBits(column.NullBitmapBytes(), d.Offset(), runs, kept)
		nulls = kept - bitutil.CountSetBits(buffers[0].Bytes(), 0, kept)
	}
	return array.MakeFromData(array.NewData(column.DataType(), kept, buffers, nil, nulls, 0)), nil
}

func pickText(offsets []int32, data *memory.Buffer, runs []run, kept int) []*memory.Buffer {
	size := int32(0)
	for _, r := range runs {
		size += offsets[r.end] - offsets[r.start]
	}
	text, ends := make([]byte, 0, size), make([]int32, 1, kept+1)
	for _, r := range runs {
		shift := int32(len(text)) - offsets[r.start]
		if size > 0 {
			text = append(text, data.Bytes()[offsets[r.start]:offsets[r.end]]...)
		}
		for _, end := range offsets[r.start+1 : r.end+1] {
			ends = append(ends, end+shift)
		}
	}
	return []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)),
		memory.NewBufferBytes(text)}
}

func pickBits(from []byte, offset int, runs []run, kept int) *memory.Buffer {
	bits := make([]byte, bitutil.BytesForBits(int64(kept)))
	at := 0
	for _, r := range runs {
		for i := r.start; i < r.end; i++ {
			bits[at/8] |= (from[(offset+i)/8] >> ((offset + i) % 8) & 1) << (at % 8)
			at++
		}
	}
	return memory.NewBufferBytes(bits)
}

func pickFixed(d arrow.ArrayData, width int, runs []run, kept int) *memory.Buffer {
	from := d.Buffers()[1].Bytes()[d.Offset()*width:]
	values := make([]byte, 0, kept*width)
	for _, r := range runs {
		values = append(values, from[r.start*width:r.end*width]...)
	}
	return memory.NewBufferBytes(values)
}

// pickSlices works for every type, one slice for each run.
func pickSlices(column arrow.Array, runs []run) (arrow.Array, error) {
	slices := make([]arrow.Array, len(runs))
	for i, r := range runs {
		slices[i] = array.NewSlice(column, int64(r.start), int64(r.end))
	}
	return array.Concatenate(slices, memory.DefaultAllocator)
}

// Clone copies rows, without what lies outside a slice: batches are lent, and what
// is kept of them must not be theirs.
func Clone(rows arrow.RecordBatch) (arrow.RecordBatch, error) { return Join([]arrow.RecordBatch{rows}) }

// Join is a new batch of the rows of all of some, of which there is at least one.
// Many may read it at the same time.
func Join(batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	first, rows := batches[0], int64(0)
	for _, b := range batches {
		rows += b.NumRows()
	}
	joined, parts := make([]arrow.Array, first.NumCols()), make([]arrow.Array, len(batches))
	for i := range joined {
		for at, b := range batches {
			parts[at] = b.Column(i)
		}
		var err error
		if joined[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return nil, fmt.Errorf("copying %s: %w", first.ColumnName(i), err)
		}
		countNulls(joined[i].Data())
	}
	return array.NewRecordBatch(first.Schema(), joined, rows), nil
}

// countNulls has Arrow count them now: it would do so, and write down how many there
// are, when they are first asked for.
func countNulls(d arrow.ArrayData) {
	array.MakeFromData(d).NullN()
	for _, child := range d.Children() {
		countNulls(child)
	}
}
