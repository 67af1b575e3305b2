package ticketgenerator

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// validity is a column's null bitmap, made when the first null comes.
type validity struct {
	bits  []byte
	nulls int
}

func (v *validity) setNull(row, rows int) {
	if v.bits == nil {
		v.bits = make([]byte, (rows+7)/8)
		for i := range v.bits {
			v.bits[i] = 0xff
		}
	}
	v.bits[row/8] &^= 1 << (row % 8)
	v.nulls++
}

func (v *validity) buffer() *memory.Buffer {
	if v.bits == nil {
		return nil
	}
	return memory.NewBufferBytes(v.bits)
}

// textColumn builds a string column in the buffers that Arrow will hold.
type textColumn struct {
	validity
	data []byte
	ends []int32
}

func newTextColumn(rows, size int) textColumn {
	return textColumn{data: make([]byte, 0, size), ends: make([]int32, 1, rows+1)}
}

// end finishes the row whose text was appended to data.
func (c *textColumn) end() { c.ends = append(c.ends, int32(len(c.data))) }

func (c *textColumn) array() arrow.Array {
	ends := arrow.Int32Traits.CastToBytes(c.ends)
	data := array.NewData(arrow.BinaryTypes.String, len(c.ends)-1,
		[]*memory.Buffer{c.buffer(), memory.NewBufferBytes(ends), memory.NewBufferBytes(c.data)}, nil, c.nulls, 0)
	return array.NewStringData(data)
}

// timeColumn builds a timestamp column.
type timeColumn struct {
	validity
	micros []int64
}

func (c *timeColumn) array() arrow.Array {
	data := array.NewData(sdk.Timestamp, len(c.micros),
		[]*memory.Buffer{c.buffer(), memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.micros))},
		nil, c.nulls, 0)
	return array.NewTimestampData(data)
}
