package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// fill sets dst to the values of the rows that begin at from. What it sets for
// a null is any value.
type fill func(dst []pq.Value, from int)

// valuesOf gives the parquet values of an array. Strings and bytes point into it.
func valuesOf(a arrow.Array) fill {
	switch a := a.(type) {
	case *array.String, *array.Binary:
		return fillBytes(a)
	case *array.Int32:
		return fillInt32(a.Int32Values())
	case *array.Date32:
		return fillInt32(a.Date32Values())
	case *array.Int64:
		return fillInt64(a.Int64Values())
	case *array.Uint64:
		return fillInt64(a.Uint64Values())
	case *array.Timestamp:
		return fillInt64(a.TimestampValues())
	case *array.Time64:
		return fillInt64(a.Time64Values())
	case *array.Float32:
		return fillEach(func(row int) pq.Value { return pq.FloatValue(a.Value(row)) })
	case *array.Float64:
		return fillEach(func(row int) pq.Value { return pq.DoubleValue(a.Value(row)) })
	case *array.Boolean:
		return fillEach(func(row int) pq.Value { return pq.BooleanValue(a.Value(row)) })
	case *array.Decimal128:
		return fillDecimals(a)
	}
	panic("parquet: a column of type " + a.DataType().String() + " passed the check of the schema")
}

func fillEach(at func(row int) pq.Value) fill {
	return func(dst []pq.Value, from int) {
		for i := range dst {
			dst[i] = at(from + i)
		}
	}
}

func fillInt32[T ~int32](values []T) fill {
	return func(dst []pq.Value, from int) {
		for i, v := range values[from : from+len(dst)] {
			dst[i] = pq.Int32Value(int32(v))
		}
	}
}

func fillInt64[T ~int64 | ~uint64](values []T) fill {
	return func(dst []pq.Value, from int) {
		for i, v := range values[from : from+len(dst)] {
			dst[i] = pq.Int64Value(int64(v))
		}
	}
}

func fillBytes(a arrow.Array) fill {
	buffers := a.Data().Buffers()
	if buffers[1] == nil || buffers[2] == nil { // no row, or only empty ones
		return fillEach(func(int) pq.Value { return pq.ByteArrayValue(nil) })
	}
	offsets := arrow.Int32Traits.CastFromBytes(buffers[1].Bytes())[a.Data().Offset():]
	bytes := buffers[2].Bytes()
	return func(dst []pq.Value, from int) {
		begin := offsets[from]
		for i, end := range offsets[from+1 : from+1+len(dst)] {
			dst[i] = pq.ByteArrayValue(bytes[begin:end])
			begin = end
		}
	}
}

func fillDecimals(a *array.Decimal128) fill {
	switch precision := a.DataType().(*arrow.Decimal128Type).Precision; {
	case precision <= maxDecimal32:
		return fillEach(func(row int) pq.Value { return pq.Int32Value(int32(a.Value(row).LowBits())) })
	case precision <= maxDecimal64:
		return fillEach(func(row int) pq.Value { return pq.Int64Value(int64(a.Value(row).LowBits())) })
	}
	bytes := make([]byte, 0, 16*a.Len())
	return fillEach(func(row int) pq.Value {
		bytes = binary.BigEndian.AppendUint64(bytes, uint64(a.Value(row).HighBits()))
		bytes = binary.BigEndian.AppendUint64(bytes, a.Value(row).LowBits())
		return pq.FixedLenByteArrayValue(bytes[len(bytes)-16:])
	})
}
