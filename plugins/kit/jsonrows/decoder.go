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

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// Decoder collects JSON objects as rows of a schema. It is for one goroutine.
//
// A missing key is null, the last of several equal keys wins, and keys without
// a column are dropped and counted, or kept in the column marked as extra. An
// integer becomes a float64, a number or bool becomes a string (its text);
// timestamps, dates, times and bytes (base64) are strings, decimals numbers or
// strings; a json column takes any value as its text; lists are arrays and
// structs objects, to which the same applies. Anything else, overflow, and a
// null where the column is required are errors that name the path to the value.
type Decoder struct {
	builder   *columns.Builder
	root      *object
	extra     *columns.Column // nil: none
	extraText []byte          // the keys for it, as an object that is not closed
	text      []byte          // an unescaped string

	unknownKeys   int64
	unknownInThis int64
	surveyed      int64       // of unknownKeys: those the survey has
	survey        *sdk.Survey // nil: nobody asks
	named         int         // names of keys without a column so far, at most sdk.MaxNames
	news          []string    // of them, those the survey does not have yet
}

// NewDecoder makes a decoder for any valid schema.
func NewDecoder(schema sdk.Schema) *Decoder {
	builder := columns.NewBuilder(schema)
	d := &Decoder{builder: builder, root: newObject("", builder.Columns(), schema)}
	for i, column := range schema {
		if column.Value.Extra {
			d.extra = &builder.Columns()[i]
		}
	}
	return d
}

// Append adds one object as a row. After an error nothing has been added; the
// error's text is the reason for a reject. It keeps nothing of object.
func (d *Decoder) Append(object []byte) error {
	d.unknownInThis = 0
	if err := d.whole(object); err != nil {
		d.builder.Abort()
		return err
	}
	if err := d.builder.Commit(); err != nil {
		return err
	}
	d.unknownKeys += d.unknownInThis
	return nil
}

// AppendNull adds a row of nulls.
func (d *Decoder) AppendNull() error { return d.builder.Commit() }

// Rows is how many rows the next NewRecordBatch returns.
func (d *Decoder) Rows() int { return d.builder.Rows() }

// Bytes is the size of those rows' column data. Call NewRecordBatch before it reaches
// sdk.MaxBatchBytes.
func (d *Decoder) Bytes() int { return d.builder.Bytes() }

// Observe makes each NewRecordBatch add to the survey which columns the rows had and
// which keys had no column. Those of rows that were refused count too.
func (d *Decoder) Observe(s *sdk.Survey) { d.survey = s }

// NewRecordBatch returns the rows since the last call.
func (d *Decoder) NewRecordBatch() arrow.RecordBatch {
	rows := d.builder.NewRecordBatch()
	if d.survey != nil {
		found := sdk.Surveyed{Rows: rows.NumRows(), Keys: d.unknownKeys - d.surveyed, Names: d.newNames()}
		found.Columns, found.Had = d.builder.Survey()
		d.survey.Add(found)
		d.surveyed = d.unknownKeys
	}
	return rows
}

// newNames hands over the names of keys without a column since the last call.
func (d *Decoder) newNames() []string {
	news := d.news
	d.news = nil
	return news
}

// dropped remembers the name of a key without a column.
func (d *Decoder) dropped(o *object, key []byte) {
	if o == d.root && d.extra != nil || d.named >= sdk.MaxNames || o.dropped[string(key)] {
		return
	}
	if o.dropped == nil {
		o.dropped = map[string]bool{}
	}
	o.dropped[string(key)] = true
	d.named++
	d.news = append(d.news, o.path+string(key))
}

// UnknownKeys is how many keys of the rows so far had no column.
func (d *Decoder) UnknownKeys() int64 { return d.unknownKeys }

// MaxRowBytes is the most bytes that an object of text bytes of text adds to Bytes.
func (d *Decoder) MaxRowBytes(text int) int { return d.builder.MaxRowBytes(text) }

// whole reads one object, and nothing behind it, into the columns.
func (d *Decoder) whole(s []byte) error {
	d.extraText = d.extraText[:0]
	p, err := d.object(s, 0, d.root)
	if err != nil {
		return err
	}
	if p = skipSpace(s, p); p < len(s) {
		return syntax(s, p, "nothing after the object")
	}
	if len(d.extraText) > 0 {
		d.setExtra()
	}
	return nil
}

// object reads the object at p by the keys of o.
func (d *Decoder) object(s []byte, p int, o *object) (after int, err error) {
	for i := 0; ; i++ {
		from, code := p, 0
		if i < len(o.shape) && o.shape[i].begins(s, p) {
			p, code = p+len(o.shape[i].text), o.shape[i].code
		} else if i > 0 && p < len(s) && s[p] == '}' {
			return p + 1, nil
		} else {
			if p, code, err = d.key(o, s, p, i == 0); err != nil {
				return 0, err
			}
			if code == closed {
				return p, nil
			}
			o.remember(i, s[from:p], code)
		}
		quote := p < len(s) && s[p] == '"'
		switch {
		case code >= 0 && quote && o.targets[code].column.Kind != columns.JSON:
			p, err = d.string(s, p+1, o.targets[code].column)
		case code >= 0:
			p, err = d.value(s, p, &o.targets[code])
		case code == unknown && quote && (d.extra == nil || o != d.root):
			d.unknownInThis++
			p, err = skipString(s, p+1)
		default:
			p, err = d.rare(o, s, from, p, code)
		}
		if err != nil {
			return 0, err
		}
	}
}

// key reads what stands before a value: the brace or comma, the key and the
// colon. If the object ends instead, code is closed.
func (d *Decoder) key(o *object, s []byte, p int, first bool) (after, code int, err error) {
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
	code, known := o.names[string(key)]
	if !known {
		code = unknown
		d.dropped(o, key)
	}
	return skipSpace(s, p+1), code, nil
}
