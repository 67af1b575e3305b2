package parquet

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

// everyType has a column of every type that a schema can name.
const everyType = `text:string num32:int32 num64:int64 big:uint64 f32:float32 f64:float64 flag:bool
	at:timestamp day:date clock:time raw:bytes doc:json small:decimal(7,2) wide:decimal(18,4) huge:decimal(38,10)
	texts:list(string) numbers:list(int64) moments:list(timestamp) prices:list(decimal(38,2))`

// schemaOf reads "name:type name:type!", where ! makes a column required.
func schemaOf(t testing.TB, text string) sdk.Schema {
	t.Helper()
	var s sdk.Schema
	for _, word := range strings.Fields(text) {
		name, typ, _ := strings.Cut(word, ":")
		typ, required := strings.CutSuffix(typ, "!")
		if _, err := sdk.TypeOf(typ); err != nil {
			t.Fatal(err)
		}
		s = append(s, sdk.Entry[sdk.Column]{Key: name, Value: sdk.Column{Type: typ, Required: required}})
	}
	return s
}

// rowsOf reads rows from JSON.
func rowsOf(t testing.TB, schema sdk.Schema, text string) arrow.RecordBatch {
	t.Helper()
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema.Arrow(), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// randomRows fills every type with values of all sizes and signs; one in
// holes is null (0: none).
func randomRows(schema *arrow.Schema, n, holes int, r *rand.Rand) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range schema.NumFields() {
		for range n {
			appendRandom(b.Field(i), holes, r)
		}
	}
	return b.NewRecordBatch()
}

func appendRandom(b array.Builder, holes int, r *rand.Rand) {
	if holes > 0 && r.IntN(holes) == 0 {
		b.AppendNull()
		return
	}
	text := `"` + strings.Repeat(string(rune('a'+r.IntN(3)))+"é", r.IntN(12)) + `"` // json columns want JSON
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append(append([]byte{0xff, byte(r.Uint32())}, text...))
	case *array.Int32Builder:
		b.Append(int32(r.Uint32()))
	case *array.Int64Builder:
		b.Append(int64(r.Uint64()))
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	case *array.Float32Builder:
		b.Append(float32(r.NormFloat64()))
	case *array.Float64Builder:
		b.Append(r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-20)))
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.Int64N(1<<52) - 1<<51)) // 1898 to 2041
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.Int32N(60000) - 30000))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.Int64N(86_400_000_000)))
	case *array.Decimal128Builder:
		most := math.Pow(10, float64(min(18, b.Type().(*arrow.Decimal128Type).Precision))) - 1
		v := decimal128.FromI64(r.Int64N(int64(most)) - int64(most)/2)
		if b.Type().(*arrow.Decimal128Type).Precision == 38 {
			v = v.Mul(decimal128.FromI64(1 << 60)) // beyond 8 bytes
		}
		b.Append(v)
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(b.FieldBuilder(i), holes, r)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(b.ValueBuilder(), holes, r)
		}
	}
}

var plainOptions = options{codec: &quickSnappy{}, rowGroupRows: 128 << 10}

// written is the bytes of a file with these rows.
func written(t testing.TB, o options, schema *arrow.Schema, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newWriter(&out, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range batches {
		if err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// opened is the file's footer, read by parquet-go.
func opened(t testing.TB, data []byte) *pq.File {
	t.Helper()
	file, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// onDisk is a file with these bytes.
func onDisk(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll reads a file to its end.
func readAll(t testing.TB, path string, schema sdk.Schema, skip int64) ([]arrow.RecordBatch, []sdk.Reject) {
	t.Helper()
	batches, rejected, err := tryRead(t, path, schema, skip)
	if err != nil {
		t.Fatal(err)
	}
	return batches, rejected
}

func tryRead(t testing.TB, path string, schema sdk.Schema,
	skip int64) ([]arrow.RecordBatch, []sdk.Reject, error) {
	t.Helper()
	r, err := openReader(files.File{Path: path, Skip: skip, Schema: schema}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	return drain(t, r)
}

// drain reads to the end and closes.
func drain(t testing.TB, r *reader) (batches []arrow.RecordBatch, rejected []sdk.Reject, err error) {
	t.Helper()
	defer r.Close()
	for {
		rows, bad, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return batches, rejected, nil
		}
		if err != nil {
			return batches, rejected, err
		}
		batches, rejected = append(batches, rows), append(rejected, bad...)
	}
}

// joined is batches as one.
func joined(t testing.TB, schema *arrow.Schema, batches ...arrow.RecordBatch) arrow.RecordBatch {
	t.Helper()
	if len(batches) == 0 {
		return sdk.EmptyRows(schema)
	}
	var rows int64
	for _, b := range batches {
		rows += b.NumRows()
	}
	columns := make([]arrow.Array, schema.NumFields())
	for i := range columns {
		var pieces []arrow.Array
		for _, b := range batches {
			pieces = append(pieces, b.Column(i))
		}
		whole, err := array.Concatenate(pieces, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		columns[i] = whole
	}
	return array.NewRecordBatch(schema, columns, rows)
}

func sameRows(t testing.TB, got, want arrow.RecordBatch) {
	t.Helper()
	if got.NumRows() != want.NumRows() {
		t.Fatalf("got %d rows, want %d", got.NumRows(), want.NumRows())
	}
	for i, f := range want.Schema().Fields() {
		if g, w := got.Column(i), want.Column(i); !array.Equal(g, w) {
			for row := range w.Len() {
				if g.ValueStr(row) != w.ValueStr(row) {
					t.Fatalf("%s, row %d: got %s, want %s", f.Name, row, g.ValueStr(row), w.ValueStr(row))
				}
			}
			t.Fatalf("%s: the columns differ", f.Name)
		}
	}
}
