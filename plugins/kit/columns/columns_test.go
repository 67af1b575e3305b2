package columns_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// types are all that a Builder builds, with a value of each.
var types = []struct{ kind, text string }{
	{"string", "é\n"}, {"json", `{"a":1}`}, {"bytes", "AAE="}, {"int32", "-2147483648"},
	{"int64", "9223372036854775807"}, {"uint64", "18446744073709551615"}, {"float32", "0.1"},
	{"float64", "-1.5e-300"}, {"bool", "true"}, {"timestamp", "2026-01-01T00:00:00.000001Z"},
	{"date", "1969-12-31"}, {"time", "23:59:59.500"}, {"decimal(38,2)",
		"-999999999999999999999999999999999999.99"},
}

func everyType() sdk.Schema {
	var schema sdk.Schema
	for _, t := range types {
		schema = append(schema, sdk.Entry[sdk.Column]{Key: t.kind, Value: sdk.Column{Type: t.kind}})
	}
	return schema
}

func text(rows arrow.RecordBatch) (lines []string) {
	for row := range int(rows.NumRows()) {
		var cells []string
		for i, f := range rows.Schema().Fields() {
			v := columns.NewView(f, rows.Column(i))
			if v.IsNull(row) {
				cells = append(cells, "null")
				continue
			}
			cells = append(cells, string(v.Append(nil, row)))
		}
		lines = append(lines, strings.Join(cells, "|"))
	}
	return lines
}

// build makes rows: v is a value, n a null, - nothing set, a a row that is dropped.
func build(t testing.TB, b *columns.Builder, rows string) arrow.RecordBatch {
	t.Helper()
	for _, mark := range rows {
		for i := range b.Columns() {
			c := &b.Columns()[i]
			switch mark {
			case 'v', 'a':
				if !c.SetText([]byte(types[i].text)) {
					t.Fatalf("%s does not take %s", c.Name, types[i].text)
				}
			case 'n':
				c.SetNull()
			}
		}
		if mark == 'a' {
			b.Abort()
		} else if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecordBatch()
}

func TestEveryTypeIsBuiltAndViewed(t *testing.T) {
	value, null := "", strings.TrimSuffix(strings.Repeat("null|", len(types)), "|")
	for i, typ := range types {
		if i > 0 {
			value += "|"
		}
		value += typ.text
	}
	b := columns.NewBuilder(everyType())
	for _, marks := range []string{"v", "nv-a", "vvvvvvvvvnvvvvvvvv", "-------------------------", "", "van"} {
		rows := build(t, b, marks)
		var want []string
		for _, mark := range strings.ReplaceAll(marks, "a", "") {
			want = append(want, map[rune]string{'v': value, 'n': null, '-': null}[mark])
		}
		if got := text(rows); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", marks, got, want)
		}
		for from := range len(want) {
			slice := rows.NewSlice(int64(from), rows.NumRows())
			if got := text(slice); !slices.Equal(got, want[from:]) {
				t.Errorf("%s from %d: got %q, want %q", marks, from, got, want[from:])
			}
		}
		validate(t, rows)
	}
}

// validate lets Arrow validate its arrays.
func validate(t testing.TB, rows arrow.RecordBatch) {
	t.Helper()
	for i, column := range rows.Columns() {
		if column.Len() != int(rows.NumRows()) {
			t.Errorf("column %d: %d rows of %d", i, column.Len(), rows.NumRows())
		}
		nulls := 0
		for row := range column.Len() {
			if column.IsNull(row) {
				nulls++
			}
		}
		if nulls != column.NullN() {
			t.Errorf("column %d: says %d nulls, has %d", i, column.NullN(), nulls)
		}
		if v, ok := column.(interface{ ValidateFull() error }); ok {
			if err := v.ValidateFull(); err != nil {
				t.Errorf("column %d: %v", i, err)
			}
		}
	}
}

