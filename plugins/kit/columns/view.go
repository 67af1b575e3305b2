package columns

import (
	"encoding/base64"
	"math"
	"math/big"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// View reads a column value by value, as text. It is for one goroutine.
type View struct {
	Name string
	Kind Kind

	array   arrow.Array
	nulls   bool
	offsets []int32 // of the array's own rows: an offset of a slice is taken in
	bytes   []byte
	i64     []int64
	unit    int64 // of a timestamp: microseconds, or less than one as a negative divisor
	clock   Clock
	inside  []View // of a struct: its fields; of a list: the items of all rows
}

// NewView views a column, which may be a slice of a larger one.
func NewView(f arrow.Field, column arrow.Array) View {
	v := View{Name: f.Name, Kind: KindOf(f), array: column, nulls: column.NullN() > 0}
	switch a := column.(type) {
	case *array.String:
		v.offsets, v.bytes = a.ValueOffsets(), buffer(column, 2)
	case *array.Binary:
		v.offsets, v.bytes = a.ValueOffsets(), buffer(column, 2)
	case *array.Int64:
		v.i64 = a.Int64Values()
	case *array.Timestamp:
		v.i64 = arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(a.TimestampValues()))
		v.unit = map[arrow.TimeUnit]int64{arrow.Second: 1_000_000, arrow.Millisecond: 1_000,
			arrow.Microsecond: 1, arrow.Nanosecond: -1_000}[f.Type.(*arrow.TimestampType).Unit]
	case *array.List:
		v.inside = []View{NewView(f.Type.(*arrow.ListType).ElemField(), a.ListValues())}
	case *array.Struct:
		for i, field := range f.Type.(*arrow.StructType).Fields() {
			v.inside = append(v.inside, NewView(field, a.Field(i)))
		}
	}
	return v
}

// Inside are the fields of a Struct, whose rows are its own, or the one column
// of a List's items, of which Items gives the rows.
func (v *View) Inside() []View { return v.inside }

// Items are the rows of Inside that are a List's row.
func (v *View) Items(row int) (from, to int) {
	first, end := v.array.(*array.List).ValueOffsets(row)
	return int(first), int(end)
}

func buffer(column arrow.Array, i int) []byte {
	b := column.Data().Buffers()[i]
	if b == nil {
		return nil
	}
	return b.Bytes()
}

// IsNull reports whether a row is null.
func (v *View) IsNull(row int) bool {
	return v.nulls && v.array.IsNull(row)
}

// Array is what the view is of.
func (v *View) Array() arrow.Array { return v.array }

// Bytes is a String's, JSON's or Bytes's value as it is. Do not change it.
func (v *View) Bytes(row int) []byte {
	return v.bytes[v.offsets[row]:v.offsets[row+1]]
}

// Append writes the text form of a row that is not null. Numbers are as JSON
// has them but for NaN, Infinity and -Infinity; bytes are base64.
func (v *View) Append(dst []byte, row int) []byte {
	switch v.Kind {
	case String, JSON:
		return append(dst, v.Bytes(row)...)
	case Bytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes(row))
	case Int64:
		return strconv.AppendInt(dst, v.i64[row], 10)
	case Timestamp:
		return v.clock.Append(dst, v.micros(row))
	case Int32:
		return strconv.AppendInt(dst, int64(v.array.(*array.Int32).Value(row)), 10)
	case Uint64:
		return strconv.AppendUint(dst, v.array.(*array.Uint64).Value(row), 10)
	case Float32:
		return appendFloat(dst, float64(v.array.(*array.Float32).Value(row)), 32)
	case Float64:
		return appendFloat(dst, v.array.(*array.Float64).Value(row), 64)
	case Bool:
		return strconv.AppendBool(dst, v.array.(*array.Boolean).Value(row))
	case Date:
		return AppendDate(dst, int32(v.array.(*array.Date32).Value(row)))
	case Time:
		return AppendTime(dst, int64(v.array.(*array.Time64).Value(row)))
	case Decimal:
		a := v.array.(*array.Decimal128)
		return appendDecimal(dst, a.Value(row), int(a.DataType().(*arrow.Decimal128Type).Scale))
	}
	return append(dst, v.array.ValueStr(row)...)
}

// IsFinite reports whether a row is a number that JSON can write: not NaN or an
// infinity. Rows of other kinds are.
func (v *View) IsFinite(row int) bool {
	f := 0.0
	switch v.Kind {
	case Float32:
		f = float64(v.array.(*array.Float32).Value(row))
	case Float64:
		f = v.array.(*array.Float64).Value(row)
	}
	return !math.IsNaN(f) && !math.IsInf(f, 0)
}

func (v *View) micros(row int) int64 {
	if v.unit > 0 {
		return v.i64[row] * v.unit
	}
	return floor(v.i64[row], -v.unit)
}

// appendFloat writes the shortest text that reads back the same; very large and
// very small numbers get an exponent.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

func appendDecimal(dst []byte, n decimal128.Num, scale int) []byte {
	var scratch [48]byte
	digits := scratch[:0]
	if small := int64(n.LowBits()); n.HighBits() == small>>63 && small != math.MinInt64 {
		if small < 0 {
			dst, small = append(dst, '-'), -small
		}
		digits = strconv.AppendInt(digits, small, 10)
	} else {
		large := n.BigInt()
		if large.Sign() < 0 {
			dst = append(dst, '-')
		}
		digits = new(big.Int).Abs(large).Append(digits, 10)
	}
	if scale <= 0 {
		return append(dst, digits...)
	}
	if whole := len(digits) - scale; whole > 0 {
		dst, digits = append(dst, digits[:whole]...), digits[whole:]
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, '.')
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
