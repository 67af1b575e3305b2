package parquet

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

func TestConfigsThatCannotBeAreRefused(t *testing.T) {
	tests := []struct {
		plugin       sdk.Plugin
		config, want string // "": it is valid
	}{
		{Sink, `{"path": "out"}`, ""},
		{Sink, `{"path": "out", "compression": "zstd", "row_group_rows": 1000, "partition_by": ["a"]}`, ""},
		{Sink, `{}`, "path is missing"},
		{Sink, `{"path": "out", "compresion": "zstd"}`, "unknown field, did you mean compression?"},
		{Sink, `{"path": "out", "compression": "lz4"}`, `want gzip, none, snappy or zstd, got "lz4"`},
		{Sink, `{"path": "out", "row_group_rows": 0}`, "want 1 to 100000000, got 0"},
		{Sink, `{"path": "out", "max_open_files": 0}`, "want at least 1, got 0"},
		{Source, `{"path": "in", "schema": {"a": "int64"}}`, ""},
		{Source, `{"path": "in"}`, "name the columns to read and their types"},
		{Source, `{"path": "in", "schema": {"a": "int63"}}`, `no type named "int63", did you mean int64?`},
		{Source, `{"path": "a/**/b", "schema": {"a": "int64"}}`,
			"** is not understood; name each level of folders with a *"},
	}
	for _, tt := range tests {
		got := ""
		if problems := tt.plugin.Describe([]byte(tt.config), nil).Problems; len(problems) > 0 {
			got = problems[0].Message
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.config, got, tt.want)
		}
	}
}

func TestColumnsThatAFileCannotHoldAreFoundByThePlan(t *testing.T) {
	tests := []struct {
		field arrow.Field
		want  string
	}{
		{arrow.Field{Name: "x", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "y",
			Type: arrow.ListOf(arrow.PrimitiveTypes.Int8)}))}, "x: y: parquet files hold no column of type int8"},
		{arrow.Field{Name: "x", Type: arrow.StructOf()}, "x: parquet files hold no struct without fields"},
		{arrow.Field{Name: "x", Type: arrow.FixedWidthTypes.Timestamp_ns},
			"x: parquet files hold no column of type timestamp[ns, tz=UTC]"},
	}
	for _, tt := range tests {
		_, problems := sdktest.Plan(Sink, []byte(`{"path": "out"}`), arrow.NewSchema([]arrow.Field{tt.field}, nil))
		if len(problems) != 1 || problems[0].Message != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.field.Type, problems, tt.want)
		}
	}
}

// Three epochs, each a staged part, become one file at the roll, which the
// source reads back.
func TestEpochsBecomeOneFileAtARoll(t *testing.T) {
	ctx, rows := t.Context(), tickets(t, 1, 3000)[0]
	env := sdk.Env{EngineID: "abcdef", Pipeline: "p", Step: "parquet", Dir: t.TempDir(), StateDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler)}
	opened, err := Sink.Open(ctx, []byte(`{"path": "out", "compression": "zstd"}`), rows.Schema(), env)
	if err != nil {
		t.Fatal(err)
	}
	sink := opened.(sdk.Sink)
	if err := sink.Recover(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for epoch := range uint64(3) {
		part := &sdk.Batch{Rows: rows.NewSlice(int64(epoch)*1000, int64(epoch+1)*1000)}
		if err := sink.Write(ctx, part); err != nil {
			t.Fatal(err)
		}
		barrier := sdk.Signal{Kind: sdk.Barrier, Epoch: epoch + 1, Roll: epoch == 2}
		if err := sink.Signal(ctx, barrier); err != nil {
			t.Fatal(err)
		}
		prepared, err := sink.Prepare(ctx, epoch+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := sink.Commit(ctx, epoch+1, prepared.Committable); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(ctx); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(env.Dir, "out", "*"))
	if err != nil || len(found) != 1 || filepath.Ext(found[0]) != ".parquet" {
		t.Fatalf("got files %q, %v, want one parquet file", found, err)
	}
	schema := schemaOf(t, ticketSchema)
	got, _ := readAll(t, found[0], schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), rows)
}
