package columns

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// SetText sets the row to the value that text is the form of, and reports whether
// it is one. A JSON column keeps its text.
func (c *Column) SetText(text []byte) bool {
	switch c.Kind {
	case String, JSON:
		if !utf8.Valid(text) || c.Kind == JSON && !json.Valid(text) {
			return false
		}
		c.SetBytes(text)
		return true
	case Timestamp:
		v, ok := c.timestamp(text)
		if ok {
			c.SetInt(v)
		}
		return ok
	case Int32, Int64, Uint64:
		return c.setInteger(text)
	case Float32, Float64:
		return c.setFloat(text)
	case Bool:
		return c.setBool(text)
	case Date, Time:
		return c.setDateOrTime(text)
	case Bytes:
		data, err := base64.StdEncoding.AppendDecode(c.Start(), text)
		if err == nil {
			c.Finish(data)
		}
		return err == nil
	case Decimal:
		return c.setDecimal(text)
	}
	return false
}

// Timestamps are of years that RFC 3339 can write and others can read.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

func (c *Column) timestamp(text []byte) (int64, bool) {
	micros, ok := c.instant(text)
	return micros, ok && micros >= minTime && micros <= maxTime
}

// Why is what a message says behind a text that SetText refused although it has
// the form that is wanted; or "".
func (c *Column) Why(text []byte) string {
	if c.Kind == String && !utf8.Valid(text) {
		return NotUTF8
	}
	if c.Kind == Date {
		if _, ok := c.times.date(text); ok {
			return ", which is not in the years 1 to 9999"
		}
	}
	if c.Kind != Timestamp {
		return ""
	}
	if _, ok := c.instant(text); ok {
		return ", which is not in the years 1 to 9999"
	}
	if c.times.skipped(text, &c.clock) {
		return ", which there was not in " + c.times.zone.where.String() + ": the clock was put forward then"
	}
	return ""
}

// NotUTF8 is what a message says behind a text with other bytes in it.
const NotUTF8 = ", which is not UTF-8 (if the file is Latin-1, convert it: iconv -f latin1 -t utf-8)"

// instant reads a timestamp of any year.
func (c *Column) instant(text []byte) (int64, bool) {
	switch {
	case c.unit != 0:
		return parseUnix(text, c.unit)
	case c.times != nil:
		return c.times.timestamp(text, &c.clock)
	}
	return c.clock.Parse(text)
}

func (c *Column) setDateOrTime(text []byte) (ok bool) {
	if c.Kind == Date {
		days, ok := c.times.date(text)
		if ok = ok && days >= minDate && days <= maxDate; ok {
			c.SetInt32(days)
		}
		return ok
	}
	micros, ok := c.times.time(text)
	if ok {
		c.SetInt(micros)
	}
	return ok
}

// parseUnix reads a number of units, each of so many microseconds. Digits finer
// than a microsecond are cut.
func parseUnix(text []byte, unit int64) (int64, bool) {
	text, ok := plainNumber(text)
	if !ok {
		return 0, false
	}
	whole, fraction := text, []byte(nil)
	for i, b := range text {
		if b == '.' {
			whole, fraction = text[:i], text[i+1:]
			if len(fraction) == 0 {
				return 0, false
			}
			break
		}
	}
	v, ok := parseInt(whole)
	if !ok {
		return 0, false
	}
	v = min(max(v, math.MinInt64/unit+1), math.MaxInt64/unit-1) * unit // those are no years either
	negative := len(text) > 0 && text[0] == '-'
	for _, b := range fraction {
		if b < '0' || b > '9' {
			return 0, false
		}
		unit /= 10
		if negative {
			v -= int64(b-'0') * unit
		} else {
			v += int64(b-'0') * unit
		}
	}
	return v, true
}

// wholeNumber is the type of a decimal that any integer fits.
var wholeNumber = &arrow.Decimal128Type{Precision: 38}

// setInteger also takes 1.0 and 1e3: programs whose numbers are all floats write whole
// ones so.
func (c *Column) setInteger(text []byte) bool {
	if c.setDigits(text) {
		return true
	}
	if !bytes.ContainsAny(text, ".eE") {
		return false
	}
	v, ok := parseDecimal(text, wholeNumber)
	return ok && c.setDigits([]byte(v.ToString(0)))
}

func (c *Column) setDigits(text []byte) bool {
	if c.Kind == Uint64 {
		v, err := strconv.ParseUint(view(text), 10, 64)
		if err != nil || text[0] == '+' {
			return false
		}
		c.SetInt(int64(v))
		return true
	}
	v, ok := parseInt(text)
	if !ok {
		return false
	}
	if c.Kind == Int64 {
		c.SetInt(v)
		return true
	}
	if v < math.MinInt32 || v > math.MaxInt32 {
		return false
	}
	c.SetInt32(int32(v))
	return true
}

// parseInt reads an optional minus and digits.
func parseInt(text []byte) (int64, bool) {
	digits := text
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		digits = text[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 { // may overflow
		if digits[0] < '0' || digits[0] > '9' {
			return 0, false
		}
		v, err := strconv.ParseInt(view(text), 10, 64)
		return v, err == nil
	}
	v := int64(0)
	for _, b := range digits {
		if b -= '0'; b > 9 {
			return 0, false
		}
		v = v*10 + int64(b)
	}
	if negative {
		v = -v
	}
	return v, true
}

// setFloat reads a decimal number, or NaN, an infinity or Inf in any case. The hexadecimal
// form, which strconv takes too, is refused.
func (c *Column) setFloat(text []byte) bool {
	bits := 64
	if c.Kind == Float32 {
		bits = 32
	}
	for _, b := range text {
		if (b < '0' || b > '9') && b != '.' && b != '-' && b != '+' && b != 'e' && b != 'E' {
			switch strings.ToLower(strings.TrimLeft(string(text), "+-")) {
			case "nan", "inf", "infinity":
			default:
				return false
			}
			break
		}
	}
	v, err := strconv.ParseFloat(view(text), bits)
	if err != nil {
		return false
	}
	if bits == 32 {
		c.SetInt32(int32(math.Float32bits(float32(v))))
	} else {
		c.SetFloat(v)
	}
	return true
}

func (c *Column) setBool(text []byte) bool {
	switch string(text) {
	case "true", "True", "TRUE", "1":
		c.SetBool(true)
	case "false", "False", "FALSE", "0":
		c.SetBool(false)
	default:
		return false
	}
	return true
}

// view is text as a string for the length of a call.
func view(text []byte) string {
	return unsafe.String(unsafe.SliceData(text), len(text))
}
