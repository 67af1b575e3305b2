package parquet

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

// put appends a value that is not null to a column being built, and returns its
// size in bytes.
type put func(v pq.Value) int

var errOtherType = errors.New("other type")

// putInto finds how values of a file's type become the values that a builder
// takes. Only ways that keep the value are taken; errOtherType if there is none.
// What it finds wrong with values goes to f.
func putInto(b array.Builder, from pq.Type, f *faults) (put, error) {
	switch b := b.(type) {
	case *array.StringBuilder:
		if _, uuid := logical(from).(*format.UUIDType); uuid {
			return putUUID(b), nil
		}
		return putBytes(b.BinaryBuilder, f, textual(from))
	case *array.BinaryBuilder:
		return putBytes(b, f, from.Kind() == pq.ByteArray || from.Kind() == pq.FixedLenByteArray)
	case *array.Int32Builder:
		if signed(from, 32) {
			return putNumber(b.Append, pq.Value.Int32, 4, true)
		}
		return putWhole(b, from, f, decimal128.FromI64(math.MinInt32), decimal128.FromI64(math.MaxInt32),
			func(n decimal128.Num) int { b.Append(int32(n.LowBits())); return 4 })
	case *array.Int64Builder:
		if signed(from, 64) {
			return putInt64(b, from)
		}
		return putWhole(b, from, f, decimal128.FromI64(math.MinInt64), decimal128.FromI64(math.MaxInt64),
			func(n decimal128.Num) int { b.Append(int64(n.LowBits())); return 8 })
	case *array.Uint64Builder:
		if put, err := putUint64(b, from); err == nil {
			return put, nil
		}
		return putWhole(b, from, f, decimal128.Num{}, decimal128.FromU64(math.MaxUint64),
			func(n decimal128.Num) int { b.Append(n.LowBits()); return 8 })
	case *array.Float32Builder:
		return putFloat32(b, from, f)
	case *array.Float64Builder:
		return putFloat64(b, from, f)
	case *array.BooleanBuilder:
		return putNumber(b.Append, pq.Value.Boolean, 1, from.Kind() == pq.Boolean)
	case *array.Date32Builder:
		return putNumber(func(v int32) { b.Append(arrow.Date32(v)) }, pq.Value.Int32, 4, isDate(from))
	case *array.Time64Builder:
		return putTime(b, from, f)
	case *array.TimestampBuilder:
		return putTimestamp(b, from, f)
	case *array.Decimal128Builder:
		return putDecimal(b, from, f)
	}
	return nil, errOtherType
}

// logical is the value of a type's annotation, or nil.
func logical(t pq.Type) any {
	if l := t.LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

// textual reports whether bytes are meant as text. Those without an annotation
// may be, as old writers have it; what is not UTF-8 is rejected row by row.
func textual(t pq.Type) bool {
	if t.Kind() != pq.ByteArray {
		return false
	}
	switch logical(t).(type) {
	case nil, *format.StringType, *format.EnumType, *format.JsonType:
		return true
	}
	return false
}

// signed reports whether a type's values fit into signed integers of so many bits.
func signed(t pq.Type, bits int) bool {
	if t.Kind() != pq.Int32 && t.Kind() != pq.Int64 {
		return false
	}
	switch l := logical(t).(type) {
	case nil:
		return bits == 64 || t.Kind() == pq.Int32
	case *format.IntType:
		return int(l.BitWidth) < bits || int(l.BitWidth) == bits && l.IsSigned
	}
	return false
}

func putBytes(b *array.BinaryBuilder, f *faults, ok bool) (put, error) {
	if !ok {
		return nil, errOtherType
	}
	return func(v pq.Value) int {
		bytes := v.ByteArray()
		if len(bytes) > f.most {
			return f.reject(b, "want a value of at most %s, got one of %s; max_value_bytes sets the limit",
				sdk.Bytes(f.most), sdk.Bytes(len(bytes)))
		}
		b.Append(bytes)
		return len(bytes) + 4
	}, nil
}

func putNumber[T any](add func(T), get func(pq.Value) T, size int, ok bool) (put, error) {
	if !ok {
		return nil, errOtherType
	}
	return func(v pq.Value) int {
		add(get(v))
		return size
	}, nil
}

func putInt64(b *array.Int64Builder, from pq.Type) (put, error) {
	l, annotated := logical(from).(*format.IntType)
	switch {
	case !signed(from, 64):
		return nil, errOtherType
	case from.Kind() == pq.Int64:
		return putNumber(b.Append, pq.Value.Int64, 8, true)
	case annotated && !l.IsSigned:
		return func(v pq.Value) int { b.Append(int64(v.Uint32())); return 8 }, nil
	}
	return func(v pq.Value) int { b.Append(int64(v.Int32())); return 8 }, nil
}

func putUint64(b *array.Uint64Builder, from pq.Type) (put, error) {
	l, ok := logical(from).(*format.IntType)
	unsigned := ok && !l.IsSigned
	if unsigned && from.Kind() == pq.Int32 {
		return func(v pq.Value) int { b.Append(uint64(v.Uint32())); return 8 }, nil
	}
	return putNumber(b.Append, pq.Value.Uint64, 8, unsigned && from.Kind() == pq.Int64)
}

// noTimestamp is the reason for a number of units that no microseconds can say.
const noTimestamp = "want a timestamp of the years 1 to 9999, got %v %s since 1970"

// micros is how a number of units becomes microseconds, rounded down. It is false for
// one that does not fit.
func micros(unit format.TimeUnit, truncated *int64) (to func(int64) (int64, bool), name string) {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return func(n int64) (int64, bool) {
			return n * 1000, n >= math.MinInt64/1000 && n <= math.MaxInt64/1000
		}, "ms"
	case *format.NanoSeconds:
		return func(n int64) (int64, bool) {
			whole, remainder := n/1000, n%1000
			if remainder != 0 {
				*truncated++
			}
			if remainder < 0 {
				whole--
			}
			return whole, true
		}, "ns"
	}
	return func(n int64) (int64, bool) { return n, true }, "µs"
}

