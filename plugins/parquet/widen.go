package parquet

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/float16"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

// Writers choose a type by the values that they have at hand, so one part of a folder
// may hold whole numbers where the next one has fractions. A value is read as another
// type where that keeps it; one that would not be kept is a dead letter.

// wholeNumbers returns how whole numbers of a type become decimals, or nil if it holds
// others.
func wholeNumbers(from pq.Type) func(pq.Value) decimal128.Num {
	l, annotated := logical(from).(*format.IntType)
	if !annotated && logical(from) != nil {
		return nil
	}
	unsigned := annotated && !l.IsSigned
	switch {
	case from.Kind() == pq.Int32 && unsigned:
		return func(v pq.Value) decimal128.Num { return decimal128.FromU64(uint64(v.Uint32())) }
	case from.Kind() == pq.Int32:
		return func(v pq.Value) decimal128.Num { return decimal128.FromI64(int64(v.Int32())) }
	case from.Kind() == pq.Int64 && unsigned:
		return func(v pq.Value) decimal128.Num { return decimal128.FromU64(v.Uint64()) }
	case from.Kind() == pq.Int64:
		return func(v pq.Value) decimal128.Num { return decimal128.FromI64(v.Int64()) }
	}
	return nil
}

// wholeInto reads whole numbers where floats are wanted that hold so many bits of them.
func wholeInto(b array.Builder, from pq.Type, f *faults, digits int, add func(float64) int) (put, error) {
	get := wholeNumbers(from)
	if get == nil {
		return nil, errOtherType
	}
	name := sdk.TypeName(b.Type())
	return func(v pq.Value) int {
		n := get(v)
		size := n.Abs().LowBits()
		if bits.Len64(size)-bits.TrailingZeros64(size) > digits {
			return f.reject(b, "want a %s, got %s, which it does not hold exactly", name, n.ToString(0))
		}
		exact := float64(size)
		if n.Sign() < 0 {
			exact = -exact
		}
		return add(exact)
	}, nil
}

// floats returns how floats of a type become a float64, or nil if it holds others.
func floats(from pq.Type) func(pq.Value) float64 {
	switch {
	case from.LogicalType() != nil:
	case from.Kind() == pq.Float:
		return func(v pq.Value) float64 { return float64(v.Float()) }
	case from.Kind() == pq.Double:
		return pq.Value.Double
	}
	return nil
}

func putFloat64(b *array.Float64Builder, from pq.Type, f *faults) (put, error) {
	if get := floats(from); get != nil {
		return putNumber(b.Append, get, 8, true)
	}
	return wholeInto(b, from, f, 53, func(v float64) int { b.Append(v); return 8 })
}

func putFloat32(b *array.Float32Builder, from pq.Type, f *faults) (put, error) {
	if from.Kind() == pq.Float && from.LogicalType() == nil {
		return putNumber(b.Append, pq.Value.Float, 4, true)
	}
	return wholeInto(b, from, f, 24, func(v float64) int { b.Append(float32(v)); return 4 })
}

// putHalf reads floats of 2 bytes, which both of ours hold exactly.
func putHalf(b array.Builder) (put, error) {
	half := func(v pq.Value) float32 { return float16.FromLEBytes(v.ByteArray()).Float32() }
	switch b := b.(type) {
	case *array.Float32Builder:
		return func(v pq.Value) int { b.Append(half(v)); return 4 }, nil
	case *array.Float64Builder:
		return func(v pq.Value) int { b.Append(float64(half(v))); return 8 }, nil
	}
	return nil, errOtherType
}

// putWhole reads numbers of other types where whole ones are wanted from least to most.
func putWhole(
	b array.Builder, from pq.Type, f *faults, least, most decimal128.Num, add func(decimal128.Num) int,
) (put, error) {
	name := sdk.WithArticle(sdk.TypeName(b.Type()))
	if get := floats(from); get != nil {
		return func(v pq.Value) int {
			n, err := decimal128.FromFloat64(get(v), decimal128.MaxPrecision, 0)
			if math.Trunc(get(v)) != get(v) || err != nil || n.Less(least) || n.Greater(most) {
				return f.reject(b, "want %s, got %v", name, get(v))
			}
			return add(n)
		}, nil
	}
	get, scale := numbers(from)
	if get == nil {
		return nil, errOtherType
	}
	factor := decimal128.GetScaleMultiplier(int(scale))
	return func(v pq.Value) int {
		n, overlong := get(v)
		whole, remainder := n, decimal128.Num{}
		if scale > 0 {
			whole, remainder = n.Div(factor)
		}
		if overlong != "" || remainder.Sign() != 0 || whole.Less(least) || whole.Greater(most) {
			return f.reject(b, "want %s, got %s", name, cmp.Or(overlong, n.ToString(scale)))
		}
		return add(whole)
	}, nil
}

