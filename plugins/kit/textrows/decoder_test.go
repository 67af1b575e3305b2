package textrows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// schemaOf makes a schema from "name: type" lines; "!" behind a type: required.
func schemaOf(lines ...string) sdk.Schema {
	var schema sdk.Schema
	for _, line := range lines {
		name, kind, _ := strings.Cut(line, ": ")
		kind, required := strings.CutSuffix(kind, "!")
		kind, format, _ := strings.Cut(kind, " ")
		schema = append(schema, sdk.Entry[sdk.Column]{Key: name,
			Value: sdk.Column{Type: kind, Format: format, Required: required}})
	}
	return schema
}

// asJSON is a batch as JSON lines, in which null is not "".
func asJSON(rows arrow.RecordBatch) []string {
	e := jsonrows.NewEncoder(rows)
	var lines []string
	for row := range int(rows.NumRows()) {
		lines = append(lines, string(e.Append(nil, row)))
	}
	return lines
}

func TestCellsBecomeValues(t *testing.T) {
	tests := []struct{ name, column, cell, want string }{
		{"text", "string", `a b`, `"a b"`},
		{"quoted", "string", `"a,""b""` + "\r\n" + `c"`, `"a,\"b\"\r\nc"`},
		{"only quotes", "string", `""""`, `"\""`},
		{"carriage return inside", "string", "\"a\rb\"", `"a\rb"`},
		{"empty is null", "string", ``, `null`},
		{"quoted empty is empty", "string", `""`, `""`},
		{"quoted empty number is null", "int64", `""`, `null`},
		{"quoted empty bytes", "bytes", `""`, `""`},
		{"int32", "int32", `-7`, `-7`},
		{"int64", "int64", `9223372036854775807`, `9223372036854775807`},
		{"uint64", "uint64", `18446744073709551615`, `18446744073709551615`},
		{"float", "float64", `1e3`, `1000`},
		{"float NaN, which JSON lacks", "float64", `NaN`, `null`},
		{"bool", "bool", `True`, `true`},
		{"bool as digit", "bool", `0`, `false`},
		{"timestamp", "timestamp", `2026-01-01 00:00:00+01:00`, `"2025-12-31T23:00:00Z"`},
		{"unix timestamp", "timestamp unix_ms", `1`, `"1970-01-01T00:00:00.001Z"`},
		{"date", "date", `1969-12-31`, `"1969-12-31"`},
		{"time", "time", `00:00:00.000001`, `"00:00:00.000001"`},
		{"bytes", "bytes", `AAE=`, `"AAE="`},
		{"decimal", "decimal(5,2)", `1.5`, `1.50`},
		{"json", "json", `"{""a"":1}"`, `{"a":1}`},
		{"json null", "json", `null`, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, end := range []string{"", "\n", "\r\n"} {
				d := textrows.NewDecoder(schemaOf("v: "+tt.column, "w: string"), textrows.Options{})
				if err := d.Append([]byte(tt.cell + ",x" + end)); err != nil {
					t.Fatal(err)
				}
				if got, want := asJSON(d.NewRecordBatch())[0], `{"v":`+tt.want+`,"w":"x"}`; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestBadRecordsAreErrors(t *testing.T) {
	schema := schemaOf("a: string!", "n: int64", "j: json")
	tests := []struct{ record, want string }{
		{`x,1`, `want 3 cells, got 2`},
		{`x,1,,`, `want 3 cells, got 4`},
		{``, `want 3 cells, got 1`},
		{`x,one,`, `n: want an int64, got "one"`},
		{`x, 1,`, `n: want an int64, got " 1"`},
		{`x,0x1,`, `n: want an int64, got "0x1"`},
		{`,1,`, `a: want a string, got null`},
		{"\xff,1,", `a: want a string, got "\xff"` + columns.NotUTF8},
		{`x,1,{a}`, `j: want json, got "{a}"`},
		{`x"y,1,`, `want a cell with a quote in it in quotes, the quote doubled`},
		{`"x"y,1,`, `want a delimiter or the end of the line after a closing quote`},
		{"x\ry,1,", `want a carriage return (CR) at the end of a line once and before a line feed, or in a cell in quotes`},
		{"x,1,\r\r\n", `want a carriage return (CR) at the end of a line once and before a line feed, or in a cell in quotes`},
		{`"x,1,`, `a quote is opened and never closed`},
		{"x,1,\ny,2,", `want one line, got more`},
	}
	for _, tt := range tests {
		d := textrows.NewDecoder(schema, textrows.Options{})
		if err := d.Append([]byte(tt.record)); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.record, err, tt.want)
		}
		if d.Rows() != 0 {
			t.Errorf("%q: %d rows after an error", tt.record, d.Rows())
		}
	}
}

func TestTimesOfNoYearSayWhy(t *testing.T) {
	d := textrows.NewDecoder(schemaOf("at: timestamp unix_ms"), textrows.Options{})
	want := `at: want a timestamp (unix_ms), got "253402300800000", which is not in the years 1 to 9999`
	if err := d.Append([]byte("253402300800000")); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNextGoesOnAfterABadRecord(t *testing.T) {
	d := textrows.NewDecoder(schemaOf("a: string", "b: int64"), textrows.Options{})
	data := "x,1\n\"multi\nline\",bad\ny\"y,2\n\"z\"z,\"\n,z\"\n5\" pipe,\"l1\nl2,7\nl3\"\nz,3\r\n"
	var got []string
	for len(data) > 0 {
		n, err := d.Next([]byte(data), true)
		got = append(got, fmt.Sprintf("%q %d %v", data[:n], d.Breaks(), err))
		data = data[n:]
	}
	want := []string{`"x,1\n" 1 <nil>`, `"\"multi\nline\",bad\n" 2 b: want an int64, got "bad"`,
		`"y\"y,2\n" 1 want a cell with a quote in it in quotes, the quote doubled`,
		`"\"z\"z,\"\n,z\"\n" 2 want a delimiter or the end of the line after a closing quote`,
		`"5\" pipe,\"l1\nl2,7\nl3\"\n" 3 want a cell with a quote in it in quotes, the quote doubled`, `"z,3\r\n" 1 <nil>`}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if rows := asJSON(d.NewRecordBatch()); !slices.Equal(rows, []string{`{"a":"x","b":1}`, `{"a":"z","b":3}`}) {
		t.Errorf("got %s", rows)
	}
}

func TestUnclosedQuoteHasNoEnd(t *testing.T) {
	d := textrows.NewDecoder(schemaOf("a: string"), textrows.Options{})
	for _, final := range []bool{true, false} {
		n, err := d.Next([]byte("\"x\ny\nz"), final)
		want := textrows.ErrMore
		if final {
			want = textrows.ErrUnclosed
		}
		if n != 0 || !errors.Is(err, want) || !d.Open() {
			t.Errorf("final %v: got %d, %v, open %v", final, n, err, d.Open())
		}
	}
}

// every record must be read the same when it arrives byte by byte.
func TestRecordsMayArriveInPieces(t *testing.T) {
	schema := schemaOf("a: string", "b: string")
	for _, record := range []string{"x,y\n", "x,y\r\n", "\"x\"\"\r\n,\",\"\"\r\n", "\"\",\"\"\"\"\n", ",\n",
		"a\rb,\r\n", "bad\n", "b\"ad,\n", "\"b\"ad,\n"} {
		whole := textrows.NewDecoder(schema, textrows.Options{})
		wantN, wantErr := whole.Next([]byte(record+"next,record\n"), false)
		if wantN != len(record) {
			t.Fatalf("%q: got %d bytes (%v), want %d", record, wantN, wantErr, len(record))
		}
		for size := range len(record) {
			d := textrows.NewDecoder(schema, textrows.Options{})
			if n, err := d.Next([]byte(record[:size]), false); n != 0 || !errors.Is(err, textrows.ErrMore) {
				t.Errorf("%q: got %d, %v, want ErrMore", record[:size], n, err)
			}
			if n, err := d.Next([]byte(record), false); n != wantN || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%q: got %d, %v, want %d, %v", record, n, err, wantN, wantErr)
			}
			if n, err := d.Skip([]byte(record), false); n != wantN || err != nil {
				t.Errorf("skipping %q: got %d, %v, want %d", record, n, err, wantN)
			}
		}
	}
}

func TestHeaderOrdersTheCells(t *testing.T) {
	d := textrows.NewDecoder(schemaOf("a: string", "b: int64"), textrows.Options{})
	ignored, err := d.Header([]byte("x,\"b\",\"y\"\"\",a\r\n"))
	if err != nil || !slices.Equal(ignored, []string{"x", `y"`}) || d.Width() != 4 {
		t.Fatalf("got %q, %v, width %d", ignored, err, d.Width())
	}
	if err := d.Append([]byte("0,1,2,text")); err != nil {
		t.Fatal(err)
	}
	if got := asJSON(d.NewRecordBatch())[0]; got != `{"a":"text","b":1}` {
		t.Errorf("got %s", got)
	}
	if err := d.Append([]byte("1,text")); err == nil || err.Error() != "want 4 cells, got 2" {
		t.Errorf("got %v", err)
	}
}

func TestHeaderMustHaveTheColumns(t *testing.T) {
	tests := []struct{ header, want string }{
		{"a", `reading the header: want a column "client_id", got a; ` +
			`the header is one cell: is the delimiter right?`},
		{"a;client_id", `reading the header: want a column "a", got a;client_id; ` +
			`the header is one cell: is the delimiter right (delimiter: ";")?`},
		{"a,clientid", `reading the header: want a column "client_id", got a, clientid; is "clientid" meant?`},
		{"a,client_id,a", `reading the header: want each column once, got "a" twice`},
		{`a,cl"ient_id`, `reading the header: want a cell with a quote in it in quotes, the quote doubled`},
		{"a" + strings.Repeat(",x", 30), `reading the header: want a column "client_id", got a` +
			strings.Repeat(", x", 19) + ", …"},
		{"a,\x1b[31mred,\x00\xff,café", `reading the header: want a column "client_id", got a, "\x1b[31mred", ` +
			`"\x00\xff", café` + columns.NotUTF8},
		{"a," + strings.Repeat("n", 100), `reading the header: want a column "client_id", got a, "` +
			strings.Repeat("n", 60) + `"…`},
	}
	for _, tt := range tests {
		d := textrows.NewDecoder(schemaOf("a: string", "client_id: string"), textrows.Options{})
		if _, err := d.Header([]byte(tt.header)); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.header, err, tt.want)
		}
	}
}

