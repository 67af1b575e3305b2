// Package jsonrows turns JSON objects into columns and columns into JSON
// objects: one object is one row.
//
// Reading is strict (RFC 8259): what encoding/json refuses is refused. Beyond
// that, text must be UTF-8: a string with other bytes in it, or with half of a
// surrogate pair, is an error, not a replacement character.
package jsonrows

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/columns"
)

// Check returns what of a schema a Decoder cannot read, for Validate.
func Check(schema sdk.Schema) error {
	return columns.Check(schema)
}

// Decoder collects JSON objects as rows of a schema. It is for one goroutine.
//
// A missing key is null, the last of several equal keys wins, and keys without
// a column are dropped and counted. An integer becomes a float64, a number or
// bool becomes a string (its text); timestamps, dates, times and bytes (base64)
// are strings, decimals numbers or strings; a json column takes any value as
// its text. Anything else, overflow, and a null where the column is required
// are errors.
type Decoder struct {
	builder *columns.Builder
	columns []columns.Column
	names   map[string]int
	shape   []slot // the keys of the object before: most objects have the same
	text    []byte // an unescaped string

	unknownKeys   int64
	unknownInThis int64
}

// slot is what stood between two values of the last object, and which column
// it led to.
type slot struct {
	text   []byte // `,"client_id":` with its spaces; empty: not known
	column int    // or unknown
}

// Objects with more keys than this, or with longer ones, are read without a
// prediction.
const (
	maxSlots    = 1024
	maxSlotText = 256
)

// NewDecoder makes a decoder for a schema that Check accepts.
func NewDecoder(schema sdk.Schema) *Decoder {
	builder := columns.NewBuilder(schema)
	d := &Decoder{builder: builder, columns: builder.Columns(), names: make(map[string]int, len(schema))}
	for i, column := range schema {
		d.names[column.Key] = i
	}
	return d
}

// Append adds one object as a row. After an error nothing has been added; the
// error's text is the reason for a reject. It keeps nothing of object.
func (d *Decoder) Append(object []byte) error {
	d.unknownInThis = 0
	if err := d.object(object); err != nil {
		d.builder.Abort()
		return err
	}
	if err := d.builder.Commit(); err != nil {
		return err
	}
	d.unknownKeys += d.unknownInThis
	return nil
}

// Rows is how many rows the next Take gives.
func (d *Decoder) Rows() int { return d.builder.Rows() }

// Bytes is the size of the next Take's column data. Take before it reaches
// sdk.MaxBatchBytes.
func (d *Decoder) Bytes() int { return d.builder.Bytes() }

// Take hands over the rows since the last Take.
func (d *Decoder) Take() arrow.RecordBatch { return d.builder.Take() }

// UnknownKeys is how many keys of the rows so far had no column.
func (d *Decoder) UnknownKeys() int64 { return d.unknownKeys }

// object reads a whole object into the columns.
func (d *Decoder) object(s []byte) error {
	p := 0
	for i := 0; ; i++ {
		var column int
		var err error
		if i < len(d.shape) && begins(s[p:], d.shape[i].text) {
			p, column = p+len(d.shape[i].text), d.shape[i].column
		} else {
			from := p
			if p, column, err = d.key(s, p, i == 0); err != nil {
				return err
			}
			if column == closed {
				break
			}
			d.remember(i, s[from:p], column)
		}
		if p, err = d.value(s, p, column); err != nil {
			return err
		}
	}
	if p = skipSpace(s, p); p < len(s) {
		return syntax(s, p, "nothing after the object")
	}
	return nil
}

// begins tells whether s begins with text, which must not be empty.
func begins(s, text []byte) bool {
	return len(text) > 0 && len(s) >= len(text) && string(s[:len(text)]) == string(text)
}

// remember predicts the same key in the same place of the next object.
func (d *Decoder) remember(i int, text []byte, column int) {
	if i >= maxSlots {
		return
	}
	if i == len(d.shape) {
		d.shape = append(d.shape, slot{})
	}
	if len(text) > maxSlotText {
		text = nil
	}
	d.shape[i] = slot{append(d.shape[i].text[:0], text...), column}
}

// What key returns in place of a column.
const (
	unknown = -1
	closed  = -2
)

// key reads what stands before a value: the brace or comma, the key and the
// colon. If the object ends instead, column is closed.
func (d *Decoder) key(s []byte, p int, first bool) (after, column int, err error) {
	p = skipSpace(s, p)
	switch {
	case first && (p == len(s) || s[p] != '{'):
		return 0, 0, fmt.Errorf("want a JSON object, got %s", described(s[p:]))
	case !first && p < len(s) && s[p] == '}':
		return p + 1, closed, nil
	case !first && (p == len(s) || s[p] != ','):
		return 0, 0, syntax(s, p, "a comma or }")
	}
	if p = skipSpace(s, p+1); first && p < len(s) && s[p] == '}' {
		return p + 1, closed, nil
	}
	if p == len(s) || s[p] != '"' {
		return 0, 0, syntax(s, p, "a key in quotes")
	}
	end, escaped, _, err := scanString(s, p+1)
	if err != nil {
		return 0, 0, err
	}
	key := s[p+1 : end]
	if escaped {
		// Half of a surrogate pair is no column's name, but no reason to refuse a row either.
		if d.text, err = unescape(d.text[:0], s, p+1, end); err != nil && !errors.Is(err, errSurrogate) {
			return 0, 0, err
		}
		key = d.text
	}
	if p = skipSpace(s, end+1); p == len(s) || s[p] != ':' {
		return 0, 0, syntax(s, p, "a colon")
	}
	column, known := d.names[string(key)]
	if !known {
		column = unknown
	}
	return skipSpace(s, p+1), column, nil
}
