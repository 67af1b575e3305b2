// Package csv reads and writes CSV files (RFC 4180), alone, in folders, and
// compressed.
//
// A null is an empty cell, or the text of null_value; a string that looks like
// it is quoted, so that "" is an empty string. Rows that are not as the schema
// says (too short, too long, a value of another type, a stray quote) are
// rejected with the number of their line; quotes that are never closed end the
// run, since what follows them has no recognizable end.
package csv

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// Dialect is how rows are written as text, for both directions.
type Dialect struct {
	Delimiter string `json:"delimiter" state:"layout" alias:"separator,sep" doc:"Between cells; \"\\t\": a tab."`
	Header    bool   `json:"header" state:"layout" doc:"Whether files begin with a line of the columns' names."`
	NullValue string `json:"null_value" state:"layout" alias:"null,null_string" doc:"Text of a null, unquoted."`
}

func dialect() Dialect {
	return Dialect{Delimiter: ",", Header: true}
}

func (d *Dialect) check() error {
	delimiter, err := textrows.ParseDelimiter(d.Delimiter)
	return errors.Join(err, textrows.CheckNull(d.NullValue, delimiter))
}

func (d *Dialect) options() textrows.Options {
	delimiter, err := textrows.ParseDelimiter(d.Delimiter)
	if err != nil {
		panic("csv: options of a config that was not validated: " + err.Error())
	}
	return textrows.Options{Delimiter: delimiter, Null: d.NullValue}
}

// SourceConfig is the config of the csv input.
type SourceConfig struct {
	files.SourceConfig
	Dialect
	MaxLineBytes sdk.Bytes `json:"max_line_bytes" state:"keep" doc:"Longest row, its line breaks included."`
}

// Validate says what no run could read.
func (c *SourceConfig) Validate() error {
	return errors.Join(c.SourceConfig.Validate(), c.Dialect.check(), textfiles.CheckLimit(c.MaxLineBytes),
		textfiles.CheckSchema(c.Schema), textrows.Check(c.Schema, c.Header))
}

// Source reads CSV files.
var Source = sdk.Spec[SourceConfig]{
	Kind:    sdk.KindSource,
	Name:    "csv",
	Summary: "Reads CSV files, one after the other; each file is a partition.",
	Example: "csv:\n  path: data/*.csv\n  schema: ticket\n",
	Defaults: SourceConfig{SourceConfig: files.DefaultSource(), Dialect: dialect(),
		MaxLineBytes: textfiles.DefaultLimit},
	About:   func(c *SourceConfig) sdk.Description { return c.SourceConfig.About(textfiles.Suffixes(".csv")...) },
	Columns: func(c *SourceConfig, _ *arrow.Schema, d *sdk.Description) { d.Columns = c.Columns() },
	Open: func(ctx context.Context, c *SourceConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return files.NewSource(c.SourceConfig, env, files.Input{
			Suffixes: textfiles.Suffixes(".csv"),
			Open: func(ctx context.Context, f files.File) (files.Reader, error) {
				return open(ctx, c, f, env.Log)
			},
		})
	},
}.Plugin()

// SinkConfig is the config of the csv output.
type SinkConfig struct {
	files.SinkConfig
	Dialect
	Compression    textfiles.Compression `json:"compression" state:"keep" doc:"none, gzip or zstd."`
	CRLF           bool                  `json:"crlf" state:"keep" doc:"Whether lines end in \\r\\n, not \\n."`
	EscapeFormulas bool                  `json:"escape_formulas" state:"keep" doc:"Puts a ' before formulas."`
}

// shape is what decides how a file is read: rows of another do not go into it.
func (c *SinkConfig) shape() string {
	return fmt.Sprintf("%q %t %q %t %t", c.Delimiter, c.Header, c.NullValue, c.CRLF, c.EscapeFormulas)
}

// Validate says what no run could write.
func (c *SinkConfig) Validate() error {
	return errors.Join(c.SinkConfig.Validate(), c.Dialect.check())
}

// checkBlank refuses files whose nulls are blank lines, which most readers skip:
// those of one column. With two a null has a delimiter beside it.
func (c *SinkConfig) checkBlank(written []arrow.Field) []sdk.Problem {
	if len(written) != 1 || !written[0].Nullable || c.NullValue != "" {
		return nil
	}
	return []sdk.Problem{{Path: "null_value", Message: fmt.Sprintf("a null of %s, the only column, would be a "+
		"blank line, which most readers skip", written[0].Name),
		Hint: `write null_value: "NULL", or any other text`}}
}

// Sink writes CSV files.
var Sink = sdk.Spec[SinkConfig]{
	Kind:     sdk.KindSink,
	Name:     "csv",
	Summary:  "Writes CSV part files that appear with their epoch.",
	Example:  "csv:\n  path: output/tickets/csv\n",
	Defaults: SinkConfig{SinkConfig: files.DefaultSink(), Dialect: dialect(), Compression: textfiles.None},
	About:    func(c *SinkConfig) sdk.Description { return c.SinkConfig.About(".csv" + c.Compression.Suffix()) },
	Columns: func(c *SinkConfig, in *arrow.Schema, d *sdk.Description) {
		c.Describe(in, !c.Header, d)
		if len(d.ColumnProblems) == 0 {
			d.ColumnProblems = c.checkBlank(d.Layout.Columns)
		}
	},
	Inspect: func(_ context.Context, c *SinkConfig, env sdk.Env) (sdk.Report, error) {
		return files.Inspect(c.SinkConfig, env, textfiles.Suffixes(".csv")...)
	},
	Forget: func(ctx context.Context, c *SinkConfig, env sdk.Env) error {
		return files.Forget(ctx, c.SinkConfig, env, textfiles.Suffixes(".csv")...)
	},
	Open: func(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return files.NewSink(c.SinkConfig, in, env, files.Format{
			Suffix:  ".csv" + c.Compression.Suffix(),
			Options: c.shape(),
			Empty:   true,
			Start:   c.start,
		})
	},
}.Plugin()
