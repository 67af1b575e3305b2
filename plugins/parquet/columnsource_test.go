package parquet

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"
)

// writtenByValue is what written gives, if parquet-go gets all values one by one.
// The first batch must be enough to choose by.
func writtenByValue(t *testing.T, o options, schema *arrow.Schema, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newWriter(&out, schema, o)
	must(t, err)
	w.file, err = newFile(&out, schema, choose(schema, batches[:1]), o)
	must(t, err)
	for _, rows := range batches {
		must(t, w.Write(rows))
	}
	must(t, w.Close())
	return out.Bytes()
}

// repeated are rows of columns that have so many different values each, and at
// last more of them.
func repeated(schema *arrow.Schema, n, different, holes int, r *rand.Rand) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, f := range b.Fields() {
		for row := range n {
			v := r.IntN(different) - different/2
			if row > n*3/4 {
				v = row
			}
			if holes > 0 && r.IntN(holes) == 0 {
				f.AppendNull()
				continue
			}
			switch f := f.(type) {
			case *array.StringBuilder:
				f.Append(fmt.Sprintf("%0*d", max(0, v+i)%40, v))
			case *array.BinaryBuilder:
				f.Append(fmt.Append(nil, v))
			case *array.Int32Builder:
				f.Append(int32(v))
			case *array.Date32Builder:
				f.Append(arrow.Date32(v))
			case *array.Int64Builder:
				f.Append(int64(v))
			case *array.TimestampBuilder:
				f.Append(arrow.Timestamp(v * 1e6))
			case *array.Uint64Builder:
				f.Append(math.MaxUint64/2 + uint64(v))
			case *array.Float64Builder:
				f.Append([]float64{float64(v), math.NaN(), math.Copysign(0, -1), 0}[r.IntN(4)])
			}
		}
	}
	return b.NewRecordBatch()
}

func TestFilesAreAsParquetGoMakesThemOfValues(t *testing.T) {
	const flat = "s:string b:bytes i:int32 d:date l:int64 t:timestamp u:uint64 f:float64"
	same := func(t *testing.T, o options, whole arrow.RecordBatch) {
		t.Helper()
		batches := []arrow.RecordBatch{whole.NewSlice(1, sampleRows+1)}
		for from := int64(sampleRows + 1); from < whole.NumRows(); from += 3000 {
			batches = append(batches, whole.NewSlice(from, min(from+3000, whole.NumRows())))
		}
		got := written(t, o, whole.Schema(), batches...)
		want := writtenByValue(t, o, whole.Schema(), batches...)
		if !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want these %d", len(got), len(want))
			for i, c := range opened(t, want).Metadata().RowGroups[0].Columns {
				if g := opened(t, got).Metadata().RowGroups[0].Columns[i]; fmt.Sprint(g) != fmt.Sprint(c) {
					t.Errorf("got  %+v\nwant %+v", g.MetaData, c.MetaData)
				}
			}
		}
	}
	for _, holes := range []int{0, 4} {
		schema := schemaOf(t, flat).Arrow()
		for _, different := range []int{1, 5, 900, 1 << 20} {
			t.Run(fmt.Sprintf("one null in %d, %d values", holes, different), func(t *testing.T) {
				rows := repeated(schema, 100_000, different, holes, rand.New(rand.NewPCG(uint64(different), 1)))
				same(t, options{codec: &pq.Uncompressed, rowGroupRows: 45_000}, rows)
			})
		}
	}
	for _, required := range []string{"", "!"} {
		schema := schemaOf(t, strings.Join(strings.Fields(everyType), required+" ")+required).Arrow()
		same(t, plainOptions, randomRows(schema, 20_000, 7*(1-len(required)), rand.New(rand.NewPCG(9, 1))))
	}
}

func TestBoundsOfTextsAreTheLeastAndTheGreatest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var p pageValues
		var all []string
		p.offsets = []uint32{0}
		for range 1 + r.IntN(20) {
			text := make([]byte, r.IntN(12))
			for i := range text {
				text[i] = []byte{0, 'a', 'b', 0xff}[r.IntN(4)]
			}
			all = append(all, string(text))
			p.data, p.n = append(p.data, text...), p.n+1
			p.offsets = append(p.offsets, uint32(len(p.data)))
		}
		least, greatest := all[0], all[0]
		for _, text := range all {
			least, greatest = min(least, text), max(greatest, text)
		}
		if low, high := p.bounds(); string(low) != least || string(high) != greatest {
			t.Fatalf("%q: got %q to %q, want %q to %q", all, low, high, least, greatest)
		}
	}
}
