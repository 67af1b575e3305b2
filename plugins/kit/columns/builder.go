package columns

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// Builder builds record batches of a schema row by row: set the columns of a
// row, then Commit it. It is for one goroutine.
type Builder struct {
	schema    *arrow.Schema
	columns   []Column
	rows      int
	fixedSize int   // bytes of a row's values of fixed size
	vary      []int // the columns whose values vary in size
	nested    []int // of them, those with columns inside
	inside    int   // bytes of the nested columns' committed rows
	growth    int   // most bytes that a byte of JSON text becomes in the nested columns
}

// NewBuilder makes a builder for any valid schema.
func NewBuilder(schema sdk.Schema) *Builder {
	b := &Builder{schema: schema.Arrow(), columns: make([]Column, len(schema))}
	for i, f := range b.schema.Fields() {
		c := &b.columns[i]
		*c = newColumn(schema[i].Value.Source(f.Name), f, &schema[i].Value)
		switch fixedSize := c.Kind.width(); {
		case c.isNested():
			b.vary, b.nested = append(b.vary, i), append(b.nested, i)
			b.growth += c.growth()
		case fixedSize == 0:
			b.vary = append(b.vary, i)
			b.fixedSize += 4 // the offset
		default:
			b.fixedSize += fixedSize
		}
	}
	return b
}

// Schema is the schema of the batches that NewRecordBatch returns.
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
	if len(b.nested) > 0 {
		if err := b.commitNested(); err != nil {
			b.Abort()
			return err
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

// commitNested looks into lists and structs, and ends what is in them.
func (b *Builder) commitNested() error {
	inside := 0
	for _, i := range b.nested {
		if err := b.columns[i].fault(); err != nil {
			return err
		}
		inside += b.columns[i].size()
	}
	if inside-b.inside > sdk.MaxBatchBytes {
		return fmt.Errorf("want a row of at most %s in columns, got one of %s",
			sdk.Bytes(sdk.MaxBatchBytes), sdk.Bytes(inside-b.inside))
	}
	b.inside = inside
	for _, i := range b.nested {
		b.columns[i].commitInside()
	}
	return nil
}

// Abort drops the row being built.
func (b *Builder) Abort() {
	for i := range b.columns {
		b.columns[i].state = unset // the next row overwrites the values
	}
	for _, i := range b.nested {
		b.columns[i].rewind(b.columns[i].n)
	}
}

// Rows is the number of rows committed since the last NewRecordBatch.
func (b *Builder) Rows() int { return b.rows }

// Bytes is the size of those rows. Offsets are 32 bits: call NewRecordBatch before a
// column can hold 2 GiB, which sdk.MaxBatchBytes sees to.
func (b *Builder) Bytes() int {
	size := b.rows * b.fixedSize
	for _, i := range b.vary {
		if c := &b.columns[i]; c.isNested() {
			size += c.size()
		} else if c.offsets != nil {
			size += int(c.offsets[c.n])
		}
	}
	return size
}

// MaxRowBytes is the most bytes that a row of text bytes of text adds to Bytes.
func (b *Builder) MaxRowBytes(text int) int {
	const validity = 1 // a bit a column, rounded up
	return min(b.fixedSize+len(b.columns)*validity+text*(1+b.growth), sdk.MaxBatchBytes)
}

// NewRecordBatch returns the committed rows and resets the builder.
func (b *Builder) NewRecordBatch() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(b.columns))
	for i := range b.columns {
		arrays[i] = b.columns[i].newArray()
	}
	rows := b.rows
	b.rows, b.inside = 0, 0
	return array.NewRecordBatch(b.schema, arrays, int64(rows))
}
