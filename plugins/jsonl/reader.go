package jsonl

import (
	"context"
	"log/slog"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textfiles"
)

// reader reads the lines of one file.
type reader struct {
	*textfiles.LineReader
	path string
	log  *slog.Logger
}

func open(ctx context.Context, f files.File, most int, log *slog.Logger) (files.Reader, error) {
	in, err := textfiles.Open(f.Path, most)
	if err != nil {
		return nil, err
	}
	lines, err := textfiles.ReadLines(ctx, in, f.Skip, f.Positions,
		func() textfiles.LineDecoder {
			d := jsonrows.NewDecoder(f.Schema)
			d.Observe(f.Survey)
			return d
		})
	if err != nil {
		return nil, err
	}
	return &reader{lines, f.Path, log}, nil
}

// Close closes the file, and says what of it had no column.
func (r *reader) Close() error {
	if unknown := r.UnknownKeys(); unknown > 0 {
		r.log.Info("keys that the schema does not have were dropped", "file", r.path, "dropped", unknown)
	}
	return r.LineReader.Close()
}
