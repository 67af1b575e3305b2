package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// reader reads the records of one file.
type reader struct {
	path  string
	log   *slog.Logger
	in    *textfiles.Input
	rows  *textrows.Decoder
	batch textfiles.Batch
	most  int   // bytes of a record
	line  int64 // of Data, from 1
	at    int64 // the line where the last record began
}

func open(ctx context.Context, c *SourceConfig, f files.File, log *slog.Logger) (files.Reader, error) {
	in, err := textfiles.Open(f.Path, int(c.MaxLineBytes))
	if err != nil {
		return nil, err
	}
	rows := textrows.NewDecoder(f.Schema, c.options())
	rows.Observe(f.Survey)
	r := &reader{path: f.Path, log: log, in: in, rows: rows,
		batch: textfiles.Batch{Rows: rows, WithPositions: f.Positions}, most: int(c.MaxLineBytes), line: 1}
	if err := r.begin(ctx, c.Header, f.Skip, log); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return r, nil
}

// begin goes to the first record that is wanted.
func (r *reader) begin(ctx context.Context, header bool, skip int64, log *slog.Logger) error {
	if err := r.in.More(); err != nil {
		return err
	}
	if err := r.in.Begin(0); err != nil {
		return r.wrong(err)
	}
	if header {
		if err := r.header(ctx, log); errors.Is(err, io.EOF) {
			return nil // an empty file: Next finds its end
		} else if err != nil {
			return err
		}
	}
	for done := int64(0); done < skip; done++ {
		if done%sdk.DefaultBatchRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		_, _, err := r.record(ctx, r.rows.Skip)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: want the %d records that were read before, got %d: the file has become shorter",
				r.path, skip, done)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) header(ctx context.Context, log *slog.Logger) error {
	record, reason, err := r.record(ctx, r.rows.Skip)
	if err != nil {
		return err
	}
	if reason != nil {
		return fmt.Errorf("%s:%d: reading the header: %w", r.path, r.at, reason)
	}
	ignored, err := r.rows.Header(record)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", r.path, r.at, err)
	}
	if len(ignored) > 0 {
		log.Info("columns that the schema does not have are ignored", "file", r.path,
			"ignored", len(ignored), "columns", ignored)
	}
	return nil
}

// wrong says where the file cannot be read any further.
func (r *reader) wrong(err error) error {
	return fmt.Errorf("%s:%d: %w", r.path, r.line, err)
}

// Next reads rows until a batch is full.
func (r *reader) Next(ctx context.Context) (arrow.RecordBatch, []sdk.Reject, error) {
	return r.batch.Next(ctx, func() error { return r.step(ctx) })
}

// Positions are the lines where the last rows began.
func (r *reader) Positions() []int64 { return r.batch.Positions() }

// step reads one record into the batch.
func (r *reader) step(ctx context.Context) error {
	if !r.batch.Fits(r.most) {
		// The longest record does not fit: look how long this one is.
		data, final := r.window()
		if n, err := r.rows.Skip(data, final); err == nil && !r.batch.Fits(n) {
			return textfiles.ErrFull
		} else if err != nil && len(data) > 0 {
			return textfiles.ErrFull
		}
	}
	raw, reason, err := r.record(ctx, r.rows.Next)
	switch {
	case reason != nil:
		r.batch.Reject(r.at, reason, raw)
	case err == nil:
		r.batch.Accept(r.at)
	}
	return err
}

// window is what the next record may use, and whether it is all there is.
func (r *reader) window() (data []byte, final bool) {
	if data = r.in.Data(); len(data) > r.most {
		return data[:r.most], false // so that the limit does not depend on how much was read ahead
	}
	return data, r.in.Final()
}

// record finds the next record with a function of the decoder, and goes past
// it. reason is why it could not become a row. raw is valid until the next call.
func (r *reader) record(ctx context.Context, read func(data []byte, final bool) (int, error)) (
	raw []byte, reason, err error,
) {
	for {
		data, final := r.window()
		if len(data) == 0 && final {
			return nil, nil, io.EOF
		}
		if n := r.blank(data, final); n > 0 {
			r.in.Advance(n)
			r.line++
			continue
		}
		r.at = r.line
		n, err := read(data, final)
		switch {
		case n > 0:
			r.in.Advance(n)
			r.line += int64(r.rows.Breaks())
			return data[:n], err, nil
		case errors.Is(err, textrows.ErrUnclosed):
			return nil, nil, r.wrong(err)
		case len(r.in.Data()) <= r.most && !r.in.Final():
			if err := r.in.More(); err != nil {
				return nil, nil, err
			}
		default:
			return r.tooLong(ctx)
		}
	}
}

// tooLong goes past a record that is longer than a row may be, to where its quotes say
// that it ends. To go on at a line break within it would make rows of what stands in
// quotes. Only its beginning is kept.
func (r *reader) tooLong(ctx context.Context) (raw []byte, reason, err error) {
	hint := ";"
	if r.rows.Open() {
		hint = " with a quote that is open there: is it a stray one?"
	}
	reason = fmt.Errorf("want a row of at most %s, got a longer one%s max_line_bytes sets the limit",
		sdk.Bytes(r.most), hint)
	for end := r.rows.EndFinder(); ; {
		n, found := end.Find(r.in.Data())
		if raw == nil {
			raw = bytes.Clone(textfiles.Beginning(r.in.Data()[:n]))
		}
		r.in.Advance(n)
		switch {
		case found || r.in.Final() && !end.Open():
			r.line += int64(end.Breaks())
			return raw, reason, nil
		case r.in.Final():
			return nil, nil, r.wrong(textrows.ErrUnclosed)
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		}
		if err := r.in.More(); err != nil {
			return nil, nil, err
		}
	}
}

// blank is the length of the empty line that data begins with, 0 if it does not.
// In a file of one column it is no empty line but a row with an empty cell.
func (r *reader) blank(data []byte, final bool) int {
	switch {
	case r.rows.Width() == 1 || len(data) == 0:
		return 0
	case data[0] == '\n':
		return 1
	case data[0] != '\r':
		return 0
	case len(data) > 1 && data[1] == '\n':
		return 2
	case len(data) == 1 && final:
		return 1
	}
	return 0
}

// Offset is how much of the file has been read.
func (r *reader) Offset() int64 { return r.in.Offset() }

// Close closes the file, and says what of it had no column.
func (r *reader) Close() error {
	if unknown := r.rows.UnknownKeys(); unknown > 0 {
		r.log.Info("keys that the schema does not have were dropped", "file", r.path, "dropped", unknown)
	}
	return r.in.Close()
}
