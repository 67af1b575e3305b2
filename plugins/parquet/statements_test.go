package parquet

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/kit/files"
)

const boundedTypes = `f32:float32 f64:float64 text:string raw:bytes num32:int32 num64:int64 big:uint64
	at:timestamp small:decimal(7,2) huge:decimal(38,10) empty:float64 inside:list(float64) blobs:list(bytes)`

// awkwardRows have values whose bounds are easily wrong. Of a low variety they are kept
// in dictionaries.
func awkwardRows(t testing.TB, rows, variety int, r *rand.Rand) arrow.RecordBatch {
	schema := schemaOf(t, boundedTypes).Arrow()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i, f := range schema.Fields() {
		for range rows {
			if f.Name == "empty" {
				b.Field(i).AppendNull()
			} else {
				appendAwkward(b.Field(i), 1+r.IntN(variety))
			}
		}
	}
	return b.NewRecordBatch()
}

func appendAwkward(b array.Builder, n int) {
	float := []float64{math.NaN(), -3, 0, math.Copysign(0, -1), 1.5, math.Inf(1), math.Inf(-1)}[n%7] * float64(n)
	text := []string{"", "a", strings.Repeat("\xff", 40), strings.Repeat("\xff", 15), "é" + strings.Repeat("x", 30),
		strings.Repeat("\xff", 1500)}[n%6] + fmt.Sprint(n)
	number := int64(n) * 0x1234567 * []int64{1, -1}[n%2]
	switch b := b.(type) {
	case *array.Float32Builder:
		b.Append(float32(float))
	case *array.Float64Builder:
		b.Append(float)
	case *array.StringBuilder:
		b.Append(strings.ToValidUTF8(text, "\U0010ffff"))
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	case *array.Int32Builder:
		b.Append(int32(number))
	case *array.Int64Builder:
		b.Append(number << 20)
	case *array.Uint64Builder:
		b.Append(uint64(number << 20))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(number))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(number % 10_000_000))
	case *array.ListBuilder:
		if b.Append(n%5 > 0); n%5 > 1 {
			appendAwkward(b.ValueBuilder(), n)
			b.ValueBuilder().AppendNull()
		}
	}
}

// What the footer and the page index say of values is what readers leave row groups and
// pages out by.
func TestStatedBoundsHoldForEveryValue(t *testing.T) {
	for _, variety := range []int{1, 3, 40, 5000} {
		for _, from := range []uint64{1, 2, 3} {
			t.Run(fmt.Sprint(variety, from), func(t *testing.T) {
				r := rand.New(rand.NewPCG(from, uint64(variety)))
				var parts []files.Part
				for range 3 {
					rows := awkwardRows(t, 300+r.IntN(2000), variety, r)
					data := written(t, options{codec: &quickSnappy{}, rowGroupRows: 1500}, rows.Schema(), rows)
					checkStatements(t, data)
					parts = append(parts, partOf(data))
				}
				for _, size := range []int64{1000, 4000, 100_000} { // copied, and written anew
					var merged bytes.Buffer
					o := options{codec: &quickSnappy{}, rowGroupRows: size}
					if err := merge(t.Context(), &merged, schemaOf(t, boundedTypes).Arrow(), parts, o); err != nil {
						t.Fatal(err)
					}
					checkStatements(t, merged.Bytes())
				}
			})
		}
	}
}

func TestNumbersWithoutNaNHaveBounds(t *testing.T) {
	schema := schemaOf(t, "v:float64 n:int64 s:string").Arrow()
	rows := rowsOf(t, schemaOf(t, "v:float64 n:int64 s:string"), `[{"v":0,"n":-1,"s":"a"},{"v":2,"n":5,"s":"b"}]`)
	chunks := opened(t, written(t, plainOptions, schema, rows)).Metadata().RowGroups[0].Columns
	for _, c := range chunks {
		if s := c.MetaData.Statistics; s.MinValue == nil || s.MaxValue == nil {
			t.Errorf("%v: no bounds", c.MetaData.PathInSchema)
		}
	}
	if v := chunks[0].MetaData.Statistics.MinValue; v[7] != 0x80 {
		t.Errorf("got %x as the least, want the negative zero, which is equal to the other", v)
	}
}

