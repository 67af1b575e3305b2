package columns

import (
	"bytes"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

func (c *Column) setDecimal(text []byte) bool {
	v, ok := parseDecimal(text, c.field.Type.(*arrow.Decimal128Type))
	if ok {
		c.dec = append(c.dec[:c.n], v)
		c.state = isSet
	}
	return ok
}

// parseDecimal reads an optional minus, digits, an optional point with digits, and
// an optional exponent, which programs write for small and large numbers. More digits
// than the type holds are refused unless they are zeros.
func parseDecimal(text []byte, t *arrow.Decimal128Type) (v decimal128.Num, ok bool) {
	if text, ok = plainNumber(text); !ok {
		return v, false
	}
	return parsePlain(text, t)
}

// plainNumber is a number without its exponent, if it has one.
func plainNumber(text []byte) (plain []byte, ok bool) {
	if at := bytes.IndexAny(text, "eE"); at > 0 {
		return withoutExponent(text[:at], text[at+1:])
	}
	return text, true
}

// parsePlain is parseDecimal without an exponent.
func parsePlain(text []byte, t *arrow.Decimal128Type) (v decimal128.Num, ok bool) {
	var scratch [40]byte // a minus and at most 38 digits
	digits := scratch[:0]
	if len(text) > 0 && text[0] == '-' {
		digits, text = append(digits, '-'), text[1:]
	}
	start, point, seen := len(digits), -1, 0
	for i, b := range text {
		switch {
		case b == '.' && point < 0 && i > 0 && i < len(text)-1:
			point = seen
			continue
		case b < '0' || b > '9':
			return v, false
		}
		seen++
		beyond := point >= 0 && seen-point > int(t.Scale)
		if beyond && b != '0' {
			return v, false
		}
		if beyond || (b == '0' && len(digits) == start) {
			continue // a zero that changes nothing
		}
		if digits = append(digits, b); len(digits)-start > int(t.Precision) {
			return v, false
		}
	}
	if point < 0 {
		point = seen
	}
	for missing := int(t.Scale) - (seen - point); missing > 0 && len(digits) > start; missing-- {
		digits = append(digits, '0')
	}
	if seen == 0 || len(digits)-start > int(t.Precision) {
		return v, false
	}
	if len(digits) == start {
		return v, true
	}
	if small, ok := parseInt(digits); ok {
		return decimal128.FromI64(small), true
	}
	large, _ := new(big.Int).SetString(string(digits), 10)
	return decimal128.FromBigInt(large), true
}

// withoutExponent moves the point of a number by its exponent. ok is false if either has
// another form, or the number has more digits than any decimal, but for zeros.
func withoutExponent(number, exponent []byte) (plain []byte, ok bool) {
	if len(exponent) > 1 && exponent[0] == '+' && exponent[1] != '-' {
		exponent = exponent[1:]
	}
	shift, ok := parseInt(exponent)
	if !ok {
		return nil, false
	}
	sign := []byte(nil)
	if number[0] == '-' {
		sign, number = number[:1], number[1:]
	}
	whole, fraction, pointed := bytes.Cut(number, []byte("."))
	if len(whole) == 0 || pointed && len(fraction) == 0 {
		return nil, false
	}
	digits := append(bytes.Clone(whole), fraction...)
	kept := bytes.TrimLeft(digits, "0")
	if len(kept) == 0 { // zero, whatever its exponent is
		return append(bytes.Clone(sign), digits...), true
	}
	point := int64(len(whole)-(len(digits)-len(kept))) + shift // of kept, where the point stands
	const most = 64
	switch {
	case point > most || point < -most:
		return nil, false
	case point <= 0:
		kept = append(bytes.Repeat([]byte("0"), int(1-point)), kept...)
		point = 1
	case point > int64(len(kept)):
		kept = append(kept, bytes.Repeat([]byte("0"), int(point)-len(kept))...)
	}
	plain = append(bytes.Clone(sign), kept[:point]...)
	if int(point) < len(kept) {
		plain = append(append(plain, '.'), kept[point:]...)
	}
	return plain, true
}
