package parquet

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

// FuzzDamagedFile changes bytes of good files: reading and merging them may
// fail, or give other rows, but neither panics nor hangs, takes no memory beyond
// what is there, and gives no value that its type does not hold.
func FuzzDamagedFile(f *testing.F) {
	schema := append(schemaOf(f, everyType), nestedSchema(f)...)
	good := goodFiles(f, schema)
	for i, data := range good {
		f.Add(uint8(i), uint32(len(data)/2), uint8(0xff), uint32(len(data)-9), uint8(1), uint32(len(data)))
		f.Add(uint8(i), uint32(len(data)-200), uint8(0x80), uint32(40), uint8(0x7f), uint32(len(data)-30))
	}
	f.Fuzz(func(t *testing.T, which uint8, at uint32, flip uint8, at2 uint32, flip2 uint8, end uint32) {
		data := bytes.Clone(good[int(which)%len(good)])
		data[int(at)%len(data)] ^= flip
		data[int(at2)%len(data)] ^= flip2
		data = data[:min(int(end), len(data))]
		checkDamaged(t, data, schema)
	})
}

func goodFiles(t testing.TB, schema sdk.Schema) [][]byte {
	rows := randomRows(schema.Arrow(), 300, 4, rand.New(rand.NewPCG(1, 1)))
	var data [][]byte
	for _, o := range []options{
		{codec: &pq.Uncompressed, rowGroupRows: 100},
		{codec: &pq.Zstd, rowGroupRows: 500},
		{codec: &quickSnappy{}, rowGroupRows: 500},
	} {
		data = append(data, written(t, o, schema.Arrow(), rows))
	}
	return data
}

func checkDamaged(t *testing.T, data []byte, schema sdk.Schema) {
	f := files.File{Path: "x.parquet", Schema: schema}
	r, err := newReader(bytes.NewReader(data), int64(len(data)), f, slog.New(slog.DiscardHandler))
	if err == nil {
		var batches []arrow.RecordBatch
		if got := allocated(func() { batches, _, err = drain(t, r) }); got > 256<<20 {
			t.Errorf("%d bytes allocated for a file of %d", got, len(data))
		}
		for _, b := range batches {
			reasons := map[int]string{}
			if columns.Misfits(b, reasons); len(reasons) > 0 {
				t.Errorf("values that do not fit were handed on: %v", reasons)
			}
			for i, c := range b.Columns() {
				if int64(c.Len()) != b.NumRows() {
					t.Errorf("%s has %d values in %d rows", b.ColumnName(i), c.Len(), b.NumRows())
				}
			}
		}
		if rows := joined(t, schema.Arrow(), batches...).NumRows(); err == nil && rows > 1e6 {
			t.Errorf("got %d rows from %d bytes", rows, len(data))
		}
	}
	if err != nil && !strings.HasPrefix(err.Error(), "reading x.parquet: ") {
		t.Errorf("got %v, want the file's name", err)
	}
	parts := []files.Part{partOf(data), partOf(data)}
	_ = merge(t.Context(), &bytes.Buffer{}, schema.Arrow(), parts, plainOptions) // must return, whatever it says
}

// The fuzzer is not run by go test; this is a short walk over the whole file.
func TestNoDamagedByteIsAPanic(t *testing.T) {
	schema := schemaOf(t, "text:string num64:int64 at:timestamp texts:list(string) small:decimal(7,2)")
	rows := randomRows(schema.Arrow(), 40, 4, rand.New(rand.NewPCG(1, 1)))
	for _, o := range []options{
		{codec: &pq.Uncompressed, rowGroupRows: 25},
		{codec: &quickSnappy{}, rowGroupRows: 100},
	} {
		good := written(t, o, schema.Arrow(), rows)
		for at := range good {
			bad := bytes.Clone(good)
			bad[at] ^= []byte{0x01, 0x80, 0xff, 0x10}[at%4]
			checkDamaged(t, bad, schema)
		}
	}
}
