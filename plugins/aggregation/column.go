package aggregation

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// kind is how values of a type are represented while they are compared.
type kind uint8

const (
	fixedKind kind = iota // an int64 in the order of the values
	textKind              // bytes in the order of the values
)

// kindOf returns how a type's values are compared; false if they are not.
func kindOf(t arrow.DataType) (kind, bool) {
	switch t.ID() {
	case arrow.INT32, arrow.INT64, arrow.UINT64, arrow.FLOAT32, arrow.FLOAT64, arrow.BOOL,
		arrow.TIMESTAMP, arrow.DATE32, arrow.TIME64:
		return fixedKind, true
	case arrow.STRING, arrow.BINARY, arrow.DECIMAL128:
		return textKind, true
	}
	return 0, false
}

// column is one column of the batch in hand, in the form the loops want: plain
// slices, whatever the type and whatever the batch is a slice of.
type column struct {
	index int
	typ   arrow.DataType

	bitmap []byte // nil: no nulls
	offset int

	fixed   []int64   // fixedKind: in the order of the values
	floats  []float64 // floating point types: the values themselves
	offsets []int32   // textKind: value i is bytes[offsets[i]:offsets[i+1]]
	bytes   []byte

	ints    []int64 // scratch for conversions, kept between batches
	doubles []float64
	ends    []int32
	text    []byte
}

func (c *column) null(row uint32) bool {
	return c.bitmap != nil && !bitutil.BitIsSet(c.bitmap, c.offset+int(row))
}

func (c *column) value(row uint32) []byte {
	return c.bytes[c.offsets[row]:c.offsets[row+1]]
}

// load reads the column of a batch of at least one row.
func (c *column) load(rows arrow.RecordBatch) {
	a := rows.Column(c.index)
	c.bitmap, c.offset = nil, a.Data().Offset()
	if a.NullN() > 0 {
		c.bitmap = a.NullBitmapBytes()
	}
	switch c.typ.ID() {
	case arrow.INT64, arrow.TIMESTAMP, arrow.TIME64:
		c.fixed = fixedValues(a, arrow.Int64Traits.CastFromBytes)
	case arrow.INT32, arrow.DATE32:
		c.fixed = widen(c, fixedValues(a, arrow.Int32Traits.CastFromBytes))
	case arrow.UINT64:
		values := fixedValues(a, arrow.Uint64Traits.CastFromBytes)
		c.fixed = c.intScratch(len(values))
		for i, v := range values {
			c.fixed[i] = int64(v ^ 1<<63)
		}
	case arrow.FLOAT64:
		c.loadFloats(fixedValues(a, arrow.Float64Traits.CastFromBytes))
	case arrow.FLOAT32:
		c.doubles = c.doubles[:0]
		for _, v := range fixedValues(a, arrow.Float32Traits.CastFromBytes) {
			c.doubles = append(c.doubles, float64(v))
		}
		c.loadFloats(c.doubles)
	case arrow.BOOL:
		c.loadBools(a.(*array.Boolean))
	case arrow.STRING:
		c.offsets, c.bytes = a.(*array.String).ValueOffsets(), bufferBytes(a.Data(), 2)
	case arrow.BINARY:
		c.offsets, c.bytes = a.(*array.Binary).ValueOffsets(), bufferBytes(a.Data(), 2)
	case arrow.DECIMAL128:
		c.loadDecimals(a.(*array.Decimal128))
	}
}

func bufferBytes(d arrow.ArrayData, buffer int) []byte {
	if b := d.Buffers()[buffer]; b != nil {
		return b.Bytes()
	}
	return nil
}

func fixedValues[T any](a arrow.Array, cast func([]byte) []T) []T {
	from := a.Data().Offset()
	return cast(bufferBytes(a.Data(), 1))[from : from+a.Len()]
}

func (c *column) intScratch(n int) []int64 {
	if cap(c.ints) < n {
		c.ints = make([]int64, n)
	}
	return c.ints[:n]
}

func widen(c *column, values []int32) []int64 {
	widened := c.intScratch(len(values))
	for i, v := range values {
		widened[i] = int64(v)
	}
	return widened
}

func (c *column) loadFloats(values []float64) {
	c.floats = values
	c.fixed = c.intScratch(len(values))
	for i, v := range values {
		c.fixed[i] = floatOrder(v)
	}
}

func (c *column) loadBools(a *array.Boolean) {
	c.fixed = c.intScratch(a.Len())
	for i := range a.Len() {
		c.fixed[i] = 0
		if a.Value(i) {
			c.fixed[i] = 1
		}
	}
}

func (c *column) loadDecimals(a *array.Decimal128) {
	c.ends, c.text = append(c.ends[:0], 0), c.text[:0]
	for i := range a.Len() {
		v := a.Value(i)
		c.text = binary.BigEndian.AppendUint64(c.text, uint64(v.HighBits())^1<<63)
		c.text = binary.BigEndian.AppendUint64(c.text, v.LowBits())
		c.ends = append(c.ends, int32(len(c.text)))
	}
	c.offsets, c.bytes = c.ends, c.text
}

// floatOrder maps floats to integers of the same order. -0 becomes 0, and all
// NaNs are one value above the others, so that no result depends on which of
// them came first.
func floatOrder(v float64) int64 {
	if v != v {
		return math.MaxInt64
	}
	bits := int64(math.Float64bits(v + 0)) // -0 + 0 = 0
	return bits ^ (bits >> 63 & math.MaxInt64)
}

func orderedFloat(key int64) float64 {
	if key == math.MaxInt64 {
		return math.NaN()
	}
	return math.Float64frombits(uint64(key ^ (key >> 63 & math.MaxInt64)))
}

// appendFixed adds a fixedKind value to a new column.
func appendFixed(b array.Builder, key int64) {
	switch b := b.(type) {
	case *array.Int64Builder:
		b.Append(key)
	case *array.Int32Builder:
		b.Append(int32(key))
	case *array.Uint64Builder:
		b.Append(uint64(key) ^ 1<<63)
	case *array.Float64Builder:
		b.Append(orderedFloat(key))
	case *array.Float32Builder:
		b.Append(float32(orderedFloat(key)))
	case *array.BooleanBuilder:
		b.Append(key != 0)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(key))
	case *array.Date32Builder:
		b.Append(arrow.Date32(key))
	case *array.Time64Builder:
		b.Append(arrow.Time64(key))
	default:
		panic("aggregation: no fixed values in a column of type " + b.Type().String())
	}
}

// appendText adds a textKind value to a new column.
func appendText(b array.Builder, value []byte) {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(value)
	case *array.BinaryBuilder:
		b.Append(value)
	case *array.Decimal128Builder:
		high := int64(binary.BigEndian.Uint64(value) ^ 1<<63)
		b.Append(decimal128.New(high, binary.BigEndian.Uint64(value[8:])))
	default:
		panic("aggregation: no text in a column of type " + b.Type().String())
	}
}
