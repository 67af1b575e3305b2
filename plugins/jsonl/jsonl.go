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
	Kind:      sdk.KindSource,
	Name:      "jsonl",
	Summary:   "Reads files of JSON lines, one after the other; each file is a partition.",
	Example:   "jsonl:\n  path: data/*.jsonl\n  schema: ticket\n",
	Defaults:  SourceConfig{SourceConfig: files.DefaultSource(), MaxLineBytes: textfiles.DefaultLimit},
	Resources: func(c *SourceConfig) []string { return c.Resources() },
	Grows:     func(c *SourceConfig) string { return c.SourceConfig.Grows() },
	Files:     func(c *SourceConfig) *sdk.Files { return c.SourceConfig.Files(suffixes()...) },
	Schema: func(c *SourceConfig, _ *arrow.Schema) (*arrow.Schema, []sdk.Problem) {
		return c.files().Columns(), nil
	},
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
	Kind:      sdk.KindSink,
	Name:      "jsonl",
	Summary:   "Writes part files of JSON lines that appear with their epoch; NaN and infinities become null.",
	Example:   "jsonl:\n  path: output/tickets/jsonl\n",
	Defaults:  SinkConfig{SinkConfig: files.DefaultSink(), Compression: textfiles.None},
	Resources: func(c *SinkConfig) []string { return c.Resources() },
	Files:     func(c *SinkConfig) *sdk.Files { return c.SinkConfig.Files(".jsonl" + c.Compression.Suffix()) },
	Schema: func(c *SinkConfig, in *arrow.Schema) (*arrow.Schema, []sdk.Problem) {
		return in, c.Check(in)
	},
	Layout: func(c *SinkConfig, in *arrow.Schema) sdk.Layout {
		return c.SinkConfig.Layout(in, false)
	},
	Leftovers: func(_ context.Context, c *SinkConfig, env sdk.Env) ([]string, error) {
		return files.Leftovers(c.SinkConfig, env, textfiles.Suffixes(".jsonl")...)
	},
	Forget: func(ctx context.Context, c *SinkConfig, env sdk.Env) error {
		return files.Forget(ctx, c.SinkConfig, env, textfiles.Suffixes(".jsonl")...)
	},
	Shown: func(_ context.Context, c *SinkConfig, env sdk.Env) (string, error) {
		return files.Shown(c.SinkConfig, env, textfiles.Suffixes(".jsonl")...)
	},
	Hidden: files.Hidden,
	Open: func(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return files.NewSink(c.SinkConfig, in, env, files.Format{
			Suffix: ".jsonl" + c.Compression.Suffix(),
			Empty:  true,
			Start:  c.start,
		})
	},
}.Plugin()
