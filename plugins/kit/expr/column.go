package expr

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const microsPerDay = 24 * 60 * 60 * 1_000_000

// path leads to a column: its index, and those of the fields inside structs.
type path []int

// find returns the column, with the nulls of the structs around it.
func (p path) find(rows arrow.RecordBatch) (column arrow.Array, around []arrow.Array) {
	column = rows.Column(p[0])
	for _, at := range p[1:] {
		s := column.(*array.Struct)
		if s.NullN() > 0 {
			around = append(around, s)
		}
		column = s.Field(at)
	}
	return column, around
}

// columnNode reads a column.
type columnNode struct {
	path path
	kind kind
}

func (c *columnNode) eval(b *batch, _ []uint8) (*vector, error) {
	column, around := c.path.find(b.rows)
	v := &vector{kind: c.kind}
	if err := v.read(column); err != nil {
		return nil, err
	}
	for _, a := range append(around, column) {
		if a.NullN() > 0 {
			v.readNulls(a)
		}
	}
	return v, nil
}

func (v *vector) readNulls(a arrow.Array) {
	if v.state == nil {
		v.state = make([]uint8, a.Len())
	}
	bits, offset := a.NullBitmapBytes(), a.Data().Offset()
	for i := range v.state {
		if bitutil.BitIsNotSet(bits, offset+i) {
			v.state[i] = null
		}
	}
}

// read takes over or converts the values of a column, but for its nulls.
func (v *vector) read(column arrow.Array) error {
	switch a := column.(type) {
	case *array.Boolean:
		v.state = make([]uint8, a.Len())
		for i := range v.state {
			if a.Value(i) {
				v.state[i] = yes
			}
		}
	case *array.Int64:
		v.ints = a.Int64Values()
	case *array.Int32:
		v.ints = widened(a.Int32Values(), 1)
	case *array.Uint64:
		v.ints = arrow.Int64Traits.CastFromBytes(arrow.Uint64Traits.CastToBytes(a.Uint64Values()))
	case *array.Float64:
		v.floats = a.Float64Values()
	case *array.Float32:
		v.floats = make([]float64, a.Len())
		for i, f := range a.Float32Values() {
			v.floats[i] = float64(f)
		}
	case *array.Timestamp:
		v.ints = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
	case *array.Date32:
		v.ints = widened(a.Date32Values(), microsPerDay)
	case *array.String:
		v.offsets, v.data = textOf(a.ValueOffsets(), a)
	case *array.Binary:
		v.offsets, v.data = textOf(a.ValueOffsets(), a)
	default:
		return fmt.Errorf("want a column as planned, got %s", column.DataType())
	}
	return nil
}

func widened[T ~int32](values []T, unit int64) []int64 {
	values64 := make([]int64, len(values))
	for i, n := range values {
		values64[i] = int64(n) * unit
	}
	return values64
}

func textOf(offsets []int32, a arrow.Array) ([]int32, []byte) {
	if a.Len() == 0 || len(offsets) == 0 {
		return []int32{0}, nil
	}
	if b := a.Data().Buffers()[2]; b != nil {
		return offsets, b.Bytes()
	}
	return offsets, nil
}

// copied is an expression that is a column's name and nothing else.
type copied struct{ columnNode }

// find returns the column itself, unless a struct around it has nulls of its own.
func (c *copied) find(b *batch) (arrow.Array, error) {
	column, around := c.path.find(b.rows)
	if len(around) == 0 {
		return column, nil
	}
	missing := make([]bool, b.n)
	for _, a := range around {
		for i := range missing {
			missing[i] = missing[i] || a.IsNull(i)
		}
	}
	return withNulls(column, missing), nil
}

// withNulls is a column with more nulls.
func withNulls(column arrow.Array, missing []bool) arrow.Array {
	d := column.Data()
	valid := make([]byte, bitutil.BytesForBits(int64(d.Offset()+d.Len())))
	nulls := 0
	for i, gone := range missing {
		if gone || column.IsNull(i) {
			nulls++
		} else {
			bitutil.SetBit(valid, d.Offset()+i)
		}
	}
	buffers := slices.Clone(d.Buffers())
	buffers[0] = memory.NewBufferBytes(valid)
	return array.MakeFromData(array.NewData(d.DataType(), d.Len(), buffers, d.Children(), nulls, d.Offset()))
}

// kindOf is the kind of vector for the values of a column, or none.
func kindOf(t arrow.DataType) kind {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return boolean
	case *arrow.Int32Type, *arrow.Int64Type:
		return integer
	case *arrow.Uint64Type:
		return unsigned
	case *arrow.Float32Type, *arrow.Float64Type:
		return float
	case *arrow.StringType:
		return text
	case *arrow.BinaryType:
		return blob
	case *arrow.TimestampType:
		if t.Unit == arrow.Microsecond {
			return instant
		}
	case *arrow.Date32Type:
		return instant
	}
	return none
}
