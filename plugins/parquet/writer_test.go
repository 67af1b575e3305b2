package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

func TestEveryTypeComesBackAsItWas(t *testing.T) {
	for _, required := range []string{"", "!"} {
		schema := schemaOf(t, strings.Join(strings.Fields(everyType), required+" ")+required)
		for n, compressions := range map[int][]string{
			0: {"none"}, 1: {"none"}, 1025: {"snappy", "zstd", "gzip"}, 5000: {"snappy"},
		} {
			for _, name := range compressions {
				t.Run(fmt.Sprintf("%d rows%s %s", n, required, name), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(n), 1))
					holes := 5
					if required != "" {
						holes = 0
					}
					want := randomRows(schema.Arrow(), n, holes, r)
					codec, err := codecOf(name)
					if err != nil {
						t.Fatal(err)
					}
					data := written(t, options{codec: codec, rowGroupRows: 2000}, schema.Arrow(), want)
					got, rejected := readAll(t, onDisk(t, data), schema, 0)
					if len(rejected) > 0 {
						t.Fatalf("rejected: %+v", rejected[0])
					}
					sameRows(t, joined(t, schema.Arrow(), got...), want)
				})
			}
		}
	}
}

func TestSlicedAndEmptyBatchesAreWritten(t *testing.T) {
	schema := schemaOf(t, everyType)
	whole := randomRows(schema.Arrow(), 6000, 4, rand.New(rand.NewPCG(1, 1)))
	for _, step := range []int64{7, 500, 4100} {
		var pieces []arrow.RecordBatch
		for from := int64(2); from < whole.NumRows(); from += step {
			piece := whole.NewSlice(from, min(from+step, whole.NumRows()))
			pieces = append(pieces, piece, sdk.EmptyRows(schema.Arrow()))
		}
		got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), pieces...)), schema, 0)
		sameRows(t, joined(t, schema.Arrow(), got...), whole.NewSlice(2, whole.NumRows()))
	}
}

func TestColumnsOfNullsAndEmptyValuesComeBack(t *testing.T) {
	schema := schemaOf(t, everyType)
	nulls := randomRows(schema.Arrow(), 3000, 1, rand.New(rand.NewPCG(1, 1)))
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), nulls)), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), nulls)

	schema = schemaOf(t, "text:string raw:bytes texts:list(string)")
	empty := rowsOf(t, schema, `[{"text": "", "raw": "", "texts": []}, {"text": "", "raw": "", "texts": [""]},
		{"text": "", "raw": "", "texts": ["", null, ""]}, {"texts": [null]}]`)
	got, _ = readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), empty)), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), empty)
}

func TestNumbersAtTheirLimitsComeBack(t *testing.T) {
	schema := schemaOf(t, "a:int32 b:int64 c:uint64 d:float64 e:decimal(38,0) f:timestamp")
	rows := rowsOf(t, schema, fmt.Sprintf(`[
		{"a": %d, "b": %d, "c": 0, "d": -1.7976931348623157e308, "e": "-%[3]s", "f": "0001-01-01T00:00:00Z"},
		{"a": %d, "b": %d, "c": %d, "d": 5e-324, "e": "%[3]s", "f": "9999-12-31T23:59:59.999999Z"}]`,
		math.MinInt32, math.MinInt64, strings.Repeat("9", 38),
		math.MaxInt32, math.MaxInt64, uint64(math.MaxUint64)))
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), rows)), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), rows)
}

func TestLargeStringsAreSplitIntoPagesAndRowGroups(t *testing.T) {
	schema := schemaOf(t, "text:string")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	for i := range 18 {
		b.Field(0).(*array.StringBuilder).Append(strings.Repeat(string(rune('a'+i)), 4<<20))
	}
	want := b.NewRecordBatch()
	var pieces []arrow.RecordBatch
	for row := range want.NumRows() {
		pieces = append(pieces, want.NewSlice(row, row+1))
	}
	data := written(t, options{codec: &pq.Uncompressed, rowGroupRows: 1000}, schema.Arrow(), pieces...)
	groups := opened(t, data).RowGroups()
	if len(groups) < 2 {
		t.Errorf("got %d row groups for %d bytes, want one for each %d", len(groups), len(data), rowGroupBytes)
	}
	if size := data[len(data)-8:]; binary.LittleEndian.Uint32(size) > 1<<16 {
		t.Errorf("the footer has %d bytes: it holds long values", binary.LittleEndian.Uint32(size))
	}
	got, _ := readAll(t, onDisk(t, data), schema, 0)
	if len(got) < 9 {
		t.Errorf("got %d batches, want none above %d bytes", len(got), sdk.MaxBatchBytes)
	}
	sameRows(t, joined(t, schema.Arrow(), got...), want)
}

