// Package jsonl reads and writes JSON lines: an object a line, UTF-8.
//
// A line that is no object, or has a value that its column cannot take, is
// rejected with its number. Blank lines are skipped. What becomes of each JSON
// value and each column's type stands in package jsonrows.
// JSON has no NaN and no infinities: they are written as null.
package jsonl

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/sdk"
)

// SourceConfig is the config of the jsonl input.
type SourceConfig struct {
	files.SourceConfig
	Extra        string    `json:"extra" state:"keep" doc:"Name of a json column for keys without a column."`
	MaxLineBytes sdk.Bytes `json:"max_line_bytes" state:"keep" doc:"Longest line; a longer one is rejected."`
}

// Validate says what no run could read.
func (c *SourceConfig) Validate() error {
	return errors.Join(c.SourceConfig.Validate(), textfiles.CheckLimit(c.MaxLineBytes),
		textfiles.CheckSchema(c.Schema), jsonrows.CheckExtra(c.Extra, c.Schema))
}

// files is the config as package files takes it, with the column for the rest.
func (c *SourceConfig) files() files.SourceConfig {
	shared := c.SourceConfig
	shared.Schema = jsonrows.WithExtra(c.Schema, c.Extra)
	return shared
}

// suffixes end the names of the files that are read of a folder.
func suffixes() []string {
	return append(textfiles.Suffixes(".jsonl"), textfiles.Suffixes(".ndjson")...)
}

// Source reads JSON lines.
var Source = sdk.Spec[SourceConfig]{
	Kind:     sdk.KindSource,
	Name:     "jsonl",
	Summary:  "Reads files of JSON lines, one after the other; each file is a partition.",
	Example:  "jsonl:\n  path: data/*.jsonl\n  schema: ticket\n",
	Defaults: SourceConfig{SourceConfig: files.DefaultSource(), MaxLineBytes: textfiles.DefaultLimit},
	About:    func(c *SourceConfig) sdk.Description { return c.SourceConfig.About(suffixes()...) },
	Columns:  func(c *SourceConfig, _ *arrow.Schema, d *sdk.Description) { d.Columns = c.files().Columns() },
	Open: func(ctx context.Context, c *SourceConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return files.NewSource(c.files(), env, files.Input{
			Suffixes: suffixes(),
			Open: func(ctx context.Context, f files.File) (files.Reader, error) {
				return open(ctx, f, int(c.MaxLineBytes), env.Log)
			},
		})
	},
}.Plugin()

// SinkConfig is the config of the jsonl output.
type SinkConfig struct {
	files.SinkConfig
	Compression textfiles.Compression `json:"compression" state:"keep" doc:"none, gzip or zstd."`
}

// Sink writes JSON lines.
var Sink = sdk.Spec[SinkConfig]{
	Kind:     sdk.KindSink,
	Name:     "jsonl",
	Summary:  "Writes part files of JSON lines that appear with their epoch; NaN and infinities become null.",
	Example:  "jsonl:\n  path: output/tickets/jsonl\n",
	Defaults: SinkConfig{SinkConfig: files.DefaultSink(), Compression: textfiles.None},
	About:    func(c *SinkConfig) sdk.Description { return c.SinkConfig.About(".jsonl" + c.Compression.Suffix()) },
	Columns:  func(c *SinkConfig, in *arrow.Schema, d *sdk.Description) { c.Describe(in, false, d) },
	Inspect: func(_ context.Context, c *SinkConfig, env sdk.Env) (sdk.Report, error) {
		return files.Inspect(c.SinkConfig, env, textfiles.Suffixes(".jsonl")...)
	},
	Forget: func(ctx context.Context, c *SinkConfig, env sdk.Env) error {
		return files.Forget(ctx, c.SinkConfig, env, textfiles.Suffixes(".jsonl")...)
	},
	Open: func(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return files.NewSink(c.SinkConfig, in, env, files.Format{
			Suffix: ".jsonl" + c.Compression.Suffix(),
			Empty:  true,
			Start:  c.start,
		})
	},
}.Plugin()
