package files

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// gather copies the rows with the given numbers into a new column. Strings and
// fixed widths are copied directly: they are nearly all columns, and joining
// slices of one row costs ten times as much.
func gather(column arrow.Array, rows []int) (arrow.Array, error) {
	switch c := column.(type) {
	case *array.String:
		return gatherStrings(c, rows), nil
	case *array.Boolean:
		return gatherBooleans(c, rows), nil
	}
	if t, ok := column.DataType().(arrow.FixedWidthDataType); ok && t.BitWidth()%8 == 0 &&
		column.Data().Dictionary() == nil && len(column.Data().Children()) == 0 {
		return gatherFixed(column, t.BitWidth()/8, rows), nil
	}
	var runs []arrow.Array
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j] == rows[j-1]+1 {
			j++
		}
		runs = append(runs, array.NewSlice(column, int64(rows[i]), int64(rows[j-1]+1)))
		i = j
	}
	joined, err := array.Concatenate(runs, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("joining rows of type %s: %w", column.DataType(), err)
	}
	return joined, nil
}

func gatherStrings(c *array.String, rows []int) arrow.Array {
	size := 0
	for _, row := range rows {
		size += c.ValueLen(row)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Reserve(len(rows))
	b.ReserveData(size)
	for _, row := range rows {
		if c.IsNull(row) {
			b.AppendNull()
		} else {
			b.Append(c.Value(row))
		}
	}
	return b.NewArray()
}

func gatherBooleans(c *array.Boolean, rows []int) arrow.Array {
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	b.Reserve(len(rows))
	for _, row := range rows {
		if c.IsNull(row) {
			b.AppendNull()
		} else {
			b.Append(c.Value(row))
		}
	}
	return b.NewArray()
}

func gatherFixed(column arrow.Array, width int, rows []int) arrow.Array {
	data := column.Data()
	values := make([]byte, len(rows)*width)
	if buffer := data.Buffers()[1]; buffer != nil {
		from := buffer.Bytes()[data.Offset()*width:]
		for i, row := range rows {
			copy(values[i*width:(i+1)*width], from[row*width:])
		}
	}
	var valid *memory.Buffer
	nulls := 0
	if column.NullN() > 0 {
		bits := make([]byte, bitutil.BytesForBits(int64(len(rows))))
		for i, row := range rows {
			if column.IsValid(row) {
				bitutil.SetBit(bits, i)
			} else {
				nulls++
			}
		}
		valid = memory.NewBufferBytes(bits)
	}
	buffers := []*memory.Buffer{valid, memory.NewBufferBytes(values)}
	return array.MakeFromData(array.NewData(column.DataType(), len(rows), buffers, nil, nulls, 0))
}
