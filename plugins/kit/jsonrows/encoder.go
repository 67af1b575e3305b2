package jsonrows

import (
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
)

// Encoder writes the rows of one batch as JSON objects. It is for one goroutine.
//
// Nulls are written as null; so are NaN and the infinities, which JSON does not
// have. Timestamps are RFC 3339 in UTC, dates 2006-01-02, bytes base64,
// decimals numbers with all their digits, json columns as they are (but for
// line breaks, which become spaces), lists and structs arrays and objects.
type Encoder struct {
	fields []field
}

type field struct {
	key  []byte // `,"name":`
	view columns.View
}

// NewEncoder makes an encoder for rows of any schema. The batch may be sliced.
func NewEncoder(rows arrow.RecordBatch) *Encoder {
	e := &Encoder{fields: make([]field, rows.NumCols())}
	for i, f := range rows.Schema().Fields() {
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		e.fields[i] = field{append(AppendString(key, []byte(f.Name)), ':'), columns.NewView(f, rows.Column(i))}
	}
	return e
}

// Append adds one row to dst as an object, without a newline, its keys in the
// order of the columns.
func (e *Encoder) Append(dst []byte, row int) []byte {
	if len(e.fields) == 0 {
		return append(dst, "{}"...)
	}
	for i := range e.fields {
		dst = appendValue(append(dst, e.fields[i].key...), &e.fields[i].view, row)
	}
	return append(dst, '}')
}

// AppendValue adds one value of a column of any type to dst, as Encoder writes it.
func AppendValue(dst []byte, v *columns.View, row int) []byte {
	return appendValue(dst, v, row)
}

func appendValue(dst []byte, v *columns.View, row int) []byte {
	if v.IsNull(row) {
		return append(dst, "null"...)
	}
	switch v.Kind {
	case columns.String:
		return AppendString(dst, v.Bytes(row))
	case columns.JSON:
		return appendRaw(dst, v.Bytes(row))
	case columns.Float32, columns.Float64:
		if !v.IsFinite(row) {
			return append(dst, "null"...)
		}
	case columns.Timestamp, columns.Date, columns.Time, columns.Bytes:
		return append(v.Append(append(dst, '"'), row), '"')
	case columns.List:
		return appendList(dst, v, row)
	case columns.Struct:
		return appendStruct(dst, v, row)
	case columns.Other:
		return appendOther(dst, v.Array(), row)
	}
	return v.Append(dst, row)
}

// AppendString writes text in quotes. Bytes that are not UTF-8 become U+FFFD:
// a string column should have none.
func AppendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for p := 0; ; {
		at, high := special(text, p)
		if high && !utf8.Valid(text[p:at]) {
			for _, r := range string(text[p:at]) {
				dst = utf8.AppendRune(dst, r)
			}
		} else {
			dst = append(dst, text[p:at]...)
		}
		if at == len(text) {
			return append(dst, '"')
		}
		dst = appendEscape(dst, text[at])
		p = at + 1
	}
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[b>>4], digits[b&15])
}

// appendRaw writes JSON text on one line. A line break in it can only stand
// between its parts.
func appendRaw(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "null"...)
	}
	from := len(dst)
	dst = append(dst, text...)
	for i, b := range dst[from:] {
		if b == '\n' || b == '\r' {
			dst[from+i] = ' '
		}
	}
	return dst
}
