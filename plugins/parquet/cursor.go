package parquet

import (
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// cursor reads one column of a file, row group after row group.
type cursor struct {
	name    string
	leaf    leafOf
	above   int // level of definition of a value, or a list, that is not null
	put     put
	bulk    *bulk // put for many values; nil: they go one by one
	builder array.Builder
	nested  bool               // values come one by one, with levels: see node
	list    *array.ListBuilder // the builder, of a list
	items   array.Builder      // the list's
	faults

	chunk *chunk // of the row group
	slab  []pq.Value
	next  int // in the slab

	memory *pageMemory
}

// begin goes to the column's part of a row group.
func (c *cursor) begin(group *rowGroup) error {
	if c.slab, c.next = c.slab[:0], 0; c.chunk != nil && c.chunk.in == nil {
		c.slab = nil // its memory was given back
	}
	meta := &group.meta.Columns[c.leaf.index]
	if c.list == nil && !c.nested && meta.MetaData.NumValues != group.meta.NumRows {
		return c.ended(damaged(fmt.Errorf("it has %d values in %d rows", meta.MetaData.NumValues,
			group.meta.NumRows)))
	}
	var err error
	if c.chunk, err = newChunk(group.file, meta, c.leaf, c.chunk); err != nil {
		return c.ended(damaged(err))
	}
	c.chunk.memory = c.memory
	return nil
}

// read appends rows to the column being built and returns their size in bytes.
// It ends early only with an error: a damaged file may have fewer values than
// it says.
func (c *cursor) read(rows int) (size int, err error) {
	if c.list != nil {
		return c.readLists(rows)
	}
	for rows > 0 {
		if err := c.fill(); err != nil {
			return size, c.ended(err)
		}
		n := min(rows, len(c.slab)-c.next)
		size += c.appendAll(c.slab[c.next : c.next+n])
		c.next += n
		rows -= n
	}
	return size, nil
}

// readLists is read for a list: a row goes on until the next one begins.
func (c *cursor) readLists(rows int) (size int, err error) {
	for begun, row := 0, 0; ; c.next++ {
		err := c.fill()
		if errors.Is(err, io.EOF) && begun == rows {
			return size, nil
		}
		if err != nil {
			return size, c.ended(err)
		}
		v := c.slab[c.next]
		if v.RepetitionLevel() == 0 {
			if begun == rows {
				return size, nil
			}
			begun++
			c.list.Append(v.DefinitionLevel() >= c.above)
			row, size = size, size+4
		} else if begun == 0 {
			return size, c.ended(damaged(errors.New("a row begins in its middle")))
		}
		switch {
		case v.DefinitionLevel() <= c.above: // no item
		case size-row > c.most:
			c.tooLarge()
		default:
			size += c.append(c.items, v)
		}
	}
}

func (c *cursor) array() arrow.Array { return c.builder.NewArray() }

func (c *cursor) leaves() []*cursor { return []*cursor{c} }

func (c *cursor) append(b array.Builder, v pq.Value) int {
	if v.IsNull() {
		b.AppendNull()
		return 1
	}
	return c.put(v)
}

func (c *cursor) appendAll(values []pq.Value) (size int) {
	if c.bulk != nil {
		if size, ok := c.bulk.append(values, c.most); ok {
			return size
		}
	}
	for _, v := range values {
		size += c.append(c.builder, v)
	}
	return size
}

// skip passes over rows.
func (c *cursor) skip(rows int64) error {
	for begun := int64(0); ; c.next++ {
		err := c.fill()
		if errors.Is(err, io.EOF) && begun == rows {
			return nil
		}
		if err != nil {
			return c.ended(err)
		}
		if c.slab[c.next].RepetitionLevel() != 0 {
			continue
		}
		if begun == rows {
			return nil
		}
		begun++
	}
}

// fill makes sure that the slab has a next value. io.EOF is the end of the row
// group.
func (c *cursor) fill() error {
	for c.next >= len(c.slab) {
		if c.slab == nil {
			c.slab = make([]pq.Value, slabRows)
		}
		n, err := c.chunk.ReadValues(c.slab[:cap(c.slab)])
		if err == io.EOF { // as it is: wrapped, it is a page that ends too early
			return err
		}
		if err != nil {
			return readFault(err)
		}
		c.slab, c.next = c.slab[:n], 0
	}
	return nil
}

// readFault says whether a file is damaged, or of a kind that is not read.
func readFault(err error) error {
	if _, ok := errors.AsType[unsupportedError](err); ok {
		return err
	}
	return damaged(err)
}

// exhausted refuses values that the rows of the row group leave.
func (c *cursor) exhausted() error {
	if c.chunk == nil {
		return nil
	}
	err := c.fill()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		err = damaged(errors.New("it has more values than rows"))
	}
	return c.ended(err)
}

func (c *cursor) ended(err error) error {
	if errors.Is(err, io.EOF) {
		err = damaged(errors.New("it has fewer values than rows"))
	}
	return fmt.Errorf("column %q: %w", c.name, err)
}

// omit passes over a row, and appends a null in its place: it is rejected.
func (c *cursor) omit() error {
	c.builder.AppendNull()
	return c.skip(1)
}
