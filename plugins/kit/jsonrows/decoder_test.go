package jsonrows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
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

// encoded is a batch as JSON lines.
func encoded(rows arrow.RecordBatch) []string {
	e := jsonrows.NewEncoder(rows)
	var lines []string
	for row := range int(rows.NumRows()) {
		lines = append(lines, string(e.Append(nil, row)))
	}
	return lines
}

func TestValuesAreCoerced(t *testing.T) {
	tests := []struct{ name, column, json, want string }{
		{"string", "string", `"é\n\"\u00e9\ud83d\ude00\/"`, `"é\n\"é😀/"`},
		{"number to string keeps its text", "string", `1.50e+3`, `"1.50e+3"`},
		{"bool to string", "string", `true`, `"true"`},
		{"null", "string", `null`, `null`},
		{"int32", "int32", `-2147483648`, `-2147483648`},
		{"int64", "int64", `-9223372036854775808`, `-9223372036854775808`},
		{"uint64", "uint64", `18446744073709551615`, `18446744073709551615`},
		{"float", "float64", `0.1`, `0.1`},
		{"integer to float", "float64", `12`, `12`},
		{"float32", "float32", `0.1`, `0.1`},
		{"bool", "bool", `false`, `false`},
		{"timestamp", "timestamp", `"2026-02-28T23:59:59.25+02:00"`, `"2026-02-28T21:59:59.250Z"`},
		{"timestamp cut to microseconds", "timestamp", `"1969-12-31T23:59:59.999999999Z"`,
			`"1969-12-31T23:59:59.999999Z"`},
		{"unix seconds with fraction", "timestamp unix_s", `-1.5`, `"1969-12-31T23:59:58.500Z"`},
		{"unix milliseconds", "timestamp unix_ms", `1767225600123`, `"2026-01-01T00:00:00.123Z"`},
		{"unix microseconds", "timestamp unix_us", `1`, `"1970-01-01T00:00:00.000001Z"`},
		{"date", "date", `"2024-02-29"`, `"2024-02-29"`},
		{"time", "time", `"23:59:59.5"`, `"23:59:59.500"`},
		{"bytes", "bytes", `"AAEC/w=="`, `"AAEC/w=="`},
		{"decimal", "decimal(10,2)", `-0.5`, `-0.50`},
		{"decimal as string", "decimal(38,10)", `"1234567890123456789012345678.0123456789"`,
			`1234567890123456789012345678.0123456789`},
		{"json object keeps its text", "json", `{"b":[1, 2.50],"a":"\u00e9"}`, `{"b":[1, 2.50],"a":"\u00e9"}`},
		{"json scalar", "json", `"x"`, `"x"`},
		{"json on one line", "json", "[1,\r\n2]", "[1,  2]"},
		{"json null is null", "json", `null`, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := jsonrows.NewDecoder(schemaOf("v: " + tt.column))
			for range 2 { // the second time by prediction
				if err := d.Append([]byte(`{"v":` + tt.json + `}`)); err != nil {
					t.Fatal(err)
				}
			}
			want := `{"v":` + tt.want + `}`
			if got := encoded(d.NewRecordBatch()); !slices.Equal(got, []string{want, want}) {
				t.Errorf("got %s, want two of %s", got, want)
			}
		})
	}
}

