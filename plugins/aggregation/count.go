package aggregation

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// count counts rows, or the values of a column.
type count struct {
	from int // -1: rows
	n    []int64
}

func (c *count) grow(n int) { c.n = extend(c.n, n) }

func (c *count) add(in *input) {
	n := c.n
	if c.from < 0 || in.columns[c.from].bitmap == nil {
		for _, cell := range in.cells {
			n[cell]++
		}
		return
	}
	column := &in.columns[c.from]
	for i, cell := range in.cells {
		if !column.null(in.rows[i]) {
			n[cell]++
		}
	}
}

func (c *count) result(b array.Builder, cell uint32) error {
	b.(*array.Int64Builder).Append(c.n[cell])
	return nil
}

func (c *count) results(b array.Builder, cells []uint32) bool {
	var values [sdk.DefaultBatchRows]int64
	for i, cell := range cells {
		values[i] = c.n[cell]
	}
	b.(*array.Int64Builder).AppendValues(values[:len(cells)], nil)
	return true
}

func (c *count) merge(into, from uint32) { c.n[into] += c.n[from] }

func (c *count) clear(cell uint32) { c.n[cell] = 0 }

func (c *count) bytes() int64 { return bytesOf(c.n) }

func (c *count) encode(state []byte, cell uint32) []byte {
	return binary.AppendVarint(state, c.n[cell])
}

func (c *count) decode(r *reader, cell uint32) { c.n[cell] = r.rows() }
