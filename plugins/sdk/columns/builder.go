package columns

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// Builder builds record batches of a schema row by row: set the columns of a
// row, then Commit it. It is for one goroutine.
type Builder struct {
	schema  *arrow.Schema
	columns []Column
	rows    int
	wide    int   // bytes of a row's values of fixed size
	vary    []int // the columns whose values vary in size
}

// NewBuilder makes a builder for a schema that Check accepts.
func NewBuilder(schema sdk.Schema) *Builder {
	b := &Builder{schema: schema.Arrow(), columns: make([]Column, len(schema))}
	for i, f := range b.schema.Fields() {
		b.columns[i] = newColumn(f, schema[i].Value.Format)
		wide := b.columns[i].Kind.wide()
		if wide == 0 {
			b.vary = append(b.vary, i)
			wide = 4 // the offset
		}
		b.wide += wide
	}
	return b
}

// Schema is what Take's batches have.
func (b *Builder) Schema() *arrow.Schema { return b.schema }

// Columns are the columns, in order.
func (b *Builder) Columns() []Column { return b.columns }

// Commit ends the row. Columns that were not set become null. If one of them
// must not be, or was set bad, the row is dropped and the error says why.
func (b *Builder) Commit() error {
	for i := range b.columns {
		if c := &b.columns[i]; c.state != isSet {
			if err := c.fault(); err != nil {
				b.Abort()
				return err
			}
		}
	}
	for i := range b.columns {
		c := &b.columns[i]
		if c.state != isSet {
			c.writeNull()
		}
		c.state = unset
		c.n++
	}
	b.rows++
	return nil
}

// Abort drops the row being built.
func (b *Builder) Abort() {
	for i := range b.columns {
		b.columns[i].state = unset // the next row overwrites the values
	}
}

// Rows is how many rows have been committed since the last Take.
func (b *Builder) Rows() int { return b.rows }

// Bytes is the size of those rows. Offsets are 32 bits: Take before a column
// can hold 2 GiB, which sdk.MaxBatchBytes sees to.
func (b *Builder) Bytes() int {
	size := b.rows * b.wide
	for _, i := range b.vary {
		if c := &b.columns[i]; c.offsets != nil {
			size += int(c.offsets[c.n])
		}
	}
	return size
}

// Take hands over the committed rows and starts anew.
func (b *Builder) Take() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(b.columns))
	for i := range b.columns {
		arrays[i] = b.columns[i].take()
	}
	rows := b.rows
	b.rows = 0
	return array.NewRecordBatch(b.schema, arrays, int64(rows))
}
