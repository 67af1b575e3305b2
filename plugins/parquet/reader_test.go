package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

func TestReadingGoesOnAtAnyRow(t *testing.T) {
	schema := schemaOf(t, everyType)
	whole := randomRows(schema.Arrow(), 2500, 4, rand.New(rand.NewPCG(5, 1)))
	path := onDisk(t, written(t, options{codec: &pq.Zstd, rowGroupRows: 900}, schema.Arrow(), whole))
	for _, skip := range []int64{0, 1, 899, 900, 901, 1800, 2499, 2500} {
		got, _ := readAll(t, path, schema, skip)
		sameRows(t, joined(t, schema.Arrow(), got...), whole.NewSlice(skip, 2500))
	}
	_, _, err := tryRead(t, path, schema, 2501)
	if err == nil || !strings.Contains(err.Error(), "only 2500") {
		t.Errorf("skipping more than there is: got %v", err)
	}
}

func TestOnlyDeclaredColumnsAreReadInTheirOrder(t *testing.T) {
	schema := schemaOf(t, "a:int64 b:string c:bool")
	rows := rowsOf(t, schema, `[{"a": 1, "b": "x", "c": true}, {"b": "y"}]`)
	want := schemaOf(t, "c:bool a:int64")
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), rows)), want, 0)
	sameRows(t, joined(t, want.Arrow(), got...), rowsOf(t, want, `[{"a": 1, "c": true}, {}]`))
}

func TestWithoutDeclaredColumnsRowsAreCounted(t *testing.T) {
	rows := tickets(t, 1, 5000)[0] // the columns may all come from a folder's name
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, rows.Schema(), rows)), nil, 10)
	if n := joined(t, arrow.NewSchema(nil, nil), got...).NumRows(); n != 4990 {
		t.Errorf("got %d rows, want 4990", n)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	rows := tickets(t, 3, 5000)
	path := onDisk(t, written(t, plainOptions, rows[0].Schema(), rows...))
	got, _ := readAll(t, path, schemaOf(t, "ticket_id:string"), 0)
	for _, b := range got {
		if b.NumRows() > sdk.DefaultBatchRows {
			t.Errorf("got a batch of %d rows", b.NumRows())
		}
	}
	if len(got) > 5 {
		t.Errorf("got %d batches for 15000 rows", len(got))
	}
}

func TestColumnsThatDoNotFitAreAllNamed(t *testing.T) {
	schema := schemaOf(t, "name:string at:timestamp price:decimal(9,2) tags:list(string) n:int64 f:float64")
	path := onDisk(t, written(t, plainOptions, schema.Arrow()))
	tests := []struct{ declared, want string }{
		{"nmae:string", `no column "nmae" in the file, did you mean "name"?`},
		{"zzz:string", `no column "zzz" in the file (it has name, at, price, tags, n, f)`},
		{"name:int64", `column "name": want int64, the file has string`},
		{"at:date", `column "at": want date, the file has timestamp`},
		{"tags:string", `column "tags": want string, the file has list(string)`},
		{"tags:list(int64)", `column "tags": want list(int64), the file has list(string)`},
		{"n:list(int64)", `column "n": want list(int64), the file has int64`},
		{"n:bool", `column "n": want bool, the file has int64`},
		{"n:time", `column "n": want time, the file has int64`},
		{"f:float32", `column "f": want float32, the file has float64`},
		{"n:json f:bytes", `column "n": want json, the file has int64` + "\n" +
			`column "f": want bytes, the file has float64`},
	}
	for _, tt := range tests {
		_, _, err := tryRead(t, path, schemaOf(t, tt.declared), 0)
		if want := "reading " + path + ": " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", tt.declared, err, want)
		}
	}
}

