package redpanda

import (
	"errors"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/jsonrows"
	"etlengine/plugins/sdk/textrows"
)

func (c *SourceConfig) decoder() decoder {
	switch c.Format {
	case formatRaw:
		return newRaw(c.schema())
	case formatCSV:
		return present{textrows.NewDecoder(c.schema(), textrows.Options{}), "a line of CSV"}
	}
	return present{jsonrows.NewDecoder(c.schema()), "a JSON object"}
}

// present refuses records without a value, which compacted topics have.
type present struct {
	decoder
	want string
}

// Append adds a value as a row.
func (p present) Append(value []byte) error {
	if value == nil {
		return errors.New("want " + p.want + ", got a record without a value")
	}
	return p.decoder.Append(value)
}

// unknownKeys is how many keys of objects had no column.
func unknownKeys(d decoder) int64 {
	if p, ok := d.(present); ok {
		if counting, ok := p.decoder.(interface{ UnknownKeys() int64 }); ok {
			return counting.UnknownKeys()
		}
	}
	return 0
}

// raw takes a value as it is, as the only column.
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
	case value == nil && r.must:
		return errors.New("want a value, got a record without one")
	case value == nil:
		r.build.AppendNull()
		return nil
	case r.text && !utf8.Valid(value):
		return errors.New("want text in UTF-8, got other bytes")
	}
	r.build.Append(value)
	return nil
}

// Rows is how many rows the next Take gives.
func (r *raw) Rows() int { return r.build.Len() }

// Bytes is the size of the next Take's column data.
func (r *raw) Bytes() int { return r.build.DataLen() + 5*r.build.Len() }

// Room is what a value adds to Bytes.
func (r *raw) Room(text int) int { return text + 5 }

// Take hands over the rows since the last Take.
func (r *raw) Take() arrow.RecordBatch {
	var column arrow.Array = r.build.NewBinaryArray()
	if r.text {
		data := column.Data()
		column = array.NewStringData(array.NewData(arrow.BinaryTypes.String, data.Len(), data.Buffers(), nil,
			data.NullN(), data.Offset()))
	}
	return array.NewRecordBatch(r.schema, []arrow.Array{column}, int64(column.Len()))
}
