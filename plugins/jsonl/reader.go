package jsonl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/files"
	"etlengine/plugins/sdk/jsonrows"
	"etlengine/plugins/sdk/textfiles"
)

// reader reads the lines of one file.
type reader struct {
	path  string
	in    *textfiles.Input
	rows  *jsonrows.Decoder
	batch textfiles.Batch
	most  int   // bytes of a line, its break not counted
	line  int64 // of the line last read
	log   *slog.Logger
}

func open(ctx context.Context, f files.File, most int, log *slog.Logger) (files.Reader, error) {
	in, err := textfiles.Open(f.Path, most)
	if err != nil {
		return nil, err
	}
	rows := jsonrows.NewDecoder(f.Schema)
	r := &reader{path: f.Path, in: in, rows: rows, most: most, log: log,
		batch: textfiles.Batch{Rows: rows, Placed: f.Positions}}
	if err := r.skip(ctx, f.Skip); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return r, nil
}

func (r *reader) skip(ctx context.Context, records int64) error {
	if err := r.in.More(); err != nil {
		return err
	}
	if err := r.in.SkipMark(); err != nil {
		return fmt.Errorf("%s:1: %w", r.path, err)
	}
	for done := int64(0); done < records; done++ {
		if done%sdk.DefaultBatchRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, n, err := r.next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: want the %d records that were read before, got %d: the file has become shorter",
				r.path, records, done)
		}
		if err == nil {
			err = r.pass(line, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Next reads rows until a batch is full.
func (r *reader) Next(ctx context.Context) (arrow.RecordBatch, []sdk.Reject, error) {
	return r.batch.Next(ctx, r.step)
}

// Positions are the lines of the last rows.
func (r *reader) Positions() []int64 { return r.batch.Positions() }

// step reads one line into the batch.
func (r *reader) step() error {
	line, n, err := r.next()
	switch {
	case err != nil:
		return err
	case n < 0:
		tooLong := fmt.Errorf("want a line of at most %s, got a longer one; max_line_bytes sets the limit",
			sdk.Bytes(r.most))
		r.batch.Reject(r.line+1, tooLong, line[:min(len(line), keptOfTooLong)])
	case !r.batch.Fits(len(line)):
		return textfiles.ErrFull
	default:
		if err := r.rows.Append(line); err != nil {
			r.batch.Reject(r.line+1, err, line)
		} else {
			r.batch.Take(r.line + 1)
		}
	}
	return r.pass(line, n)
}

// keptOfTooLong is how much of a line that is too long goes to the dead letters.
const keptOfTooLong = 4096

// next finds the next line that is not blank and returns it without its break,
// with how many bytes it takes; -1: it is too long, and line is its beginning.
// It is not passed yet.
func (r *reader) next() (line []byte, n int, err error) {
	for {
		data := r.in.Data()
		at := bytes.IndexByte(data, '\n')
		switch {
		case at > r.most, at < 0 && len(data) > r.most:
			return data, -1, nil
		case at < 0 && !r.in.Final():
			if err := r.in.More(); err != nil {
				return nil, 0, err
			}
			continue
		case at < 0 && len(data) == 0:
			return nil, 0, io.EOF
		case at < 0:
			line, n = data, len(data)
		default:
			line, n = data[:at], at+1
		}
		if len(line) > 0 && line[0] == '{' {
			return line, n, nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, n, nil
		}
		if err := r.pass(line, n); err != nil {
			return nil, 0, err
		}
	}
}

// pass goes past what next returned.
func (r *reader) pass(line []byte, n int) error {
	r.line++
	if n < 0 {
		return r.in.SkipLine()
	}
	r.in.Advance(n)
	return nil
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