// checkStatements compares what a file states with the values that it has.
func checkStatements(t *testing.T, data []byte) {
	t.Helper()
	file := opened(t, data)
	for g := range file.Metadata().RowGroups {
		group := &file.Metadata().RowGroups[g]
		for i, column := range leaves(file.Root(), nil) {
			values := valuesIn(t, data, group, column)
			meta := &group.Columns[i].MetaData
			what := fmt.Sprintf("%s, row group %d", strings.Join(column.Path(), "."), g)
			stated := bounds{meta.Statistics.MinValue, meta.Statistics.MaxValue}
			stated.check(t, what, column, values)
			nulls := int64(0)
			for _, v := range values {
				if v.IsNull() {
					nulls++
				}
			}
			if got := meta.Statistics.NullCount; got != nulls {
				t.Errorf("%s: %d nulls are stated, want %d", what, got, nulls)
			}
			checkPages(t, what, file, &group.Columns[i], column, g, values)
		}
	}
}

func checkPages(t *testing.T, what string, file *pq.File, chunk *format.ColumnChunk, column *pq.Column, group int,
	values []pq.Value) {
	t.Helper()
	if chunk.ColumnIndexOffset == 0 {
		return
	}
	at := group*len(leaves(file.Root(), nil)) + column.Index()
	index, offsets := file.ColumnIndexes()[at], file.OffsetIndexes()[at]
	var firsts []int // of the values, by row
	for i, v := range values {
		if v.RepetitionLevel() == 0 {
			firsts = append(firsts, i)
		}
	}
	firsts = append(firsts, len(values))
	for p, page := range offsets.PageLocations {
		end := int64(len(firsts) - 1)
		if p+1 < len(offsets.PageLocations) {
			end = offsets.PageLocations[p+1].FirstRowIndex
		}
		inPage := values[firsts[page.FirstRowIndex]:firsts[end]]
		if index.NullPages[p] {
			for _, v := range inPage {
				if !v.IsNull() {
					t.Fatalf("%s, page %d: %v in a page that is all null", what, p, v)
				}
			}
			continue
		}
		bounds{index.MinValues[p], index.MaxValues[p]}.check(t, fmt.Sprintf("%s, page %d", what, p), column, inPage)
	}
}

// bounds are a least and a greatest value as they are stated; nil: they are not.
type bounds [2][]byte

func (b bounds) check(t *testing.T, what string, column *pq.Column, values []pq.Value) {
	t.Helper()
	if b[0] == nil && b[1] == nil {
		return
	}
	kind := column.Type().Kind()
	least, greatest := kind.Value(b[0]), kind.Value(b[1])
	compare := column.Type().Compare
	if kind == pq.FixedLenByteArray {
		compare = func(a, b pq.Value) int { return bigEndian(a.ByteArray()).Cmp(bigEndian(b.ByteArray())) }
	}
	index := strings.Contains(what, "page")
	for _, v := range values {
		switch {
		case v.IsNull():
		case isNaN(v) && !index:
			t.Fatalf("%s: bounds are stated where there is a NaN", what)
		case isNaN(v):
		case isNaN(least) || isNaN(greatest) || compare(v, least) < 0 || compare(v, greatest) > 0:
			t.Fatalf("%s: %.40q is not from %.40q to %.40q", what, v.String(), least.String(), greatest.String())
		}
	}
}

func valuesIn(t *testing.T, data []byte, group *format.RowGroup, column *pq.Column) []pq.Value {
	t.Helper()
	from := source{bytes.NewReader(data), int64(len(data))}
	c, err := newChunk(from, &group.Columns[column.Index()], newLeaf(column), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []pq.Value
	for slab := make([]pq.Value, 1000); ; {
		n, err := c.ReadValues(slab)
		for _, v := range slab[:n] {
			all = append(all, v.Clone())
		}
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
