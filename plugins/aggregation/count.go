package aggregation

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// count counts rows, or the values of a column.
type count struct {
	from int // -1: rows
	n    list[int64]
}

func (c *count) grow(n int) { c.n.extend(n) }

func (c *count) add(in *input) {
	n := c.n // its own copy stays in registers
	if c.from < 0 || in.columns[c.from].bitmap == nil {
		for _, cell := range in.cells {
			*n.at(cell)++
		}
		return
	}
	column := &in.columns[c.from]
	for i, cell := range in.cells {
		if !column.null(in.rows[i]) {
			*n.at(cell)++
		}
	}
}

func (c *count) result(b array.Builder, cell uint32) error {
	b.(*array.Int64Builder).Append(*c.n.at(cell))
	return nil
}

func (c *count) results(t arrow.DataType, cells []uint32) arrow.Array {
	n, values := c.n, make([]int64, len(cells))
	for i, cell := range cells {
		values[i] = *n.at(cell)
	}
	return fixedColumn(t, values)
}

func (c *count) merge(into, from uint32) { *c.n.at(into) += *c.n.at(from) }

func (c *count) clear(cell uint32) { *c.n.at(cell) = 0 }

func (c *count) bytes() int64 { return c.n.bytes() }

func (c *count) encode(state []byte, cell uint32) []byte {
	return binary.AppendVarint(state, *c.n.at(cell))
}

func (c *count) decode(r *reader, cell uint32) { *c.n.at(cell) = r.rows() }
