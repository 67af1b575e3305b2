package textrows

import (
	"bytes"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
)

// Encoder writes the rows of one batch as records. It is for one goroutine.
//
// Timestamps are RFC 3339 in UTC, dates 2006-01-02, bytes base64, floats may be
// NaN, Infinity and -Infinity, lists and structs are JSON.
type Encoder struct {
	options Options
	views   []columns.View
	direct  bool // values that are not text cannot need quotes
	text    []byte
}

// NewEncoder makes an encoder for rows of any schema. The batch may be sliced.
func NewEncoder(rows arrow.RecordBatch, o Options) *Encoder {
	e := &Encoder{options: o, views: make([]columns.View, rows.NumCols())}
	e.options.Delimiter = o.delimiter()
	switch e.options.Delimiter {
	case ',', ';', '\t', '|':
		e.direct = o.Null == ""
	}
	for i, f := range rows.Schema().Fields() {
		e.views[i] = columns.NewView(f, rows.Column(i))
	}
	return e
}

// Append adds one row to dst as a record, with its line break.
func (e *Encoder) Append(dst []byte, row int) []byte {
	for i := range e.views {
		if i > 0 {
			dst = append(dst, e.options.Delimiter)
		}
		dst = e.cell(dst, &e.views[i], row)
	}
	return e.options.endLine(dst)
}

func (e *Encoder) cell(dst []byte, v *columns.View, row int) []byte {
	switch {
	case v.IsNull(row):
		return append(dst, e.options.Null...)
	case v.Kind == columns.String:
		return e.options.appendText(dst, v.Bytes(row), e.options.EscapeFormulas)
	case v.Kind == columns.JSON:
		return e.options.appendText(dst, v.Bytes(row), false)
	case v.Kind == columns.Other, len(v.Inside()) > 0:
		e.text = jsonrows.AppendValue(e.text[:0], v, row)
	case v.Kind != columns.Bytes && e.direct:
		return v.Append(dst, row)
	default:
		e.text = v.Append(e.text[:0], row)
	}
	return e.options.appendText(dst, e.text, false)
}

// AppendHeader adds the columns' names to dst as a record, with its line break.
func AppendHeader(dst []byte, schema *arrow.Schema, o Options) []byte {
	o.Delimiter = o.delimiter()
	for i, f := range schema.Fields() {
		if i > 0 {
			dst = append(dst, o.Delimiter)
		}
		dst = o.appendText(dst, []byte(f.Name), o.EscapeFormulas)
	}
	return o.endLine(dst)
}

func (o *Options) endLine(dst []byte) []byte {
	if o.CRLF {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// appendText adds text as a cell, in quotes if it needs them.
func (o *Options) appendText(dst, text []byte, guard bool) []byte {
	if guard && isFormula(text) {
		if special(text, 0, o.Delimiter) == len(text) {
			return append(append(dst, '\''), text...)
		}
		return quoted(dst, "'", text)
	}
	if string(text) == o.Null {
		return quoted(dst, "", text)
	}
	from := len(dst)
	if cap(dst)-from < len(text) {
		dst = slices.Grow(dst, len(text))
	}
	dst = dst[:from+len(text)]
	if !copyPlain(dst[from:], text, o.Delimiter) {
		return quoted(dst[:from], "", text)
	}
	return dst
}

// quoted adds text in quotes, which are doubled in it.
func quoted(dst []byte, prefix string, text []byte) []byte {
	dst = append(append(dst, '"'), prefix...)
	for {
		at := bytes.IndexByte(text, '"')
		if at < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:at+1]...), '"')
		text = text[at+1:]
	}
}

// isFormula reports whether a spreadsheet would calculate text, which may begin with
// a tab or a carriage return.
func isFormula(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	}
	return false
}
