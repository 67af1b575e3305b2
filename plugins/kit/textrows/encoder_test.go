package textrows_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// rowsOf decodes JSON lines.
func rowsOf(t testing.TB, schema sdk.Schema, lines ...string) arrow.RecordBatch {
	t.Helper()
	d := jsonrows.NewDecoder(schema)
	for _, line := range lines {
		if err := d.Append([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	return d.NewRecordBatch()
}

func written(rows arrow.RecordBatch, o textrows.Options) string {
	dst := textrows.AppendHeader(nil, rows.Schema(), o)
	e := textrows.NewEncoder(rows, o)
	for row := range int(rows.NumRows()) {
		dst = e.Append(dst, row)
	}
	return string(dst)
}

func TestTextIsQuotedWhenItMustBe(t *testing.T) {
	tests := []struct {
		name, value, want string
		o                 textrows.Options
	}{
		{"plain", `"a b"`, "a b\n", textrows.Options{}},
		{"delimiter", `"a,b"`, "\"a,b\"\n", textrows.Options{}},
		{"other delimiter", `"a;b"`, "\"a;b\"\n", textrows.Options{Delimiter: ';'}},
		{"comma needs nothing there", `"a,b"`, "a,b\n", textrows.Options{Delimiter: ';'}},
		{"quotes are doubled", `"say \"hi\" to \"\" them"`, "\"say \"\"hi\"\" to \"\"\"\" them\"\n",
			textrows.Options{}},
		{"one quote", `"\""`, "\"\"\"\"\n", textrows.Options{}},
		{"newline", `"first line\nsecond"`, "\"first line\nsecond\"\n", textrows.Options{}},
		{"carriage return", `"first line\rsecond"`, "\"first line\rsecond\"\n", textrows.Options{}},
		{"line ends", `"x"`, "x\r\n", textrows.Options{CRLF: true}},
		{"null", `null`, "\n", textrows.Options{}},
		{"empty", `""`, "\"\"\n", textrows.Options{}},
		{"null by name", `null`, "NULL\n", textrows.Options{Null: "NULL"}},
		{"text like the null", `"NULL"`, "\"NULL\"\n", textrows.Options{Null: "NULL"}},
		{"empty is no null there", `""`, "\n", textrows.Options{Null: "NULL"}},
		{"formula", `"=1+1"`, "'=1+1\n", textrows.Options{EscapeFormulas: true}},
		{"formula in quotes", `"@SUM(a,b)"`, "\"'@SUM(a,b)\"\n", textrows.Options{EscapeFormulas: true}},
		{"formula left alone", `"=1+1"`, "=1+1\n", textrows.Options{}},
		{"empty is no formula", `""`, "\"\"\n", textrows.Options{EscapeFormulas: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := rowsOf(t, schemaOf("v: string"), `{"v":`+tt.value+`}`)
			if got := string(textrows.NewEncoder(rows, tt.o).Append(nil, 0)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMarksAreFoundAtEveryOffset(t *testing.T) {
	builder := array.NewStringBuilder(memory.DefaultAllocator)
	var want []string
	for length := 1; length < 40; length++ {
		for at := range length {
			for _, b := range []byte("\"\r\n;,\x00\x7f\x80\xac\xfe") { // some are marks but for a bit
				text := []byte(strings.Repeat("a", length))
				text[at] = b
				builder.Append(string(text))
				cell := string(text)
				if strings.IndexByte("\"\r\n;", b) >= 0 {
					cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
				}
				want = append(want, cell+"\n")
			}
		}
	}
	column := []arrow.Array{builder.NewArray()}
	rows := array.NewRecordBatch(schemaOf("v: string").Arrow(), column, int64(len(want)))
	e := textrows.NewEncoder(rows, textrows.Options{Delimiter: ';'})
	for row, line := range want {
		if got := string(e.Append(nil, row)); got != line {
			t.Errorf("got %q, want %q", got, line)
		}
	}
}

var everyType = schemaOf("s: string", "i: int32", "l: int64", "u: uint64", "f: float32", "d: float64",
	"b: bool",
	"t: timestamp", "day: date", "at: time", "raw: bytes", "j: json", "dec: decimal(30,4)")

const everyValue = `{"s":"é, \"x\"\n","i":-1,"l":9007199254740993,"u":18446744073709551615,` +
	`"f":0.1,"d":-1e-09,"b":true,"t":"2026-01-01T00:00:00.000001Z","day":"2026-01-01","at":"12:00:00",` +
	`"raw":"AAE=","j":{"a":[1,"b"]},"dec":-12345678901234567890123456.0001}`

const everyNull = `{"s":null,"i":null,"l":null,"u":null,"f":null,"d":null,"b":null,"t":null,` +
	`"day":null,"at":null,"raw":null,"j":null,"dec":null}`

func TestEveryTypeIsWrittenAndReadBack(t *testing.T) {
	lines := []string{everyNull, everyValue, everyNull, everyValue}
	rows := rowsOf(t, everyType, lines...)
	for _, o := range []textrows.Options{{}, {Null: "-"}, {Null: "1"}, {Delimiter: '.'}, {Delimiter: '0'},
		{CRLF: true}} {
		text := written(rows, o)
		d := textrows.NewDecoder(everyType, o)
		n, err := d.Skip([]byte(text), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Header([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		for text = text[n:]; text != ""; text = text[n:] {
			if n, err = d.Next([]byte(text), true); err != nil {
				t.Fatalf("%+v: %v in %s", o, err, text)
			}
		}
		if got := asJSON(d.NewRecordBatch()); !slices.Equal(got, lines) {
			t.Errorf("%+v: got %s, want %s", o, got, lines)
		}
	}
}

func TestSliceIsWrittenAsItsRows(t *testing.T) {
	rows := rowsOf(t, everyType, everyValue, everyNull, everyValue)
	whole := strings.TrimPrefix(written(rows.NewSlice(1, 2), textrows.Options{}), header(rows))
	if want := strings.Repeat(",", len(everyType)-1) + "\n"; whole != want {
		t.Errorf("got %q, want %q", whole, want)
	}
	last := written(rows.NewSlice(2, 3), textrows.Options{})
	if want := written(rowsOf(t, everyType, everyValue), textrows.Options{}); last != want {
		t.Errorf("got %q, want %q", last, want)
	}
	if got := written(rows.NewSlice(1, 1), textrows.Options{}); got != header(rows) {
		t.Errorf("empty: got %q, want the header alone", got)
	}
	if got := written(sdk.EmptyRows(everyType.Arrow()), textrows.Options{}); got != header(rows) {
		t.Errorf("no rows at all: got %q, want the header alone", got)
	}
}

func header(rows arrow.RecordBatch) string {
	return string(textrows.AppendHeader(nil, rows.Schema(), textrows.Options{}))
}

func TestHeaderIsQuotedLikeText(t *testing.T) {
	schema := schemaOf(`a,"b"`+": string", "=c: string").Arrow()
	got := string(textrows.AppendHeader(nil, schema, textrows.Options{EscapeFormulas: true}))
	if want := "\"a,\"\"b\"\"\",'=c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherReadersUnderstandWhatIsWritten(t *testing.T) {
	text := written(rowsOf(t, everyType, everyValue), textrows.Options{})
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"é, \"x\"\n", "-1", "9007199254740993", "18446744073709551615", "0.1", "-1e-09", "true",
		"2026-01-01T00:00:00.000001Z", "2026-01-01", "12:00:00", "AAE=", `{"a":[1,"b"]}`,
		"-12345678901234567890123456.0001"}
	if len(records) != 2 || !slices.Equal(records[1], want) {
		t.Errorf("got %q, want %q", records, want)
	}
}

func TestListsAreWrittenAsJSON(t *testing.T) {
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String)
	b.Append(true)
	b.ValueBuilder().(*array.StringBuilder).AppendValues([]string{"a", "b,c"}, nil)
	b.AppendNull()
	column := b.NewArray()
	schema := arrow.NewSchema([]arrow.Field{{Name: "tags", Type: column.DataType(), Nullable: true}}, nil)
	rows := array.NewRecordBatch(schema, []arrow.Array{column}, 2)
	if got, want := written(rows, textrows.Options{}), "tags\n\"[\"\"a\"\",\"\"b,c\"\"]\"\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
