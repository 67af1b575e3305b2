package files

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// lines is a format that is appended to: a header, then a line for each row.
var lines = Format{Suffix: ".txt", Empty: true,
	Start: func(w io.Writer, schema *arrow.Schema, resumed bool) (Encoder, error) {
		e := &lineEncoder{w: w}
		if !resumed {
			fmt.Fprintln(&e.buffered, header(schema))
		}
		return e, nil
	}}

// blocks is a format with a footer, so that parts must be merged.
var blocks = Format{Suffix: ".blk", Empty: true,
	Start: func(w io.Writer, schema *arrow.Schema, resumed bool) (Encoder, error) {
		if resumed {
			return nil, fmt.Errorf("a block file cannot be resumed")
		}
		return &lineEncoder{w: w, footer: "END\n"}, nil
	},
	Merge: func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []Part) error {
		for _, p := range parts {
			body, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size))
			if err != nil {
				return err
			}
			rows, ok := strings.CutSuffix(string(body), "END\n")
			if !ok {
				return fmt.Errorf("%s has no footer", p.Name)
			}
			if _, err := io.WriteString(w, rows); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, "END\n")
		return err
	}}

func header(schema *arrow.Schema) string {
	var names []string
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	return "#" + strings.Join(names, ",")
}

// lineEncoder buffers lines until it is flushed, as encoders do.
type lineEncoder struct {
	w        io.Writer
	buffered bytes.Buffer
	footer   string
}

func (e *lineEncoder) Write(rows arrow.RecordBatch) error {
	for row := range int(rows.NumRows()) {
		for i, column := range rows.Columns() {
			if i > 0 {
				e.buffered.WriteByte(',')
			}
			e.buffered.WriteString(column.ValueStr(row))
		}
		e.buffered.WriteByte('\n')
	}
	if e.buffered.Len() > 256 {
		return e.Flush()
	}
	return nil
}

func (e *lineEncoder) Flush() error {
	_, err := e.buffered.WriteTo(e.w)
	return err
}

// Buffered makes it one that keeps rows in memory.
func (e *lineEncoder) Buffered() int64 { return int64(e.buffered.Len()) }

func (e *lineEncoder) Close() error {
	e.buffered.WriteString(e.footer)
	return e.Flush()
}

var testSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "kind", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "_position", Type: arrow.PrimitiveTypes.Int64},
}, nil)

// batchOf makes rows with the ids from..to-1; kind is by id, "-" means null.
func batchOf(from, to int, kinds ...string) *sdk.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, testSchema)
	for id := from; id < to; id++ {
		b.Field(0).(*array.Int64Builder).Append(int64(id))
		if kind := kindOfRow(id, kinds); kind == "-" {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(kind)
		}
		b.Field(2).(*array.Int64Builder).Append(int64(id))
	}
	return &sdk.Batch{Rows: b.NewRecordBatch()}
}

func kindOfRow(id int, kinds []string) string {
	if len(kinds) == 0 {
		return "k"
	}
	return kinds[id%len(kinds)]
}

func testEnv(dir string) sdk.Env {
	return sdk.Env{EngineID: "e1", Pipeline: "report", Step: "csv", Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

func testConfig() SinkConfig {
	c := DefaultSink()
	c.Path = "/data/out"
	return c
}

// sink is the sink with its store's fields.
type sink struct {
	*staging.Sink[*epochFiles]
	inner
	last        uint64 // epoch that was prepared
	committable []byte // its, until it is committed
}

// inner stands deeper than Sink, whose methods have the names of the store's.
type inner struct{ *store }

func newSink(cfg SinkConfig, in *arrow.Schema, env sdk.Env, f Format, d staging.Disk) (*sink, error) {
	s, err := openStore(cfg, in, env, f, d)
	if err != nil {
		return nil, err
	}
	return &sink{Sink: staging.NewSink(s), inner: inner{s}}, nil
}

// openSink opens and recovers a sink on a disk of its own.
func openSink(t *testing.T, d staging.Disk, cfg SinkConfig, f Format, live []byte) *sink {
	t.Helper()
	s, err := newSink(cfg, testSchema, testEnv(""), f, d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, s *sink, b *sdk.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// barrier ends an epoch as far as its record, after the one before was committed.
func barrier(ctx context.Context, s *sink, epoch uint64, roll bool) (h []byte, err error) {
	if s.committable != nil {
		if err := s.Commit(ctx, s.last, s.committable); err != nil {
			return nil, err
		}
	}
	signal := sdk.Signal{Kind: sdk.Barrier, Epoch: epoch, Roll: roll, Time: clock(epoch)}
	if err := s.Signal(ctx, signal); err != nil {
		return nil, err
	}
	s.last = epoch
	prepared, err := s.Prepare(ctx, epoch)
	s.committable = prepared.Committable
	return s.committable, err
}

func clock(epoch uint64) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 10*int(epoch), 0, time.UTC)
}

func prepare(t *testing.T, s *sink, epoch uint64, roll bool) []byte {
	t.Helper()
	h, err := barrier(t.Context(), s, epoch, roll)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func commit(t *testing.T, s *sink, epoch uint64, h []byte) {
	t.Helper()
	if err := s.Commit(t.Context(), epoch, h); err != nil {
		t.Fatal(err)
	}
	s.committable = nil
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("want an error with %q, got none", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("want an error with %q, got: %v", part, err)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
