package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/sdk"
)

const (
	readBuffer = 32 << 10 // per column
	batchBytes = sdk.MaxBatchBytes / 2
	stepBytes  = 128 << 10 // what is read of all columns before the size is checked
	maxStep    = 512
	maxRow     = 4 * sdk.MaxBatchBytes // of all columns: a larger row is rejected
)

// columnReader reads one declared column, row group after row group.
type columnReader interface {
	// begin goes to the column's part of a row group.
	begin(group *rowGroup) error
	// read appends rows and returns their size in bytes.
	read(rows int) (size int, err error)
	skip(rows int64) error
	array() arrow.Array
	leaves() []*cursor
	omit() error // the next row: it is rejected
}

// rowGroup is a row group of a file.
type rowGroup struct {
	file source
	meta *format.RowGroup
}

// reader reads the declared columns of one file.
type reader struct {
	name    string
	file    io.Closer // nil if the bytes need no closing
	source  source
	schema  *arrow.Schema
	columns []columnReader
	memory  *pageMemory
	specs   sdk.Schema
	builder *array.RecordBuilder
	log     *slog.Logger

	groups []*rowGroup  // still to be begun
	left   int64        // rows left in the one begun
	row    int64        // rows read
	first  int64        // of them, before the last batch
	bad    []sdk.Reject // of the last batch
	rows   int64        // rows in the file
	size   int64        // bytes in the file
	step   int          // rows to read at once: few if they are large
}

// openReader reads the footer of a file and holds its columns against the ones
// that are wanted.
func openReader(f files.File, log *slog.Logger) (*reader, error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r, err := newReader(file, info.Size(), f, log)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	r.file = file
	return r, nil
}

func newReader(data io.ReaderAt, size int64, f files.File, log *slog.Logger) (*reader, error) {
	r := &reader{name: f.Path, schema: f.Schema.Arrow(), specs: f.Schema, log: log, size: size, step: 1,
		memory: &pageMemory{most: mostPageMemory(size)}}
	file, err := openFile(data, size,
		pq.SkipPageIndex(true), pq.SkipBloomFilters(true), pq.ReadBufferSize(readBuffer))
	if err != nil {
		return nil, r.named(err)
	}
	r.source = source{data, size}
	err = guarded(func() error {
		if err := r.bind(file); err != nil {
			return err
		}
		r.limit(textfiles.DefaultLimit)
		if err := r.count(file); err != nil {
			return err
		}
		return r.skip(f.Skip)
	})
	if err != nil {
		return nil, r.named(err)
	}
	return r, nil
}

// limit sets how large a text, or bytes, may be.
func (r *reader) limit(most sdk.Bytes) {
	for _, c := range r.columns {
		for _, leaf := range c.leaves() {
			leaf.most = int(most)
		}
	}
}

// exhausted refuses values behind the last row of a row group that was read.
func (r *reader) exhausted() error {
	for i, c := range r.columns {
		r.memory.reading = i
		for _, leaf := range c.leaves() {
			if err := leaf.exhausted(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) named(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("reading %s: %w", r.name, err)
}

// count adds up the rows: what the footer says of them must agree.
func (r *reader) count(file *pq.File) error {
	for i := range file.Metadata().RowGroups {
		g := &rowGroup{r.source, &file.Metadata().RowGroups[i]}
		if g.meta.NumRows < 0 {
			return damaged(fmt.Errorf("a row group of %d rows", g.meta.NumRows))
		}
		r.groups, r.rows = append(r.groups, g), r.rows+g.meta.NumRows
	}
	if r.rows != file.NumRows() {
		return damaged(fmt.Errorf("%d rows in its row groups, %d in all", r.rows, file.NumRows()))
	}
	return nil
}

// bind finds all declared columns, and says all that is wrong with them at once.
func (r *reader) bind(file *pq.File) error {
	r.builder = array.NewRecordBuilder(memory.DefaultAllocator, r.schema)
	var errs []error
	for i, f := range r.schema.Fields() {
		c, err := matchColumn(file, f, r.specs[i].Value.From, r.builder.Field(i))
		errs = append(errs, err)
		r.columns = append(r.columns, c)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, c := range r.columns {
		leaves := c.leaves()
		r.memory.columns, r.memory.leaves = append(r.memory.columns, leaves), r.memory.leaves+len(leaves)
		for _, leaf := range leaves {
			leaf.memory = r.memory
		}
	}
	return nil
}

// skip passes over the rows that were read before.
func (r *reader) skip(rows int64) error {
	if rows > r.rows {
		return fmt.Errorf("%d rows were read before, but the file has only %d: it is another one now", rows, r.rows)
	}
	r.row = rows
	for rows > 0 {
		if n := r.groups[0].meta.NumRows; n <= rows {
			r.groups, rows = r.groups[1:], rows-n
			continue
		}
		if err := r.begin(); err != nil {
			return err
		}
		for i, c := range r.columns {
			r.memory.reading = i
			if err := c.skip(rows); err != nil {
				return err
			}
		}
		r.left -= rows
		return nil
	}
	return nil
}

// begin goes to the next row group. io.EOF: there is none.
func (r *reader) begin() error {
	for r.left == 0 {
		if err := r.exhausted(); err != nil {
			return err
		}
		if len(r.groups) == 0 {
			return io.EOF
		}
		for _, c := range r.columns {
			if err := c.begin(r.groups[0]); err != nil {
				return err
			}
		}
		r.left, r.groups = r.groups[0].meta.NumRows, r.groups[1:]
	}
	return nil
}

// Next reads the next rows.
func (r *reader) Next(ctx context.Context) (rows arrow.RecordBatch, rejected []sdk.Reject, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	err = guarded(func() error {
		n, err := r.read()
		if err != nil {
			return err
		}
		reasons := r.badRows()
		rows, rejected = splitMisfits(r.batch(n), r.row, reasons)
		r.first, r.bad = r.row, rejected
		r.row += n
		return nil
	})
	return rows, rejected, r.named(err)
}

// badRows are the reasons why rows of the batch at hand are none.
func (r *reader) badRows() map[int]string {
	reasons := make(map[int]string)
	for _, c := range r.columns {
		for _, leaf := range c.leaves() {
			for _, bad := range leaf.bad {
				reasons[bad.row] = leaf.name + ": " + bad.reason
			}
			leaf.bad = leaf.bad[:0]
		}
	}
	return reasons
}

// Positions are the numbers of the last rows, from 1.
func (r *reader) Positions() []int64 {
	positions := make([]int64, 0, r.row-r.first)
	bad := r.bad
	for row := r.first + 1; row <= r.row; row++ {
		if len(bad) > 0 && bad[0].Position == row {
			bad = bad[1:]
			continue
		}
		positions = append(positions, row)
	}
	return positions
}

func (r *reader) batch(rows int64) arrow.RecordBatch {
	columns := make([]arrow.Array, len(r.columns))
	for i, c := range r.columns {
		columns[i] = c.array()
	}
	return array.NewRecordBatch(r.schema, columns, rows)
}

// Offset is about how many bytes of the file have been read.
func (r *reader) Offset() int64 {
	if r.rows == 0 {
		return r.size
	}
	return int64(float64(r.size) * float64(r.row) / float64(r.rows))
}

// Close ends the reading, and logs whether times lost digits.
func (r *reader) Close() error {
	r.memory.inflater.close()
	for _, c := range r.columns {
		for _, leaf := range c.leaves() {
			if leaf.truncated > 0 {
				r.log.Warn("times finer than a microsecond were cut", "file", r.name, "column", leaf.name,
					"values", leaf.truncated)
			}
		}
	}
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
