package jsonrows_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// batch is rows of one column.
func batch(name string, column arrow.Array) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: column.DataType(), Nullable: true}}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{column}, int64(column.Len()))
}

func TestTextIsEscaped(t *testing.T) {
	all := make([]rune, 0, 300)
	for r := range rune(300) {
		all = append(all, r)
	}
	texts := []string{"", "plain text of some length", `"`, `\`, "\x00\x1f\x7f", "a\tb\nc\rd", "é’😀\u2028", "</script>",
		string(all), "0123456\"", "01234567\"", "\xff", "ok\xe2\x82 cut", "é\xff\"\n"}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues(texts, nil)
	e := jsonrows.NewEncoder(batch("tex\"t", b.NewArray()))
	for row, want := range texts {
		line := e.Append(nil, row)
		var got map[string]string
		if err := json.Unmarshal(line, &got); err != nil {
			t.Errorf("%q: %v in %s", want, err, line)
			continue
		}
		if got, want := got[`tex"t`], string([]rune(want)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNumbersThatJSONLacksAreNull(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -0.5}, nil)
	want := []string{`{"f":null}`, `{"f":null}`, `{"f":null}`, `{"f":1e+300}`, `{"f":-0.5}`}
	if got := encoded(batch("f", b.NewArray())); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	f := array.NewFloat32Builder(memory.DefaultAllocator)
	f.AppendValues([]float32{float32(math.NaN()), 0.1}, nil)
	if got := encoded(batch("f", f.NewArray())); !slices.Equal(got, []string{`{"f":null}`, `{"f":0.1}`}) {
		t.Errorf("got %s", got)
	}
}

func TestListsAndStructsAreNested(t *testing.T) {
	kind := arrow.ListOf(arrow.StructOf(arrow.Field{Name: "at", Type: sdk.Timestamp, Nullable: true},
		arrow.Field{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}))
	b := array.NewListBuilder(memory.DefaultAllocator, kind.Elem())
	items := b.ValueBuilder().(*array.StructBuilder)
	b.Append(true)
	items.Append(true)
	items.FieldBuilder(0).(*array.TimestampBuilder).Append(1)
	items.FieldBuilder(1).(*array.StringBuilder).Append(`"`)
	items.AppendNull()
	b.AppendNull()
	b.Append(true)
	want := []string{`{"l":[{"at":"1970-01-01T00:00:00.000001Z","s":"\""},null]}`, `{"l":null}`, `{"l":[]}`}
	rows := batch("l", b.NewArray())
	if got := encoded(rows); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := encoded(rows.NewSlice(1, 3)); !slices.Equal(got, want[1:]) {
		t.Errorf("sliced: got %s, want %s", got, want[1:])
	}
}

func TestRareTypesAreWritten(t *testing.T) {
	numbers := array.NewInt8Builder(memory.DefaultAllocator)
	numbers.AppendValues([]int8{-7}, nil)
	if got := encoded(batch("v", numbers.NewArray())); !slices.Equal(got, []string{`{"v":-7}`}) {
		t.Errorf("int8: got %s", got)
	}
	texts := array.NewLargeStringBuilder(memory.DefaultAllocator)
	texts.AppendValues([]string{`"`}, nil)
	if got := encoded(batch("v", texts.NewArray())); !slices.Equal(got, []string{`{"v":"\""}`}) {
		t.Errorf("large string: got %s", got)
	}
}

func TestSliceIsWrittenAsItsRows(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("s: string", "n: int64", "b: bool", "t: timestamp", "j: json", "raw: bytes"))
	lines := []string{`{"s":"one","n":1,"b":true,"t":"2026-01-01T00:00:00Z","j":[1],"raw":"AAE="}`,
		`{"s":null,"n":null,"b":null,"t":null,"j":null,"raw":null}`,
		`{"s":"","n":-3,"b":false,"t":"1969-12-31T23:59:59.500Z","j":"x","raw":""}`}
	for _, line := range lines {
		if err := d.Append([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	rows := d.NewRecordBatch()
	for from := range len(lines) + 1 {
		for to := from; to <= len(lines); to++ {
			if got := encoded(rows.NewSlice(int64(from), int64(to))); !slices.Equal(got, lines[from:to]) {
				t.Errorf("%d to %d: got %s", from, to, got)
			}
		}
	}
	if got := encoded(sdk.EmptyRows(rows.Schema())); len(got) > 0 {
		t.Errorf("no rows: got %s", got)
	}
}

func TestRowOfNoColumnsIsAnEmptyObject(t *testing.T) {
	rows := array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 2)
	if got := encoded(rows); !slices.Equal(got, []string{"{}", "{}"}) {
		t.Errorf("got %s", got)
	}
}
