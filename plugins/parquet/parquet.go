// Package parquet writes and reads Parquet files.
//
// What it writes is meant for any engine: columns in the order of the schema,
// microseconds in UTC, plain or dictionary encoding and no other, statistics
// of every column. What it reads may come from anywhere, as long as each
// declared column is there with a type that keeps its values.
package parquet

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/sdk"
)

const suffix = ".parquet"

// SinkConfig is the config of the sink.
type SinkConfig struct {
	files.SinkConfig
	Compression  string `json:"compression" state:"keep" doc:"snappy, zstd, gzip or none."`
	RowGroupRows int64  `json:"row_group_rows" state:"keep" alias:"row_group_size" doc:"Most rows in a group."`
}

// Validate refuses unknown compressions and row groups without rows.
func (c *SinkConfig) Validate() error {
	errs := []error{c.SinkConfig.Validate()}
	if _, err := codecOf(c.Compression); err != nil {
		errs = append(errs, sdk.Fieldf("compression", "%v", err))
	}
	const most = 100_000_000 // the rows of a group are in memory
	if c.RowGroupRows < 1 || c.RowGroupRows > most {
		errs = append(errs, sdk.Fieldf("row_group_rows", "want 1 to %d, got %d", most, c.RowGroupRows))
	}
	return errors.Join(errs...)
}

// Sink writes a folder of part files.
var Sink = sdk.Spec[SinkConfig]{
	Kind:    sdk.KindSink,
	Name:    "parquet",
	Summary: "Writes Parquet files into a folder, exactly once.",
	Example: "parquet: { path: output/tickets/parquet, compression: zstd }",
	Defaults: SinkConfig{
		SinkConfig: files.DefaultSink(), Compression: "snappy", RowGroupRows: 128 << 10,
	},
	About: func(c *SinkConfig) sdk.Description { return c.SinkConfig.About(suffix) },
	Columns: func(c *SinkConfig, in *arrow.Schema, d *sdk.Description) {
		c.Describe(in, false, d)
		if _, err := fileSchema(in, nil); err != nil {
			d.ColumnProblems = append(d.ColumnProblems, sdk.Problem{Message: err.Error(),
				Hint: "cast or drop the column before this output"})
		}
	},
	Inspect: func(_ context.Context, c *SinkConfig, env sdk.Env) (sdk.Report, error) {
		return files.Inspect(c.SinkConfig, env, suffix)
	},
	Forget: func(ctx context.Context, c *SinkConfig, env sdk.Env) error {
		return files.Forget(ctx, c.SinkConfig, env, suffix)
	},
	Open: openSink,
}.Plugin()

func openSink(_ context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	codec, err := codecOf(c.Compression)
	if err != nil {
		return nil, err
	}
	o := options{codec: codec, rowGroupRows: c.RowGroupRows,
		budget: &memoryBudget{files: int64(c.MaxOpenFiles), bytes: files.Budget()}}
	return files.NewSink(c.SinkConfig, in, env, files.Format{
		Suffix:  suffix,
		Options: c.Compression,
		Empty:   true,
		Start: func(w io.Writer, schema *arrow.Schema, _ bool) (files.Encoder, error) {
			return newWriter(w, schema, o)
		},
		Merge: func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []files.Part) error {
			return merge(ctx, w, schema, parts, o)
		},
	})
}

// SourceConfig is the config of the source.
type SourceConfig struct {
	files.SourceConfig
	MaxValueBytes sdk.Bytes `json:"max_value_bytes" state:"keep" doc:"Largest text, bytes or list; a row with a larger one is rejected."`
}

// Validate wants a schema: a plan knows the columns without reading data.
func (c *SourceConfig) Validate() error {
	errs := []error{c.SourceConfig.Validate(), textfiles.CheckSize("max_value_bytes", c.MaxValueBytes)}
	if len(c.Schema) == 0 {
		errs = append(errs, sdk.Fieldf("schema", "name the columns to read and their types"))
	}
	return errors.Join(errs...)
}

// Source reads the declared columns of Parquet files.
var Source = sdk.Spec[SourceConfig]{
	Kind:     sdk.KindSource,
	Name:     "parquet",
	Summary:  "Reads the declared columns of Parquet files.",
	Example:  "parquet: { path: output/tickets/parquet, schema: ticket }",
	Defaults: SourceConfig{SourceConfig: files.DefaultSource(), MaxValueBytes: textfiles.DefaultLimit},
	About:    func(c *SourceConfig) sdk.Description { return c.SourceConfig.About(suffix) },
	Columns: func(c *SourceConfig, _ *arrow.Schema, d *sdk.Description) {
		d.Columns = c.SourceConfig.Columns()
		if _, err := fileSchema(d.Columns, nil); err != nil {
			d.Columns, d.ColumnProblems = nil, []sdk.Problem{{Path: "schema", Message: err.Error()}}
		}
	},
	Open: openSource,
}.Plugin()

func openSource(_ context.Context, c *SourceConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	return files.NewSource(c.SourceConfig, env, files.Input{
		Suffixes: []string{suffix},
		Open: func(_ context.Context, f files.File) (files.Reader, error) {
			r, err := openReader(f, env.Log)
			if err != nil {
				return nil, err
			}
			r.limit(c.MaxValueBytes)
			return r, nil
		},
	})
}