const microsPerDay = 86_400_000_000

// putTimestamp takes local times as UTC: pandas and others write their UTC
// times so when no zone is attached.
func putTimestamp(b *array.TimestampBuilder, from pq.Type, f *faults) (put, error) {
	if from.Kind() == pq.Int96 {
		return putInt96(b, f), nil
	}
	if isDate(from) {
		return func(v pq.Value) int {
			if days := int64(v.Int32()); days > math.MinInt64/microsPerDay && days < math.MaxInt64/microsPerDay {
				b.Append(arrow.Timestamp(days * microsPerDay))
				return 8
			}
			return f.reject(b, noTimestamp, v.Int32(), "days")
		}, nil
	}
	l, ok := logical(from).(*format.TimestampType)
	if !ok || from.Kind() != pq.Int64 {
		return nil, errOtherType
	}
	toMicros, unit := micros(l.Unit, &f.truncated)
	return func(v pq.Value) int {
		at, ok := toMicros(v.Int64())
		if !ok {
			return f.reject(b, noTimestamp, v.Int64(), unit)
		}
		b.Append(arrow.Timestamp(at))
		return 8
	}, nil
}

// putInt96 reads the timestamps of Impala and of Spark: nanoseconds of the day, then the
// Julian day, both with a sign.
func putInt96(b *array.TimestampBuilder, f *faults) put {
	const epoch, mostDays = 2_440_588, 4_000_000 // about 10,000 years
	toMicros, _ := micros(format.TimeUnit{Value: &format.NanoSeconds{}}, &f.truncated)
	return func(v pq.Value) int {
		raw := v.Int96()
		day := int64(int32(raw[2])) - epoch
		if day < -mostDays || day > mostDays {
			return f.reject(b, noTimestamp, day, "days")
		}
		clock, _ := toMicros(int64(uint64(raw[1])<<32 | uint64(raw[0])))
		b.Append(arrow.Timestamp(day*microsPerDay + clock))
		return 8
	}
}

func putTime(b *array.Time64Builder, from pq.Type, f *faults) (put, error) {
	l, ok := logical(from).(*format.TimeType)
	if !ok || from.Kind() != pq.Int32 && from.Kind() != pq.Int64 {
		return nil, errOtherType
	}
	toMicros, unit := micros(l.Unit, &f.truncated)
	add := func(n int64) int {
		at, ok := toMicros(n)
		if !ok {
			return f.reject(b, "want a time from 00:00:00 to 23:59:59.999999, got %v %s", n, unit)
		}
		b.Append(arrow.Time64(at))
		return 8
	}
	if from.Kind() == pq.Int32 {
		return func(v pq.Value) int { return add(int64(v.Int32())) }, nil
	}
	return func(v pq.Value) int { return add(v.Int64()) }, nil
}

// bigEndian reads a number in two's complement of any length; only its last 16
// bytes can hold digits of a decimal.
func bigEndian(bytes []byte) decimal128.Num {
	bytes = bytes[max(0, len(bytes)-16):]
	var padded [16]byte
	if len(bytes) > 0 && bytes[0]&0x80 != 0 {
		for i := range padded {
			padded[i] = math.MaxUint8
		}
	}
	copy(padded[16-len(bytes):], bytes)
	return decimal128.New(int64(binary.BigEndian.Uint64(padded[:8])), binary.BigEndian.Uint64(padded[8:]))
}