func TestRowGroupsAreFull(t *testing.T) {
	batches := tickets(t, 5, 1000)
	o := options{codec: &pq.Zstd, rowGroupRows: 1500}
	var got []int64
	for _, g := range opened(t, written(t, o, batches[0].Schema(), batches...)).RowGroups() {
		got = append(got, g.NumRows())
	}
	if want := []int64{1500, 1500, 1500, 500}; !slices.Equal(got, want) {
		t.Errorf("rows in the row groups: got %v, want %v", got, want)
	}
}

func TestColumnsThatRepeatGetADictionaryAndOthersArePlain(t *testing.T) {
	batches := tickets(t, 4, 3000)
	file := opened(t, written(t, plainOptions, batches[0].Schema(), batches...))
	want := map[string]format.Encoding{"ticket_id": format.Plain, "client_id": format.Plain,
		"created_at": format.Plain, "demande": format.Plain,
		"type": format.RLEDictionary, "priorite": format.RLEDictionary}
	for _, chunk := range file.Metadata().RowGroups[0].Columns {
		name := chunk.MetaData.PathInSchema[0]
		for _, stats := range chunk.MetaData.EncodingStats {
			if stats.PageType == format.DataPageV2 {
				t.Errorf("%s: want pages of version 1", name)
			}
			if stats.PageType == format.DataPage && stats.Encoding != want[name] {
				t.Errorf("%s: got %s, want %s", name, stats.Encoding, want[name])
			}
		}
	}
}

// Engines differ in what they read: nothing but plain values, dictionaries and
// levels may be in a file, whatever the types.
func TestOnlyCommonEncodingsAreWritten(t *testing.T) {
	schema := schemaOf(t, everyType).Arrow()
	rows := randomRows(schema, 5000, 3, rand.New(rand.NewPCG(1, 2)))
	for _, group := range opened(t, written(t, plainOptions, schema, rows)).Metadata().RowGroups {
		for _, chunk := range group.Columns {
			for _, e := range chunk.MetaData.Encoding {
				if e != format.Plain && e != format.RLE && e != format.RLEDictionary {
					t.Errorf("%s: encoded as %s", chunk.MetaData.PathInSchema, e)
				}
			}
		}
	}
}

func TestDictionaryThatOutgrowsItsSampleIsGivenUp(t *testing.T) {
	schema := schemaOf(t, "text:string")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	for i := range 60_000 {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("%0100d", max(0, i-sampleRows)))
	}
	whole := b.NewRecordBatch()
	var pieces []arrow.RecordBatch
	for from := int64(0); from < whole.NumRows(); from += sampleRows {
		pieces = append(pieces, whole.NewSlice(from, min(from+sampleRows, whole.NumRows())))
	}
	data := written(t, plainOptions, schema.Arrow(), pieces...)
	chunk := opened(t, data).Metadata().RowGroups[0].Columns[0].MetaData
	if !slices.ContainsFunc(chunk.EncodingStats, func(s format.PageEncodingStats) bool {
		return s.PageType == format.DataPage && s.Encoding == format.Plain
	}) {
		t.Errorf("want plain pages after the dictionary, got %+v", chunk.EncodingStats)
	}
	got, _ := readAll(t, onDisk(t, data), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), whole)
}

func TestFooterHasStatistics(t *testing.T) {
	schema := schemaOf(t, "a:int64 at:timestamp text:string price:decimal(38,2) none:int64")
	rows := rowsOf(t, schema, `[{"a": 3, "at": "1969-12-31T23:59:59Z", "text": "b", "price": "-1.50"},
		{"a": -7, "at": "1970-01-01T00:00:01Z", "price": "2.00"}, {"text": "à"}]`)
	columns := opened(t, written(t, plainOptions, schema.Arrow(), rows)).Metadata().RowGroups[0].Columns
	stats := func(i int) format.Statistics { return columns[i].MetaData.Statistics }
	number := func(v int64) string { return string(pq.Int64Value(v).Bytes()) }
	tests := []struct {
		column   int
		min, max string
		nulls    int64
	}{
		{0, number(-7), number(3), 1},
		{1, number(-1e6), number(1e6), 1},
		{2, "b", "à", 1},
		{3, "", "", 1}, // would be wrong below zero
		{4, "", "", 3},
	}
	for _, tt := range tests {
		s := stats(tt.column)
		if string(s.MinValue) != tt.min || string(s.MaxValue) != tt.max || s.NullCount != tt.nulls {
			t.Errorf("column %d: got %q to %q with %d nulls, want %q to %q with %d", tt.column,
				s.MinValue, s.MaxValue, s.NullCount, tt.min, tt.max, tt.nulls)
		}
	}
}

