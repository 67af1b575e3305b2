package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

func readerOf(t testing.TB, data []byte, schema sdk.Schema) *reader {
	t.Helper()
	r, err := newReader(bytes.NewReader(data), int64(len(data)), files.File{Path: "x.parquet", Schema: schema},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestColumnsThatDropTheirPagesGiveTheSameRows: of each column at each turn, in pages of
// all codecs and encodings that we write, with and without dictionaries.
func TestColumnsThatDropTheirPagesGiveTheSameRows(t *testing.T) {
	schema := append(schemaOf(t, everyType), nestedSchema(t)...)
	rows := randomRows(schema.Arrow(), 700, 4, rand.New(rand.NewPCG(3, 4)))
	for _, o := range []options{
		{codec: &pq.Uncompressed, rowGroupRows: 150},
		{codec: &pq.Zstd, rowGroupRows: 1000},
		{codec: &pq.Gzip, rowGroupRows: 300},
		{codec: &quickSnappy{}, rowGroupRows: 1000},
	} {
		data := written(t, o, schema.Arrow(), rows)
		whole, _, err := drain(t, readerOf(t, data, schema))
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		r := readerOf(t, data, schema)
		r.memory.most = 0
		dropping, _, err := drain(t, r)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if !r.memory.dropped {
			t.Error("no page was dropped")
		}
		want, got := joined(t, schema.Arrow(), whole...), joined(t, schema.Arrow(), dropping...)
		if want.NumRows() == 0 || !array.RecordEqual(want, got) {
			t.Errorf("%s: got other rows than with all pages in memory", o.codec)
		}
	}
}

// wideFile has columns of texts, named c000 and so on, each with one page in each row group.
func manyColumnsFile(t testing.TB, columns, rows, size int) ([]byte, sdk.Schema) {
	t.Helper()
	group, names := pq.Group{}, make([]string, columns)
	for i := range columns {
		names[i] = fmt.Sprintf("c%03d:string", i)
		group[fmt.Sprintf("c%03d", i)] = pq.Compressed(pq.String(), &pq.Zstd)
	}
	var out bytes.Buffer
	w := pq.NewWriter(&out, pq.NewSchema("wide", group), pq.PageBufferSize(rows*(size+8)))
	row, padding := make(pq.Row, columns), strings.Repeat("x", size)
	for n := range rows {
		for i := range columns {
			row[i] = pq.ByteArrayValue(fmt.Appendf(nil, "%d-%d-%s", n, i, padding)).Level(0, 0, i)
		}
		if _, err := w.WriteRows([]pq.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), schemaOf(t, strings.Join(names, " "))
}

// TestPagesOfManyColumnsStayWithinTheirMemory: 24 pages of 1.2 MB each, in a file of some
// kilobytes. What is set aside never is more than the memory and the page being read.
func TestPagesOfManyColumnsStayWithinTheirMemory(t *testing.T) {
	const columns, rows, size, page = 24, 300, 4 << 10, 3 << 20
	data, schema := manyColumnsFile(t, columns, rows, size)
	r := readerOf(t, data, schema)
	r.memory.most = 6 << 20
	read := 0
	for {
		b, _, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.memory.used > r.memory.most+page {
			t.Fatalf("%d MB are set aside for pages, at most %d MB may be", r.memory.used>>20, r.memory.most>>20)
		}
		if bytes := batchSize(b); bytes > maxRow {
			t.Errorf("a batch of %d rows has %d MB", b.NumRows(), bytes>>20)
		}
		for row := range int(b.NumRows()) {
			for i := range columns {
				want := fmt.Sprintf("%d-%d-x", read+row, i)
				if got := b.Column(i).(*array.String).Value(row); !strings.HasPrefix(got, want) {
					t.Fatalf("row %d, column %d: got %.20s, want %s", read+row, i, got, want)
				}
			}
		}
		read += int(b.NumRows())
	}
	if read != rows {
		t.Errorf("got %d rows, want %d", read, rows)
	}
	if !r.memory.dropped {
		t.Error("no page was dropped: the file is too small for the test")
	}
}

func batchSize(b arrow.RecordBatch) (bytes int) {
	for _, c := range b.Columns() {
		if s, ok := c.(*array.String); ok {
			bytes += len(s.ValueBytes())
		}
	}
	return bytes
}

// TestRowsAndListsThatAreTooLargeAreRejectedAlone: what lies around them is read.
func TestRowsAndListsThatAreTooLargeAreRejectedAlone(t *testing.T) {
	type pair struct {
		A int64  `parquet:"a"`
		B string `parquet:"b"`
	}
	type row struct {
		N     int64     `parquet:"n"`
		Plain []float64 `parquet:"plain,list"`
		Pairs []pair    `parquet:"pairs,list"`
		Text  string    `parquet:"text"`
		More  string    `parquet:"more"`
	}
	const limit = 64 << 10
	rows := make([]row, 40)
	for i := range rows {
		rows[i] = row{N: int64(i), Plain: []float64{1, 2}, Pairs: []pair{{1, "b"}, {2, "c"}}, Text: "t", More: "m"}
	}
	rows[5].Plain = make([]float64, limit/8+2)
	rows[11].Pairs = make([]pair, limit/8)
	rows[17].Plain, rows[17].Pairs = rows[5].Plain, rows[11].Pairs
	rows[23].Text = strings.Repeat("t", limit+1)
	for i := 30; i < 32; i++ { // as large as they may be
		rows[i].Plain, rows[i].Text = make([]float64, limit/8-2), strings.Repeat("t", limit)
	}
	var file bytes.Buffer
	w := pq.NewGenericWriter[row](&file)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	schema := decoded(t, `{"n":"int64","plain":"list(float64)","text":"string","more":"string",
		"pairs":{"type":"list(struct)","fields":{"a":"int64","b":"string"}}}`)
	for _, most := range []int64{1 << 40, 0} {
		r := readerOf(t, file.Bytes(), schema)
		r.limit(limit)
		r.memory.most = most
		var got []int64
		var reasons []string
		for {
			b, rejected, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b.Column(0).(*array.Int64).Int64Values()...)
			for _, x := range rejected {
				reasons = append(reasons, fmt.Sprintf("%d %s", x.Position, x.Reason))
			}
		}
		if len(got) != 36 {
			t.Errorf("got %d rows, want 36: %v", len(got), got)
		}
		const why = "want a list of at most 64KB, got a larger one; max_value_bytes sets the limit"
		want := []string{"6 plain: " + why, "12 pairs.a: " + why, "18 p", "24 text: want a value of at most 64KB"}
		if len(reasons) != len(want) {
			t.Fatalf("got %q", reasons)
		}
		for i := range want {
			if !strings.Contains(reasons[i], want[i]) {
				t.Errorf("got %q, want %q", reasons[i], want[i])
			}
		}
	}
}

// TestRowOfManyLargeValuesIsRejected: each of them is within its limit.
func TestRowOfManyLargeValuesIsRejected(t *testing.T) {
	data, schema := manyColumnsFile(t, 36, 2, 1<<20)
	r := readerOf(t, data, schema)
	batches, rejected, err := drain(t, r)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if len(batches) != 0 && joined(t, schema.Arrow(), batches...).NumRows() != 0 || len(rejected) != 2 {
		t.Fatalf("got %d rejected rows, want 2", len(rejected))
	}
	want := "want a row of at most 32MB, got a larger one; leave columns out of the schema"
	if !strings.HasSuffix(rejected[1].Reason, want) || rejected[1].Position != 2 {
		t.Errorf("got row %d: %s; want %s", rejected[1].Position, rejected[1].Reason, want)
	}
}
