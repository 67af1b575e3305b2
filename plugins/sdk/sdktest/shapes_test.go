package sdktest

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// forgetOffset is what is at the beginning of the buffers, wherever the
// columns begin.
func forgetOffset(rows arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, rows.NumCols())
	for i, column := range rows.Columns() {
		d := column.Data()
		columns[i] = array.MakeFromData(array.NewData(d.DataType(), d.Len(), d.Buffers(), d.Children(),
			array.UnknownNullCount, 0))
	}
	return array.NewRecordBatch(rows.Schema(), columns, rows.NumRows())
}

// manyTypes has a column of each type that schemas know, with nulls.
func manyTypes(t *testing.T, rows int) arrow.RecordBatch {
	t.Helper()
	var columns sdk.Schema
	for _, name := range []string{"string", "int32", "int64", "uint64", "float32", "float64", "bool",
		"timestamp", "date", "time", "bytes", "json", "decimal(9,2)", "list(string)", "list(int64)"} {
		columns = append(columns, sdk.Entry[sdk.Column]{Key: name, Value: sdk.Column{Type: name}})
	}
	schema := columns.Arrow()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range rows {
		for c, f := range schema.Fields() {
			if (i+c)%3 == 0 {
				b.Field(c).AppendNull()
				continue
			}
			text := map[string]string{"string": "é", "json": "{}", "bool": "true", "date": "2026-01-02",
				"time": "10:11:12", "timestamp": "2026-01-02T03:04:05Z", "bytes": "AAEC", "decimal(9,2)": "1.25",
				"list(string)": `["a","b"]`, "list(int64)": "[1,2]"}[f.Name]
			if text == "" {
				text = "1"
			}
			if err := b.Field(c).AppendValueFromString(text); err != nil {
				t.Fatalf("column %s: %v", f.Name, err)
			}
		}
	}
	return b.NewRecordBatch()
}

func TestShapesHoldTheSameRows(t *testing.T) {
	for _, rows := range []int{0, 1, 2, 17} {
		b := &sdk.Batch{Rows: manyTypes(t, rows), Partition: "p", Cursor: []byte("c")}
		want := Text(b.Rows)
		for _, shape := range append(shapes(), shape{"plain", plain}) {
			var got []string
			for _, given := range shape.give(b) {
				if given.Partition != "p" || string(given.Cursor) != "c" {
					t.Errorf("%s: lost partition or cursor: %+v", shape.name, given)
				}
				wellFormed(t, given.Rows)
				got = append(got, Text(given.Rows)...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d rows, %s:\ngot  %q\nwant %q", rows, shape.name, got, want)
			}
		}
	}
}

func TestShapesAreWhatTheySay(t *testing.T) {
	b := &sdk.Batch{Rows: manyTypes(t, 10)}
	for _, shape := range shapes() {
		given := shape.give(b)
		first := given[0].Rows
		data := first.Column(2).Data() // an int64, null in the rows 1, 4, 7
		under := arrow.Int64Traits.CastFromBytes(data.Buffers()[1].Bytes())
		is := true
		switch shape.name {
		case "sliced":
			is = data.Offset()%8 != 0 && Text(forgetOffset(first))[0] != Text(first)[0]
		case "with values under its nulls":
			is = under[1] != 0 && first.Column(2).IsNull(1)
		case "with bitmaps of no nulls":
			whole := shape.give(&sdk.Batch{Rows: first.NewSlice(2, 4)})[0].Rows
			is = whole.Column(2).Data().Buffers()[0] != nil && whole.Column(2).NullN() == 0
		case "between empty batches":
			is = given[0].NumRows() == 0 && given[1].NumRows() == 10 && given[2].NumRows() == 0
		case "row by row":
			is = len(given) == 10 && given[9].Rows.Column(0).Data().Offset() == 9
		}
		if !is {
			t.Errorf("%s: it is not", shape.name)
		}
	}
}

func TestMangledRowsDiffer(t *testing.T) {
	rows := manyTypes(t, 10)
	before, text := sum(rows), Text(rows)
	copied := clone(rows)
	mangle(copied)
	if sum(rows) != before || !slices.Equal(Text(rows), text) {
		t.Error("mangling a copy changed the rows it was made of")
	}
	mangled := Text(copied.NewSlice(0, 10))
	for i := range text {
		if text[i] == mangled[i] {
			t.Errorf("row %d survived: %s", i, text[i])
		}
	}
	if sum(copied) == before {
		t.Error("the checksum did not see the change")
	}
}
