package redpanda

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

func (c *SourceConfig) decoder(survey *sdk.Survey) decoder {
	var d decoder
	switch c.Format {
	case formatRaw:
		d = newRaw(c.schema())
	case formatCSV:
		cells := textrows.NewDecoder(c.schema(), textrows.Options{})
		cells.Observe(survey)
		d = cells
	default:
		objects := jsonrows.NewDecoder(c.schema())
		objects.Observe(survey)
		d = objects
	}
	return &withTombstones{decoder: d, mode: c.tombstones(), want: c.wanted()}
}

// tombstones is what records without a value become: only a raw value can be null.
func (c *SourceConfig) tombstones() string {
	switch {
	case c.Tombstones != "":
		return c.Tombstones
	case c.Format == formatRaw:
		return tombstoneRows
	}
	return tombstoneDead
}

func (c *SourceConfig) wanted() string {
	switch c.Format {
	case formatRaw:
		return "a value"
	case formatCSV:
		return "a line of CSV"
	}
	return "a JSON object"
}

// errIgnored is the answer to a record that tombstones: ignore leaves out.
var errIgnored = errors.New("a record without a value, which tombstones: ignore leaves out")

// withTombstones decides about records without a value. Compacted topics have them:
// each deletes what the topic had under its key.
type withTombstones struct {
	decoder
	mode string
	want string
}

// Append adds a value as a row.
func (t *withTombstones) Append(value []byte) error {
	switch {
	case value != nil:
		return t.decoder.Append(value)
	case t.mode == tombstoneIgnore:
		return errIgnored
	case t.mode == tombstoneRows:
		return t.AppendNull()
	}
	return fmt.Errorf("want %s, got a record without a value (tombstones: rows makes a row of nulls of it, "+
		"ignore nothing)", t.want)
}

// unknownKeys is how many keys of objects had no column.
func unknownKeys(d decoder) int64 {
	if t, ok := d.(*withTombstones); ok {
		d = t.decoder
	}
	if counting, ok := d.(interface{ UnknownKeys() int64 }); ok {
		return counting.UnknownKeys()
	}
	return 0
}

// raw makes a value, as it is, the only column.
type raw struct {
	schema *arrow.Schema
	build  *array.BinaryBuilder
	text   bool
	must   bool
}

func newRaw(schema sdk.Schema) *raw {
	column := schema[0].Value
	r := &raw{schema: schema.Arrow(), text: column.Type == "string", must: column.Required}
	r.build = array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	return r
}

// Append adds a value as a row.
func (r *raw) Append(value []byte) error {
	switch {
	case r.text && !utf8.Valid(value):
		return errors.New("want text in UTF-8, got other bytes")
	}
	r.build.Append(value)
	return nil
}

// AppendNull adds a row without a value.
func (r *raw) AppendNull() error {
	if r.must {
		return errors.New("want a value, got a record without one")
	}
	r.build.AppendNull()
	return nil
}

// Rows is how many rows the next NewRecordBatch returns.
func (r *raw) Rows() int { return r.build.Len() }

// Bytes is the size of those rows' column data.
func (r *raw) Bytes() int { return r.build.DataLen() + 5*r.build.Len() }

// MaxRowBytes is what a value adds to Bytes.
func (r *raw) MaxRowBytes(text int) int { return text + 5 }

// NewRecordBatch returns the rows since the last call.
func (r *raw) NewRecordBatch() arrow.RecordBatch {
	var column arrow.Array = r.build.NewBinaryArray()
	if r.text {
		data := column.Data()
		column = array.NewStringData(array.NewData(arrow.BinaryTypes.String, data.Len(), data.Buffers(), nil,
			data.NullN(), data.Offset()))
	}
	return array.NewRecordBatch(r.schema, []arrow.Array{column}, int64(column.Len()))
}
