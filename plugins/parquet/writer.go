package parquet

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/files"
)

const (
	pageBytes       = 256 << 10
	dictionaryBytes = 1 << 20  // a dictionary that grows beyond is given up until the next row group
	rowGroupBytes   = 64 << 20 // what a row group may hold in memory, compressed, however few its rows
)

// writer writes one file, row group by row group. A row group is in memory,
// compressed, until it is complete.
type writer struct {
	out     io.Writer
	schema  *arrow.Schema
	options options
	columns []*column

	buffered      []arrow.RecordBatch // rows before the dictionaries are decided
	bufferedRows  int64
	bufferedBytes int64

	file       *output // nil until then
	groupRows  int64
	groupStart int64 // size of the file where the row group begins
	charged    int64 // to options.budget
	rowBytes   int64 // of the largest rows: buffers grow to it and stay so
}

// options are the part of the config that says how a file looks.
type options struct {
	codec        compress.Codec
	rowGroupRows int64
	budget       *memoryBudget // nil: no other file is open
}

func newWriter(out io.Writer, schema *arrow.Schema, o options) (*writer, error) {
	if _, err := fileSchema(schema, nil); err != nil {
		return nil, err
	}
	return &writer{out: out, schema: schema, options: o, columns: newColumns(schema)}, nil
}

// Write writes rows. Copies of the first ones are buffered until the dictionaries are
// decided.
func (w *writer) Write(rows arrow.RecordBatch) error {
	if rows.NumRows() == 0 {
		return nil
	}
	for _, c := range w.columns {
		if err := c.check(rows.Column(c.top)); err != nil {
			return err
		}
	}
	w.rowBytes = max(w.rowBytes, sizeOfRows(rows)/rows.NumRows())
	if w.file != nil {
		return w.write(rows)
	}
	w.bufferedRows += rows.NumRows()
	w.bufferedBytes += sizeOfRows(rows)
	if w.bufferedRows >= sampleRows || w.bufferedBytes >= sampleBytes {
		w.buffered = append(w.buffered, rows)
		return w.start()
	}
	copied, err := columns.Clone(rows)
	w.buffered = append(w.buffered, copied)
	return err
}

// start decides the dictionaries and writes the buffered rows.
func (w *writer) start() error {
	choices := choose(w.schema, w.buffered)
	for i, c := range w.columns {
		if c.path == nil && c.field.Type.ID() != arrow.LIST {
			c.source = newColumnSource(c.field.Type)
			choices[i].source = c.source
		}
	}
	file, err := newFile(w.out, w.schema, choices, w.options)
	if err != nil {
		return err
	}
	w.file = file
	for _, rows := range w.buffered {
		if err := w.write(rows); err != nil {
			return err
		}
	}
	w.buffered, w.bufferedBytes = nil, 0
	return nil
}

// newFile begins a file. Write the columns' values to the column writers of what it
// returns.
func newFile(out io.Writer, schema *arrow.Schema, choices []choice, o options) (*output, error) {
	root, err := fileSchema(schema, choices)
	if err != nil {
		return nil, err
	}
	settings := []pq.WriterOption{ // not through a WriterConfig, which cannot switch anything off
		root,
		pq.Compression(o.codec),
		pq.PageBufferSize(pageBytes),
		pq.DictionaryMaxBytes(dictionaryBytes),
		pq.DataPageStatistics(false), // in each page, twice: the column index holds them once more
		pq.DataPageVersion(1),        // version 2 is still unknown to some readers
		pq.CreatedBy("engine", version(), ""),
	}
	leaves := root.Columns()
	for i, t := range leafTypes(schema.Fields()) {
		// parquet-go compares wide decimals byte by byte, as if they had no sign:
		// readers that skip row groups by such bounds would lose rows.
		d, decimal := t.(*arrow.Decimal128Type)
		choices[i].noBounds = choices[i].noBounds || decimal && d.Precision > maxDecimal64
		if choices[i].noBounds {
			settings = append(settings, pq.SkipPageBounds(leaves[i]...))
		}
	}
	return newOutput(out, choices, settings), nil
}

// write writes rows to the column writers, split where row groups end.
func (w *writer) write(rows arrow.RecordBatch) error {
	for rows.NumRows() > 0 {
		n := min(rows.NumRows(), w.options.rowGroupRows-w.groupRows)
		fits := rows.NewSlice(0, n)
		w.leaveOutNaN(fits)
		for i, c := range w.columns {
			if err := c.slabs(fits.Column(c.top), into(w.file.ColumnWriters()[i])); err != nil {
				return fmt.Errorf("writing %s: %w", c.field.Name, err)
			}
		}
		w.groupRows += n
		size := w.file.Size() - w.groupStart
		w.charge(size)
		if w.groupRows >= w.options.rowGroupRows || size >= groupBytes() || w.options.budget.short(size) {
			if err := w.endGroup(); err != nil {
				return err
			}
		}
		rows = rows.NewSlice(n, rows.NumRows())
	}
	return nil
}

// leaveOutNaN states no bounds where there is a NaN, which readers order in different
// ways or not at all.
func (w *writer) leaveOutNaN(rows arrow.RecordBatch) {
	leaf := 0
	for _, column := range rows.Columns() {
		for _, values := range leafValues(column) {
			if hasNaN(values) {
				w.file.leaveOut(leaf)
			}
			leaf++
		}
	}
}

func into(column *pq.ColumnWriter) func([]pq.Value) error {
	return func(values []pq.Value) error {
		_, err := column.WriteRowValues(values)
		return err
	}
}

func (w *writer) endGroup() error {
	if err := w.file.endGroup(); err != nil {
		return err
	}
	w.groupRows, w.groupStart = 0, w.file.Size()
	w.charge(0)
	return nil
}

// groupBytes is the most of a row group where memory is short, else rowGroupBytes.
func groupBytes() int64 { return min(rowGroupBytes, files.Budget()/2) }

// charge sets what the row group is charged to the budget with.
func (w *writer) charge(size int64) {
	if w.options.budget != nil {
		w.options.budget.used.Add(size - w.charged)
	}
	w.charged = size
}

// Buffered estimates the memory of the file: buffered rows, the row group, and the
// buffers of a page, of its compressed form and of the row group, which never
// shrink.
func (w *writer) Buffered() int64 { return w.bufferedBytes + w.charged + 3*w.rowBytes }

// Flush does nothing: a file cannot be resumed after its footer.
func (w *writer) Flush() error { return nil }

// Close writes the last row group and the footer.
func (w *writer) Close() error {
	defer w.charge(0)
	if w.file == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	if w.groupRows > 0 {
		if err := w.endGroup(); err != nil {
			return err
		}
	}
	return w.file.close()
}

// version is the engine's, as far as the binary knows it. Readers of created_by
// do not expect the brackets of "(devel)".
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		return info.Main.Version
	}
	return "devel"
}