func TestOtherValuesAreErrors(t *testing.T) {
	tests := []struct{ column, json, want string }{
		{"timestamp", `"x"`, `v: want a timestamp such as 2026-01-31T09:30:00Z, got "x"`},
		{"timestamp", `1767225600`, `v: want a timestamp such as 2026-01-31T09:30:00Z, got 1767225600; ` +
			`give the column format: unix_s`},
		{"timestamp", `"2026-02-29T00:00:00Z"`, `v: want a timestamp such as 2026-01-31T09:30:00Z, got "2026-02-29T00:00:00Z"`},
		{"timestamp", `"2026-02-28T00:00:00"`, `v: want a timestamp such as 2026-01-31T09:30:00Z, got "2026-02-28T00:00:00"; ` +
			`give the column format: '%Y-%m-%dT%H:%M:%S'`},
		{"timestamp unix_s", `"1700000000"`,
			`v: want a timestamp (unix_s), got the text "1700000000", not a number`},
		{"timestamp unix_s", `1e300`, `v: want a timestamp (unix_s), got 1e300`},
		{"timestamp unix_s", `9223372036854775807`,
			`v: want a timestamp (unix_s), got 9223372036854775807, which is not in the years 1 to 9999`},
		{"timestamp", `"9999-12-31T23:30:00-01:00"`, `v: want a timestamp such as 2026-01-31T09:30:00Z, ` +
			`got "9999-12-31T23:30:00-01:00", which is not in the years 1 to 9999`},
		{"int32", `2147483648`, `v: want an int32, got 2147483648`},
		{"int64", `9223372036854775808`, `v: want an int64, got 9223372036854775808`},
		{"int64", `1.5`, `v: want an int64, got 1.5`},
		{"int64", `"1"`, `v: want an int64, got "1"`},
		{"uint64", `-1`, `v: want a uint64, got -1`},
		{"float64", `1e999`, `v: want a float64, got 1e999`},
		{"float64", `"NaN"`, `v: want a float64, got "NaN"`},
		{"float32", `1e39`, `v: want a float32, got 1e39`},
		{"bool", `1`, `v: want a bool, got 1`},
		{"bool", `"true"`, `v: want a bool, got "true"`},
		{"int64", `true`, `v: want an int64, got true`},
		{"date", `"2026-13-01"`, `v: want a date, got "2026-13-01"`},
		{"date", `20260101`, `v: want a date, got 20260101`},
		{"time", `"24:00:00"`, `v: want a time, got "24:00:00"`},
		{"bytes", `"%"`, `v: want bytes, got "%"`},
		{"decimal(4,2)", `123.45`, `v: want a decimal(4,2), got 123.45`},
		{"decimal(4,2)", `1.234`, `v: want a decimal(4,2), got 1.234`},
		{"string", `{"a":1}`, `v: want a string, got an object`},
		{"string", `[1]`, `v: want a string, got an array`},
		{"string", `"\ud800x"`, `v: want a string, got half of a surrogate pair in "\\ud800x"`},
		{"string", "\"\xff\"", `v: want a string, got "\xff"` + columns.NotUTF8},
		{"json", "\"\xff\"", `v: want json, got a text` + columns.NotUTF8},
		{"string!", `null`, `v: want a string, got null`},
		{"timestamp", `"` + strings.Repeat("é", 100) + `"`,
			`v: want a timestamp such as 2026-01-31T09:30:00Z, got "` + strings.Repeat("é", 60) + `"…`},
	}
	for _, tt := range tests {
		d := jsonrows.NewDecoder(schemaOf("v: " + tt.column))
		for range 2 {
			err := d.Append([]byte(`{"v":` + tt.json + `}`))
			if err == nil || err.Error() != tt.want {
				t.Errorf("%s into %s:\n got %v\nwant %s", tt.json, tt.column, err, tt.want)
			}
		}
		if d.Rows() != 0 {
			t.Errorf("%s into %s: %d rows after an error", tt.json, tt.column, d.Rows())
		}
	}
}