func isDate(t pq.Type) bool {
	_, date := logical(t).(*format.DateType)
	return date && t.Kind() == pq.Int32
}

// putUUID writes a UUID as its text.
func putUUID(b *array.StringBuilder) put {
	return func(v pq.Value) int {
		id, text := v.ByteArray(), [36]byte{8: '-', 13: '-', 18: '-', 23: '-'}
		at := 0
		for _, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:16]} {
			at += hex.Encode(text[at:], part) + 1
		}
		b.BinaryBuilder.Append(text[:])
		return len(text) + 4
	}
}

// putDecimal reads decimals and whole numbers that have no more digits before and behind
// the point than the type.
func putDecimal(b *array.Decimal128Builder, from pq.Type, f *faults) (put, error) {
	want := b.Type().(*arrow.Decimal128Type)
	get, scale := numbers(from)
	if get == nil {
		return nil, errOtherType
	}
	up := decimal128.GetScaleMultiplier(int(max(0, want.Scale-scale)))
	down := decimal128.GetScaleMultiplier(int(max(0, scale-want.Scale)))
	most := decimal128.GetMaxValue(want.Precision - max(0, want.Scale-scale))
	return func(v pq.Value) int {
		n, overlong := get(v)
		fitting, remainder := n, decimal128.Num{}
		if scale > want.Scale {
			fitting, remainder = n.Div(down)
		}
		if overlong != "" || remainder.Sign() != 0 || fitting.Greater(most) || fitting.Less(most.Negate()) {
			return f.reject(b, "want %s, got %s", sdk.WithArticle(sdk.TypeName(want)),
				cmp.Or(overlong, n.ToString(scale)))
		}
		if scale < want.Scale {
			fitting = fitting.Mul(up)
		}
		b.Append(fitting)
		return 16
	}, nil
}

// numbers returns how whole numbers and decimals of a type become decimals, and of what
// scale; nil if it holds others. A number of more than 16 bytes comes as its text.
func numbers(from pq.Type) (get func(pq.Value) (n decimal128.Num, overlong string), scale int32) {
	narrowed := func(get func(pq.Value) decimal128.Num) func(pq.Value) (decimal128.Num, string) {
		return func(v pq.Value) (decimal128.Num, string) { return get(v), "" }
	}
	if whole := wholeNumbers(from); whole != nil {
		return narrowed(whole), 0
	}
	l, ok := logical(from).(*format.DecimalType)
	if !ok || l.Scale < 0 || l.Scale > decimal128.MaxScale {
		return nil, 0
	}
	switch from.Kind() {
	case pq.Int32:
		return narrowed(func(v pq.Value) decimal128.Num { return decimal128.FromI64(int64(v.Int32())) }), l.Scale
	case pq.Int64:
		return narrowed(func(v pq.Value) decimal128.Num { return decimal128.FromI64(v.Int64()) }), l.Scale
	}
	return func(v pq.Value) (decimal128.Num, string) {
		bytes := v.ByteArray()
		if len(bytes) > 16 && !narrow(bytes) {
			return decimal128.Num{}, longDecimal(bytes, l.Scale)
		}
		return bigEndian(bytes), ""
	}, l.Scale
}

// narrow reports whether a number in two's complement of more than 16 bytes is one of 16.
func narrow(bytes []byte) bool {
	first, low := bytes[:len(bytes)-16], bytes[len(bytes)-16:]
	for _, b := range first {
		if b != byte(int8(low[0])>>7) {
			return false
		}
	}
	return true
}

// longDecimal is such a number as a message shows it.
func longDecimal(bytes []byte, scale int32) string {
	const most = 64
	if len(bytes) > most {
		return fmt.Sprintf("a number of %d bytes", len(bytes))
	}
	n := new(big.Int).SetBytes(bytes)
	if bytes[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))))
	}
	text := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	return text.FloatString(int(scale))
}
