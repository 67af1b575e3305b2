package csv

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/kit/textrows"
)

// writer writes the rows of one file.
type writer struct {
	options textrows.Options
	out     *textfiles.Writer
	text    []byte
}

// start begins a file, or goes on with one that has its header.
func (c *SinkConfig) start(w io.Writer, schema *arrow.Schema, resumed bool) (files.Encoder, error) {
	out, err := textfiles.NewWriter(w, c.Compression, resumed)
	if err != nil {
		return nil, err
	}
	o := c.options()
	o.CRLF, o.EscapeFormulas = c.CRLF, c.EscapeFormulas
	e := &writer{options: o, out: out}
	if c.Header && !resumed {
		e.text = textrows.AppendHeader(nil, schema, o)
	}
	return e, nil
}

// Write adds rows.
func (w *writer) Write(rows arrow.RecordBatch) error {
	const piece = 64 << 10
	e := textrows.NewEncoder(rows, w.options)
	for row := range int(rows.NumRows()) {
		w.text = e.Append(w.text, row)
		if len(w.text) >= piece {
			if err := w.drain(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) drain() error {
	_, err := w.out.Write(w.text)
	w.text = w.text[:0]
	return err
}

// Flush ends a compressed frame: the file is whole.
func (w *writer) Flush() error {
	if err := w.drain(); err != nil {
		return err
	}
	return w.out.Flush()
}

// Close ends the file. Compressed, even one without a byte is a frame.
func (w *writer) Close() error {
	if err := w.drain(); err != nil {
		return err
	}
	return w.out.End()
}
