package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// valuesOf gives the parquet value of any row of an array that is not null.
// Strings and bytes point into the array.
func valuesOf(a arrow.Array) func(row int) pq.Value {
	switch a := a.(type) {
	case *array.String, *array.Binary:
		return bytesAt(a)
	case *array.Int32:
		return int32At(a.Int32Values())
	case *array.Date32:
		return int32At(a.Date32Values())
	case *array.Int64:
		return int64At(a.Int64Values())
	case *array.Uint64:
		return int64At(a.Uint64Values())
	case *array.Timestamp:
		return int64At(a.TimestampValues())
	case *array.Time64:
		return int64At(a.Time64Values())
	case *array.Float32:
		values := a.Float32Values()
		return func(row int) pq.Value { return pq.FloatValue(values[row]) }
	case *array.Float64:
		values := a.Float64Values()
		return func(row int) pq.Value { return pq.DoubleValue(values[row]) }
	case *array.Boolean:
		return func(row int) pq.Value { return pq.BooleanValue(a.Value(row)) }
	case *array.Decimal128:
		return decimalAt(a)
	}
	panic("parquet: a column of type " + a.DataType().String() + " passed the check of the schema")
}

func int32At[T ~int32](values []T) func(int) pq.Value {
	return func(row int) pq.Value { return pq.Int32Value(int32(values[row])) }
}

func int64At[T ~int64 | ~uint64](values []T) func(int) pq.Value {
	return func(row int) pq.Value { return pq.Int64Value(int64(values[row])) }
}

func bytesAt(a arrow.Array) func(int) pq.Value {
	buffers := a.Data().Buffers()
	if buffers[1] == nil || buffers[2] == nil {
		return func(int) pq.Value { return pq.ByteArrayValue(nil) } // no row, or only empty ones
	}
	offsets := arrow.Int32Traits.CastFromBytes(buffers[1].Bytes())[a.Data().Offset():]
	bytes := buffers[2].Bytes()
	return func(row int) pq.Value {
		return pq.ByteArrayValue(bytes[offsets[row]:offsets[row+1]])
	}
}

func decimalAt(a *array.Decimal128) func(int) pq.Value {
	switch precision := a.DataType().(*arrow.Decimal128Type).Precision; {
	case precision <= maxDecimal32:
		return func(row int) pq.Value { return pq.Int32Value(int32(a.Value(row).LowBits())) }
	case precision <= maxDecimal64:
		return func(row int) pq.Value { return pq.Int64Value(int64(a.Value(row).LowBits())) }
	}
	bytes := make([]byte, 0, 16*a.Len())
	return func(row int) pq.Value {
		bytes = binary.BigEndian.AppendUint64(bytes, uint64(a.Value(row).HighBits()))
		bytes = binary.BigEndian.AppendUint64(bytes, a.Value(row).LowBits())
		return pq.FixedLenByteArrayValue(bytes[len(bytes)-16:])
	}
}
