package jsonl

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textfiles"
)

// writer writes the rows of one file.
type writer struct {
	out  *textfiles.Writer
	text []byte
}

func (c *SinkConfig) start(w io.Writer, _ *arrow.Schema, resumed bool) (files.Encoder, error) {
	out, err := textfiles.NewWriter(w, c.Compression, resumed)
	if err != nil {
		return nil, err
	}
	return &writer{out: out}, nil
}

// Write adds rows.
func (w *writer) Write(rows arrow.RecordBatch) error {
	const piece = 64 << 10
	e := jsonrows.NewEncoder(rows)
	for row := range int(rows.NumRows()) {
		w.text = append(e.Append(w.text, row), '\n')
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