func TestFooterSaysTypesOrderAndWriter(t *testing.T) {
	schema := schemaOf(t, "z:timestamp a:string! m:time d:date u:uint64 j:json p:decimal(9,2) l:list(string)")
	meta := opened(t, written(t, plainOptions, schema.Arrow())).Metadata()
	if !strings.HasPrefix(meta.CreatedBy, "engine version ") {
		t.Errorf("created by %q, want engine version …", meta.CreatedBy)
	}
	var got []string
	for _, e := range meta.Schema[1:] {
		logical := ""
		if e.LogicalType.Value != nil {
			logical = fmt.Sprint(e.LogicalType.Value)
		}
		got = append(got, fmt.Sprintf("%s %v %s", e.Name, e.RepetitionType.V, logical))
	}
	want := []string{
		"z OPTIONAL TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)", "a REQUIRED STRING",
		"m OPTIONAL TIME(isAdjustedToUTC=false,unit=MICROS)", "d OPTIONAL DATE", "u OPTIONAL INT(64,false)",
		"j OPTIONAL STRING", "p OPTIONAL DECIMAL(9,2)",
		"l OPTIONAL LIST", "list REPEATED ", "element OPTIONAL STRING",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowsThatTheFileCannotHoldAreRefused(t *testing.T) {
	tests := []struct{ columns, rows, want string }{
		{"a:int64!", `[{"a": 1}, {"a": null}]`, "a: want a value in every row, got 1 nulls"},
		{"a:decimal(5,2)", `[{"a": "1.5"}, {"a": "12345.50"}]`, "a: want a decimal(5,2), got 12345.50"},
		{"a:list(decimal(5,2))", `[{"a": ["12345.50"]}]`, "a: want a decimal(5,2), got 12345.50"},
	}
	for _, tt := range tests {
		schema := schemaOf(t, tt.columns)
		loose := schemaOf(t, strings.NewReplacer("!", "", "5,2", "20,2").Replace(tt.columns))
		rows := rowsOf(t, loose, tt.rows)
		columns := make([]arrow.Array, rows.NumCols())
		for i, c := range rows.Columns() {
			columns[i] = array.MakeFromData(retyped(c.Data(), schema.Arrow().Field(i).Type))
		}
		w, err := newWriter(io.Discard, schema.Arrow(), plainOptions)
		if err != nil {
			t.Fatal(err)
		}
		// not through a batch, which would refuse the null itself
		if err := w.columns[0].check(columns[0]); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// retyped is the data as that of another type with the same layout.
func retyped(d arrow.ArrayData, to arrow.DataType) arrow.ArrayData {
	var children []arrow.ArrayData
	for _, c := range d.Children() {
		children = append(children, retyped(c, to.(*arrow.ListType).Elem()))
	}
	return array.NewData(to, d.Len(), d.Buffers(), children, d.NullN(), d.Offset())
}

func TestManyOpenFilesShareTheirBudget(t *testing.T) {
	batches := tickets(t, 8, 4096)
	o := plainOptions
	const openBytes = 256 << 20
	o.budget = &memoryBudget{files: 1 << 12, bytes: openBytes}
	o.budget.used.Store(openBytes) // by others
	data := written(t, o, batches[0].Schema(), batches...)
	if n := len(opened(t, data).RowGroups()); n < 2 {
		t.Errorf("got %d row groups, want early ends", n)
	}
	if left := o.budget.used.Load(); left != openBytes {
		t.Errorf("after Close %d bytes are still taken", left-openBytes)
	}
}

func TestAFileWithoutRowsHasItsColumns(t *testing.T) {
	schema := schemaOf(t, everyType)
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow())), schema, 0)
	if len(got) != 0 {
		t.Errorf("got %d batches, want none", len(got))
	}
}

func TestTimestampsBeforeTheEpochKeepTheirMicroseconds(t *testing.T) {
	schema := schemaOf(t, "at:timestamp")
	at := time.Date(1899, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
	got, _ := readAll(t, onDisk(t, written(t, plainOptions, schema.Arrow(), b.NewRecordBatch())), schema, 0)
	if v := time.UnixMicro(int64(got[0].Column(0).(*array.Timestamp).Value(0))).UTC(); !v.Equal(at) {
		t.Errorf("got %s, want %s", v, at)
	}
}