func TestLastSetWins(t *testing.T) {
	b := columns.NewBuilder(sdk.Schema{{Key: "a", Value: sdk.Column{Type: "string"}}})
	c := &b.Columns()[0]
	for _, set := range []func(){
		func() { c.SetBytes([]byte("long text")); c.SetBytes([]byte("x")) },
		func() { c.SetBytes([]byte("x")); c.SetNull() },
		func() { c.SetBad("it"); c.SetBytes([]byte("y")) },
	} {
		set()
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if got := text(b.NewRecordBatch()); !slices.Equal(got, []string{"x", "null", "y"}) {
		t.Errorf("got %q", got)
	}
}

func TestCommitSaysWhyARowIsRefused(t *testing.T) {
	b := columns.NewBuilder(sdk.Schema{{Key: "a", Value: sdk.Column{Type: "int32"}},
		{Key: "j", Value: sdk.Column{Type: "json", Required: true}}})
	a, j := &b.Columns()[0], &b.Columns()[1]
	tests := []struct {
		set  func()
		want string
	}{
		{func() { a.SetBad("x"); j.SetBytes([]byte("1")) }, "a: want an int32, got x"},
		{func() { a.SetText([]byte("1")) }, "j: want json, got nothing"},
		{func() { a.SetNull(); j.SetNull() }, "j: want json, got null"},
	}
	for _, tt := range tests {
		tt.set()
		if err := b.Commit(); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	if b.Rows() != 0 {
		t.Errorf("%d rows after errors", b.Rows())
	}
	j.SetBytes([]byte("1"))
	if err := b.Commit(); err != nil { // nothing of the refused rows is left
		t.Error(err)
	}
	if got := text(b.NewRecordBatch()); !slices.Equal(got, []string{"null|1"}) {
		t.Errorf("got %q", got)
	}
}

func TestBytesGrowWithTheRows(t *testing.T) {
	b := columns.NewBuilder(everyType())
	last := b.Bytes()
	for range 3 {
		for i := range b.Columns() {
			b.Columns()[i].SetText([]byte(types[i].text))
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		if b.Bytes() < last+60 || b.Bytes() > last+120 {
			t.Errorf("a row took %d bytes", b.Bytes()-last)
		}
		last = b.Bytes()
	}
	if b.NewRecordBatch(); b.Bytes() != 0 || b.Rows() != 0 {
		t.Errorf("after Take: %d rows, %d bytes", b.Rows(), b.Bytes())
	}
}

func TestOtherUnitsOfTimestampsAreConverted(t *testing.T) {
	for unit, want := range map[arrow.TimeUnit]string{arrow.Second: "1969-12-31T23:59:59Z",
		arrow.Millisecond: "1969-12-31T23:59:59.999Z", arrow.Nanosecond: "1969-12-31T23:59:59.999999Z"} {
		kind := &arrow.TimestampType{Unit: unit, TimeZone: "UTC"}
		b := array.NewTimestampBuilder(memory.DefaultAllocator, kind)
		b.Append(-1)
		v := columns.NewView(arrow.Field{Name: "t", Type: kind}, b.NewArray())
		if got := string(v.Append(nil, 0)); got != want {
			t.Errorf("%v: got %s, want %s", unit, got, want)
		}
	}
}

func TestFloatsAreShort(t *testing.T) {
	for f, want := range map[float64]string{0.1: "0.1", 1e20: "100000000000000000000", 1e21: "1e+21",
		1e-6: "0.000001",
		1e-7: "1e-07", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
		math.MaxFloat64: "1.7976931348623157e+308"} {
		b := columns.NewBuilder(sdk.Schema{{Key: "f", Value: sdk.Column{Type: "float64"}}})
		b.Columns()[0].SetFloat(f)
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		rows := b.NewRecordBatch()
		if got := text(rows)[0]; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		v := columns.NewView(rows.Schema().Field(0), rows.Column(0))
		if v.IsFinite(0) == math.IsInf(f, 0) {
			t.Errorf("%s: got finite %v", want, v.IsFinite(0))
		}
	}
}

func TestQuotedIsBounded(t *testing.T) {
	for text, want := range map[string]string{"": `""`, "é\n": `"é\n"`, strings.Repeat("é", 61): `"` +
		strings.Repeat("é", 60) + `"…`, "\xff": `"\xff"`} {
		if got := columns.Quoted([]byte(text)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := columns.Quoted(make([]byte, 1<<20)); len(got) > 300 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestSchemaThatCannotBeBuiltIsNamed(t *testing.T) {
	schema := sdk.Schema{{Key: "a", Value: sdk.Column{Type: "string"}}, {Key: "b",
		Value: sdk.Column{Type: "list(json)"}}}
	if err := columns.Check(schema); err == nil || !strings.HasPrefix(err.Error(), "schema.b: a list(json)") {
		t.Errorf("got %v", err)
	}
	if err := columns.Check(everyType()); err != nil {
		t.Error(err)
	}
	if err := columns.Check(sdk.Schema{{Key: "a", Value: sdk.Column{Type: "sting"}}}); err == nil {
		t.Error(fmt.Errorf("a type that does not exist: got no error"))
	}
}