func TestDelimiterAndNullAreOptions(t *testing.T) {
	o := textrows.Options{Delimiter: ';', Null: "NULL"}
	d := textrows.NewDecoder(schemaOf("a: string", "b: string", "c: string"), o)
	if err := d.Append([]byte(`NULL;"NULL";`)); err != nil {
		t.Fatal(err)
	}
	rows := d.NewRecordBatch()
	if got := asJSON(rows)[0]; got != `{"a":null,"b":"NULL","c":""}` {
		t.Errorf("got %s", got)
	}
	if got := string(textrows.NewEncoder(rows, o).Append(nil, 0)); got != "NULL;\"NULL\";\n" {
		t.Errorf("written back: %q", got)
	}
}

func TestDelimitersThatCannotBeAreRefused(t *testing.T) {
	for text, want := range map[string]byte{",": ',', "\t": '\t', `\t`: '\t', "|": '|', " ": ' '} {
		if got, err := textrows.ParseDelimiter(text); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "::", `"`, "\n", "\r", "é", "\x00"} {
		if _, err := textrows.ParseDelimiter(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
	for text, ok := range map[string]bool{"": true, "NULL": true, `\N`: true, `"`: false, "\n": false,
		"a,b": false} {
		if err := textrows.CheckNull(text, ','); (err == nil) != ok {
			t.Errorf("null_value %q: got %v", text, err)
		}
	}
}
