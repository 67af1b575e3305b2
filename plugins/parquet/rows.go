package parquet

import (
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/sdk"
)

// read appends rows of one row group to the columns being built: a batch of
// them, or fewer if they are large.
func (r *reader) read() (rows int64, err error) {
	if err := r.begin(); err != nil {
		return 0, err
	}
	for size := 0; r.left > 0 && rows < sdk.DefaultBatchRows && size < batchBytes; {
		n, err := r.fitting(min(int64(r.step), r.left, sdk.DefaultBatchRows-rows))
		if err != nil {
			return rows, err
		}
		read, err := r.readStep(int(n))
		if err != nil {
			return rows, err
		}
		rows, size, r.left = rows+n, size+read, r.left-n
		step := maxStep
		if !r.memory.dropped { // else each step reads pages again
			step = min(step, int(n)*stepBytes/max(1, read))
		}
		r.step = max(1, min(step, 2*r.step))
	}
	return rows, nil
}

// readStep appends n rows to all columns and returns their size. One row alone may be
// too large: it is rejected, and what is left of it is not read.
func (r *reader) readStep(n int) (size int, err error) {
	for i, c := range r.columns {
		r.memory.reading = i
		if n == 1 && size > maxRow {
			if err := c.omit(); err != nil {
				return size, err
			}
			c.leaves()[0].rejectRow("want a row of at most %s, got a larger one; leave columns out of the schema",
				sdk.Bytes(maxRow))
			continue
		}
		s, err := c.read(n)
		if err != nil {
			return size, err
		}
		size += s
	}
	return size, nil
}

// fitting returns how many of the next n rows, one at the least, are surely no larger
// than a row may be, by the values that stand in the pages: that large ones follow
// upon small ones must not make a step of gigabytes. Each column has an equal share.
func (r *reader) fitting(n int64) (int64, error) {
	leaves := max(1, r.memory.leaves)
	rows, share := int(n), share{counted: sdk.MaxBatchBytes / leaves, small: maxRow / leaves}
	for i, leaves := range r.memory.columns {
		r.memory.reading = i
		for _, leaf := range leaves {
			if rows == 1 {
				return 1, nil
			}
			var err error
			if rows, err = leaf.ahead(rows, share); err != nil {
				return 0, err
			}
		}
	}
	return int64(rows), nil
}

// share is how many bytes a column may add to a step: by the sizes of its values, or
// without counting them if they cannot be more.
type share struct{ counted, small int }

// ahead returns how many of the next n rows have values within a share. Beyond what
// has been decoded nothing is known; one row is always given.
func (c *cursor) ahead(n int, s share) (rows int, err error) {
	levels := c.list != nil || c.nested
	if !levels && c.leaf.kind != pq.ByteArray {
		return n, nil
	}
	if err := c.fill(); err != nil {
		return 0, c.ended(err)
	}
	slab := c.slab[c.next:]
	if levels {
		return rowsWithin(slab, n, s.counted), nil
	}
	if rows = min(n, len(slab)+c.chunk.pending()); c.chunk.mostOf(rows) <= s.small {
		return rows, nil
	}
	slab = slab[:min(n, len(slab))]
	size := 0
	for i := range slab {
		if size += sizeOf(&slab[i]); size > s.counted {
			return max(1, i), nil
		}
	}
	return len(slab), nil
}

// rowsWithin is ahead by levels: a row is whole if the next one's beginning is there.
func rowsWithin(slab []pq.Value, n, most int) (rows int) {
	size := 0
	for i := range slab {
		if i > 0 && slab[i].RepetitionLevel() == 0 {
			if rows++; rows == n {
				break
			}
		}
		if size += sizeOf(&slab[i]); size > most {
			break
		}
	}
	return max(1, rows)
}

func sizeOf(v *pq.Value) int {
	if v.Kind() == pq.ByteArray {
		return len(v.ByteArray())
	}
	return 8
}

// pending is how many values of the page at hand were not read yet.
func (c *chunk) pending() int { return c.inPage + max(len(c.defs), len(c.reps)) }

// mostOf is how large n values of the page at hand may be at the most.
func (c *chunk) mostOf(n int) int {
	switch c.encoded.(type) {
	case *plain:
		return max(len(c.raw), len(c.plain))
	case *references:
		return n * c.largest
	}
	return 1 << 30
}