func TestWhatIsNotAWholeParquetFileIsSaid(t *testing.T) {
	rows := tickets(t, 1, 500)[0]
	good := written(t, plainOptions, rows.Schema(), rows)
	long := bytes.Clone(good)
	copy(long[len(long)-8:], []byte{0xff, 0xff, 0xff, 0x7f})
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "want a parquet file, got an empty one"},
		{"CSV", []byte("id,name\n1,x\n"),
			`want a parquet file, which begins with "PAR1"; this one begins with "id,n"`},
		{"short", []byte("PAR1"), "the file is truncated: only 4 bytes are left"},
		{"cut", good[:len(good)/2], "the file is truncated or still being written: it ends without a footer"},
		{"encrypted", append([]byte("PARE"), good[4:]...), "the file is encrypted"},
		{"footer too long", long, "the file is damaged: its footer should have 2147483647 bytes"},
		{"no footer", append(append([]byte("PAR1"), make([]byte, 8)...), "PAR1"...), "the file is damaged"},
		{"damaged page", flipped(good, 100), `column "ticket_id": `},
	}
	for _, tt := range tests {
		path := onDisk(t, tt.data)
		_, _, err := tryRead(t, path, schemaOf(t, "ticket_id:string"), 0)
		if err == nil || !strings.HasPrefix(err.Error(), "reading "+path+": "+tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestAMissingFileIsNamed(t *testing.T) {
	_, _, err := tryRead(t, "/nowhere/x.parquet", schemaOf(t, "a:int64"), 0)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/nowhere/x.parquet") {
		t.Errorf("got %v, want the file's name", err)
	}
}

func TestNullsInRequiredColumnsAreRejected(t *testing.T) {
	loose, strict := schemaOf(t, "a:int64 b:string"), schemaOf(t, "a:int64! b:string")
	rows := rowsOf(t, loose, `[{"a": 1, "b": "x"}, {"b": "y"}, {"a": 3}, {"b": null}]`)
	got, rejected := readAll(t, onDisk(t, written(t, plainOptions, loose.Arrow(), rows)), strict, 0)
	sameRows(t, joined(t, strict.Arrow(), got...), rowsOf(t, strict, `[{"a": 1, "b": "x"}, {"a": 3}]`))
	if len(rejected) != 2 {
		t.Fatalf("got %d rejects, want 2", len(rejected))
	}
	r := rejected[0]
	if r.Reason != "a: want a value, got null" || r.Position != 2 || string(r.Row) != `{"a":null,"b":"y"}` {
		t.Errorf("got %q at %d: %s", r.Reason, r.Position, r.Row)
	}
	if got := rejected[1].Position; got != 4 {
		t.Errorf("got position %d, want 4", got)
	}
}

func TestRejectsCountAsReadWhenReadingGoesOn(t *testing.T) {
	loose, strict := schemaOf(t, "a:int64"), schemaOf(t, "a:int64!")
	rows := rowsOf(t, loose, `[{"a": 1}, {}, {"a": 3}, {}]`)
	path := onDisk(t, written(t, plainOptions, loose.Arrow(), rows))
	got, rejected := readAll(t, path, strict, 2)
	sameRows(t, joined(t, strict.Arrow(), got...), rowsOf(t, strict, `[{"a": 3}]`))
	if len(rejected) != 1 || rejected[0].Position != 4 {
		t.Errorf("got %+v, want one reject at 4", rejected)
	}
}

func TestTextThatIsNotUTF8IsRejected(t *testing.T) {
	raw, text := schemaOf(t, "a:bytes b:list(bytes)"), schemaOf(t, "a:string b:list(string)")
	b := array.NewRecordBuilder(memory.DefaultAllocator, raw.Arrow())
	items := b.Field(1).(*array.ListBuilder)
	for _, v := range []string{"é", "\xc3", "\xa9", "x", "y"} {
		b.Field(0).(*array.BinaryBuilder).AppendString(v)
		items.Append(true)
		item := "é"
		if v == "y" {
			item = "\xff"
		}
		items.ValueBuilder().(*array.BinaryBuilder).AppendString(item)
	}
	got, rejected := readAll(t, onDisk(t, written(t, plainOptions, raw.Arrow(), b.NewRecordBatch())), text, 0)
	want := rowsOf(t, text, `[{"a": "é", "b": ["é"]}, {"a": "x", "b": ["é"]}]`)
	sameRows(t, joined(t, text.Arrow(), got...), want)
	var reasons []string
	for _, r := range rejected {
		reasons = append(reasons, fmt.Sprintf("%d %s", r.Position, r.Reason))
	}
	const other = ": want UTF-8, got other bytes: "
	if want := []string{"2 a" + other + `"\xc3"`, "3 a" + other + `"\xa9"`, "5 b" + other + `"\xff"`}; !slices.Equal(reasons, want) {
		t.Errorf("got %q, want %q", reasons, want)
	}
}

func TestReadingStopsWhenItIsCancelled(t *testing.T) {
	rows := tickets(t, 1, 100)[0]
	path := onDisk(t, written(t, plainOptions, rows.Schema(), rows))
	f := files.File{Path: path, Schema: schemaOf(t, "ticket_id:string")}
	r, err := openReader(f, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestOffsetGrowsToTheSizeOfTheFile(t *testing.T) {
	rows := tickets(t, 3, 4096)
	data := written(t, plainOptions, rows[0].Schema(), rows...)
	r, err := openReader(files.File{Path: onDisk(t, data), Schema: schemaOf(t, "ticket_id:string")},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var last int64
	for range 3 {
		if _, _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r.Offset() <= last {
			t.Errorf("the offset is %d after %d", r.Offset(), last)
		}
		last = r.Offset()
	}
	if last != int64(len(data)) {
		t.Errorf("at the end: got %d, want %d", last, len(data))
	}
}

// Texts of a batch may take more than was expected by the one before it, be null, or
// be larger than is allowed, in any order.
func TestTextsOfAnySizeFollowOneAnother(t *testing.T) {
	schema := schemaOf(t, "text:string").Arrow()
	sizes := []int{1, 0, -1, 5 << 10, 3, -1, 2 << 20, 7, 64, 1 << 10}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	var want []string // "-": null
	for i := range 3 * sdk.DefaultBatchRows {
		size := sizes[i%3]
		if i%997 == 0 {
			size = sizes[i/997%len(sizes)]
		}
		if size < 0 {
			b.AppendNull()
			want = append(want, "-")
			continue
		}
		want = append(want, strings.Repeat(string(rune('a'+i%26)), size))
		b.Append(want[i])
	}
	rows := array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, int64(len(want)))
	data := written(t, plainOptions, schema, rows)
	r, err := newReader(bytes.NewReader(data), int64(len(data)), files.File{Schema: schemaOf(t, "text:string")},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r.limit(1 << 20)
	at := 0
	for at < len(want) {
		got, rejected, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		texts, row := got.Column(0).(*array.String), 0
		for end := at + texts.Len() + len(rejected); at < end; at++ {
			if len(want[at]) > 1<<20 {
				continue // rejected
			}
			text := "-"
			if texts.IsValid(row) {
				text = texts.Value(row)
			}
			if text != want[at] {
				t.Fatalf("row %d: want %d bytes, got %d", at, len(want[at]), len(text))
			}
			row++
		}
		if row != texts.Len() {
			t.Fatalf("want %d rows, got %d", row, texts.Len())
		}
	}
}
