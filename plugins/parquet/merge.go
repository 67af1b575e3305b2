package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/kit/files"
)

// merge writes the rows of parts, in order, as one file. A row group that does
// not fit into one with its neighbours is copied as it is; the others are
// written anew, together. One row group is in memory at a time, compressed.
func merge(ctx context.Context, out io.Writer, schema *arrow.Schema, parts []files.Part, o options) error {
	if len(parts) == 1 {
		_, err := io.Copy(out, io.NewSectionReader(parts[0], 0, parts[0].Size))
		return err
	}
	opened := make([]*pq.File, len(parts))
	for i, part := range parts {
		file, err := openFile(part, part.Size, pq.SkipBloomFilters(true), pq.ReadBufferSize(readBuffer))
		if err != nil {
			return fmt.Errorf("reading %s: %w", part.Name, err)
		}
		opened[i] = file
	}
	file, err := newFile(out, schema, agreed(schema, opened), o)
	if err != nil {
		return err
	}
	m := merger{file: file, options: o}
	for i, part := range opened {
		next := int64(math.MaxInt64)
		if i+1 < len(opened) && len(opened[i+1].RowGroups()) > 0 {
			next = opened[i+1].RowGroups()[0].NumRows()
		}
		if err := guarded(func() error { return m.add(ctx, part, next) }); err != nil {
			return fmt.Errorf("merging %s: %w", parts[i].Name, err)
		}
	}
	if err := m.endGroup(); err != nil {
		return err
	}
	return file.close()
}

// agreed is how the columns of the parts are written: with a dictionary if most
// of the rows are.
func agreed(schema *arrow.Schema, parts []*pq.File) []choice {
	choices := make([]choice, len(leafTypes(schema.Fields())))
	balance := make([]int64, len(choices))
	for _, part := range parts {
		for _, group := range part.Metadata().RowGroups {
			for i := range min(len(group.Columns), len(choices)) {
				meta := &group.Columns[i].MetaData
				if usesDictionary(meta.EncodingStats) {
					balance[i] += group.NumRows
				} else {
					balance[i] -= group.NumRows
				}
				choices[i].dictionary = balance[i] > 0
			}
		}
	}
	return choices
}

// usesDictionary reports whether all data pages of a column use one: it was not
// given up.
func usesDictionary(pages []format.PageEncodingStats) bool {
	used := false
	for _, p := range pages {
		if p.PageType == format.DictionaryPage {
			continue
		}
		if p.Encoding != format.RLEDictionary {
			return false
		}
		used = true
	}
	return used
}

// merger fills the row groups of a file from other files.
type merger struct {
	file    *output
	options options
	rows    int64 // in the row group being filled
	start   int64 // size of the file where it began
	slab    []pq.Value
	chunk   *chunk // of which memory is used again
}

// leaves are the columns that hold values.
func leaves(c *pq.Column, found []*pq.Column) []*pq.Column {
	if c.Leaf() {
		return append(found, c)
	}
	for _, inner := range c.Columns() {
		found = leaves(inner, found)
	}
	return found
}

// add appends a part. next is the rows of the row group that follows it.
func (m *merger) add(ctx context.Context, part *pq.File, next int64) error {
	if !pq.EqualNodes(m.file.Schema(), part.Schema()) {
		return errors.New("its columns are others than those of the file")
	}
	columns := leaves(part.Root(), nil)
	for _, c := range columns {
		if err := unsupported(part.Metadata(), c.Index()); err != nil {
			return damaged(err) // the engine writes no such thing
		}
	}
	groups := part.RowGroups()
	for i, group := range groups {
		after := next
		if i+1 < len(groups) {
			after = groups[i+1].NumRows()
		}
		from := &rowGroup{source{part, part.Size()}, &part.Metadata().RowGroups[i]}
		if err := m.addGroup(ctx, group, from, columns, after); err != nil {
			return err
		}
	}
	return nil
}

// addGroup appends a row group; from is the same one, as it is read.
func (m *merger) addGroup(ctx context.Context, group pq.RowGroup, from *rowGroup, columns []*pq.Column,
	after int64) error {
	n := group.NumRows()
	if n > m.options.rowGroupRows-m.rows || m.file.Size()-m.start >= groupBytes() {
		if err := m.endGroup(); err != nil {
			return err
		}
	}
	if m.rows == 0 && after > m.options.rowGroupRows-n && copyable(from.meta) {
		if err := m.file.copyGroup(group); err != nil {
			return err
		}
		m.start = m.file.Size()
		return nil
	}
	for i, column := range columns {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if m.chunk, err = newChunk(from.file, &from.meta.Columns[i], newLeaf(column), m.chunk); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
		copied, err := m.copyColumn(i, m.chunk)
		if err == nil && copied != n {
			err = fmt.Errorf("want %d rows, got %d", n, copied)
		}
		if err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	m.rows += n
	return nil
}

// copyable reports whether a row group can be copied as it is. parquet-go wants a page
// index of every column for that.
func copyable(group *format.RowGroup) bool {
	return !slices.ContainsFunc(group.Columns, func(c format.ColumnChunk) bool { return c.ColumnIndexOffset == 0 })
}

func (m *merger) endGroup() error {
	if m.rows == 0 {
		return nil
	}
	if err := m.file.endGroup(); err != nil {
		return err
	}
	m.rows, m.start = 0, m.file.Size()
	return nil
}

// copyColumn writes all values of a column in slabs of whole rows, and counts the rows.
func (m *merger) copyColumn(column int, from *chunk) (rows int64, err error) {
	to := m.file.ColumnWriters()[column]
	if m.slab == nil {
		m.slab = make([]pq.Value, slabRows)
	}
	for kept := 0; ; {
		n, err := from.ReadValues(m.slab[kept:])
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return rows, err
		}
		have := m.slab[:kept+n]
		whole := len(have)
		if from.maxRepetition > 0 && !end {
			whole = wholeRows(have)
		}
		if float := from.kind == pq.Float || from.kind == pq.Double; float && slices.ContainsFunc(have[:whole], isNaN) {
			m.file.leaveOut(column)
		}
		if whole > 0 {
			written, err := to.WriteRowValues(have[:whole])
			rows += int64(written)
			if err != nil {
				return rows, err
			}
		}
		if end {
			return rows, nil
		}
		kept = keep(m.slab, have[whole:])
		if kept == len(m.slab) { // one row, longer than the slab
			m.slab = append(m.slab, make([]pq.Value, len(m.slab))...)
		}
	}
}

// keep copies values to the beginning of dst. Their bytes are of a page that the next
// call may leave.
func keep(dst, values []pq.Value) int {
	for i, v := range values {
		dst[i] = v.Clone()
	}
	return len(values)
}

// wholeRows is how many of the values belong to rows that end among them: a
// row with a level of repetition may go on.
func wholeRows(values []pq.Value) int {
	for i := len(values) - 1; i >= 0; i-- {
		if values[i].RepetitionLevel() == 0 {
			return i
		}
	}
	return 0
}