func TestWhatIsNotAnObjectIsAnError(t *testing.T) {
	tests := []struct{ json, want string }{
		{``, `want a JSON object, got nothing`},
		{` `, `want a JSON object, got nothing`},
		{`[1]`, `want a JSON object, got an array`},
		{`"x"`, `want a JSON object, got "\"x\""`},
		{`ticket_id,client_id`, `want a JSON object, got "ticket_id,client_id"`},
		{`{"a":1}{`, `not JSON: want nothing after the object, got '{' at byte 8`},
		{`{"a":1`, `not JSON: want a comma or }, got the end of the text`},
		{`{"a" 1}`, `not JSON: want a colon, got '1' at byte 6`},
		{`{"a":1,}`, `not JSON: want a key in quotes, got '}' at byte 8`},
		{`{,"a":1}`, `not JSON: want a key in quotes, got ',' at byte 2`},
		{`{"a":}`, `not JSON: want a value, got '}' at byte 6`},
		{`{"a":`, `not JSON: want a value, got the end of the text`},
		{`{"a": `, `not JSON: want a value, got the end of the text`},
		{`{"a":01}`, `not JSON: want no digit after a leading zero, got '1' at byte 7`},
		{`{"a":1.}`, `not JSON: want a digit, got '}' at byte 8`},
		{`{"a":-}`, `not JSON: want a digit, got '}' at byte 7`},
		{`{"a":1e}`, `not JSON: want a digit, got '}' at byte 8`},
		{`{"a":nul}`, `not JSON: want a value, got 'n' at byte 6`},
		{`{"a":"x`, `not JSON: want a quote that ends the string, got the end of the text`},
		{`{"a":"x\`, `not JSON: want a quote that ends the string, got the end of the text`},
		{`{"a":"\x"}`, `not JSON: want an escape that JSON has, got 'x' at byte 8`},
		{`{"a":"\u12g4"}`, `not JSON: want four hexadecimal digits, got '1' at byte 9`},
		{"{\"a\":\"\n\"}", `not JSON: want an escape such as \n, got '\n' at byte 7`},
		{`{"z":[1,{"a":2]}`, `not JSON: want a comma or }, got ']' at byte 15`},
		{`{"z":"\q"}`, `not JSON: want an escape that JSON has, got 'q' at byte 8`},
	}
	for _, tt := range tests {
		d := jsonrows.NewDecoder(schemaOf("a: string"))
		if err := d.Append([]byte(`{"a":"before"}`)); err != nil {
			t.Fatal(err)
		}
		if err := d.Append([]byte(tt.json)); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.json, err, tt.want)
		}
		if got := encoded(d.NewRecordBatch()); !slices.Equal(got, []string{`{"a":"before"}`}) {
			t.Errorf("%s: left %s", tt.json, got)
		}
	}
}

func TestMissingKeyIsNull(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: string", "b: int64", "c: bool", "d: decimal(5,0)", "e: date"))
	for _, object := range []string{`{"a":"x","b":1,"c":true,"d":5,"e":"2026-01-01"}`, `{}`, ` { "b" : 2 } `} {
		if err := d.Append([]byte(object)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`{"a":"x","b":1,"c":true,"d":5,"e":"2026-01-01"}`,
		`{"a":null,"b":null,"c":null,"d":null,"e":null}`, `{"a":null,"b":2,"c":null,"d":null,"e":null}`}
	if got := encoded(d.NewRecordBatch()); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRequiredKeyMustBeThere(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: string", "at: timestamp!"))
	err := d.Append([]byte(`{"a":"x"}`))
	if want := "at: want a timestamp such as 2026-01-31T09:30:00Z, got nothing"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLastOfEqualKeysWins(t *testing.T) {
	tests := []struct{ json, want string }{
		{`{"a":"long text","a":"b"}`, `{"a":"b","n":null}`},
		{`{"a":"x","a":null}`, `{"a":null,"n":null}`},
		{`{"a":null,"a":"x"}`, `{"a":"x","n":null}`},
		{`{"n":"bad","n":1}`, `{"a":null,"n":1}`},
		{`{"\u0061":"x","a":"y","\u0061":"z"}`, `{"a":"z","n":null}`},
	}
	for _, tt := range tests {
		d := jsonrows.NewDecoder(schemaOf("a: string", "n: int64"))
		if err := d.Append([]byte(tt.json)); err != nil {
			t.Errorf("%s: %v", tt.json, err)
			continue
		}
		if got := encoded(d.NewRecordBatch()); got[0] != tt.want {
			t.Errorf("%s: got %s, want %s", tt.json, got[0], tt.want)
		}
	}
	d := jsonrows.NewDecoder(schemaOf("a: string", "n: int64"))
	if err := d.Append([]byte(`{"n":1,"n":"bad"}`)); err == nil {
		t.Error("the last of equal keys is bad: got no error")
	}
}

func TestUnknownKeysAreCounted(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: int64"))
	objects := []string{`{"x":1,"a":1,"y":{"deep":["}"]}}`, `{"x":"\ud800","a":2}`, `{"\ud800":0,"a":3}`}
	for _, object := range objects {
		if err := d.Append([]byte(object)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Append([]byte(`{"x":1,"a":"refused"}`)); err == nil {
		t.Fatal("got no error")
	}
	if d.UnknownKeys() != 4 {
		t.Errorf("got %d unknown keys, want 4: those of refused rows do not count", d.UnknownKeys())
	}
}

func TestObjectsOfDifferentShapesFollowEachOther(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: string", "b: int64"))
	objects := []string{`{"a":"1","b":1}`, `{"b":2,"a":"2"}`, `{"a":"3"}`, `{"a":"4", "b":4}`,
		`{"ab":0,"a":"5","b":5}`, `{"a": "6","b": 6}`, `{"a":"7","b":7,"c":7}`, `{"a":"8","b":8}`}
	var want []string
	for i, object := range objects {
		if err := d.Append([]byte(object)); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf(`{"a":"%d","b":%d}`, i+1, i+1))
	}
	want[2] = `{"a":"3","b":null}`
	if got := encoded(d.NewRecordBatch()); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeysWithoutEndAreNotRemembered(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: int64"))
	var object strings.Builder
	object.WriteString("{")
	for i := range 3000 {
		fmt.Fprintf(&object, "%q:0,", strings.Repeat("k", i%400)+fmt.Sprint(i))
	}
	object.WriteString(`"a":1}`)
	for range 2 {
		if err := d.Append([]byte(object.String())); err != nil {
			t.Fatal(err)
		}
	}
	if got := encoded(d.NewRecordBatch()); !slices.Equal(got, []string{`{"a":1}`, `{"a":1}`}) {
		t.Errorf("got %s", got)
	}
}

func TestNewRecordBatchStartsAnew(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: string", "b: bool"))
	if err := d.Append([]byte(`{"a":"x","b":true}`)); err != nil {
		t.Fatal(err)
	}
	first := d.NewRecordBatch()
	if d.Rows() != 0 || d.Bytes() != 0 {
		t.Errorf("after Take: %d rows, %d bytes", d.Rows(), d.Bytes())
	}
	for _, object := range []string{`{"a":"other","b":false}`, `{}`} {
		if err := d.Append([]byte(object)); err != nil {
			t.Fatal(err)
		}
	}
	if d.Rows() != 2 || d.Bytes() == 0 {
		t.Errorf("got %d rows of %d bytes, want 2 of some", d.Rows(), d.Bytes())
	}
	if got := encoded(first); !slices.Equal(got, []string{`{"a":"x","b":true}`}) {
		t.Errorf("rows changed after they were handed on: %s", got)
	}
	if got := d.NewRecordBatch(); got.NumRows() != 2 {
		t.Errorf("got %d rows, want 2", got.NumRows())
	}
	if got := d.NewRecordBatch(); got.NumRows() != 0 || !got.Schema().Equal(first.Schema()) {
		t.Errorf("got %v, want an empty batch of the same schema", got)
	}
}

func TestObjectIsNotKept(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("a: string", "j: json"))
	object := []byte(`{"a":"x","j":[1]}`)
	for range 2 {
		if err := d.Append(object); err != nil {
			t.Fatal(err)
		}
	}
	clear(object)
	if err := d.Append([]byte(`{"a":"y","j":[2]}`)); err != nil {
		t.Fatal(err)
	}
	want := []string{`{"a":"x","j":[1]}`, `{"a":"x","j":[1]}`, `{"a":"y","j":[2]}`}
	if got := encoded(d.NewRecordBatch()); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDeepNestingEndsWithAnError(t *testing.T) {
	d := jsonrows.NewDecoder(schemaOf("j: json"))
	err := d.Append([]byte(`{"j":` + strings.Repeat("[", 1_000_000)))
	if err == nil || !strings.Contains(err.Error(), "want less nesting") {
		t.Errorf("got %v", err)
	}
}
