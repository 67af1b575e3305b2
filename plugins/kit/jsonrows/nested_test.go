package jsonrows_test

import (
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// schemaIn decodes a schema as a config has it.
func schemaIn(t testing.TB, config string) sdk.Schema {
	t.Helper()
	var schema sdk.Schema
	if problems := sdk.Decode([]byte(config), &schema); len(problems) > 0 {
		t.Fatal(problems)
	}
	return schema
}

const orders = `{"id":"int64",
	"created":{"type":"timestamp","format":"%d/%m/%Y","timezone":"Europe/Paris","from":"payload.created"},
	"items":{"type":"list(struct)","from":"payload.items","fields":{
		"price":"decimal(6,2)","tags":"list(string)"}},
	"who":{"type":"struct","fields":{"name":{"type":"string","required":true},
		"at":{"type":"date","from":"x.at"}}},
	"grid":"list(list(int32))","raw":{"type":"json","from":"payload"}}`

// decode appends each object twice, the second time by prediction, and wants
// the same of both.
func decode(t *testing.T, d *jsonrows.Decoder, object string) (row, wrong string) {
	t.Helper()
	var rows, wrongs [2]string
	for i := range 2 {
		if err := d.Append([]byte(object)); err != nil {
			wrongs[i] = err.Error()
		} else {
			rows[i] = encoded(d.NewRecordBatch())[0]
		}
	}
	if rows[0] != rows[1] || wrongs[0] != wrongs[1] {
		t.Errorf("%s: first %s %s, then %s %s", object, rows[0], wrongs[0], rows[1], wrongs[1])
	}
	return rows[0], wrongs[0]
}

func TestNestedValuesAreRead(t *testing.T) {
	d := jsonrows.NewDecoder(schemaIn(t, orders))
	tests := []struct{ name, object, want string }{
		{"everything", `{"id":1,"payload":{"created":"31/01/2026","items":[{"price":1.5,"tags":["a",null,"é\n"]},` +
			`null, {}]},"who":{"name":"x","x":{"at":"2026-01-31"}},"grid":[[1,2],[],null]}`,
			`{"id":1,"created":"2026-01-30T23:00:00Z","items":[{"price":1.50,"tags":["a",null,"é\n"]},null,` +
				`{"price":null,"tags":null}],"who":{"name":"x","at":"2026-01-31"},"grid":[[1,2],[],null],` +
				`"raw":{"created":"31/01/2026","items":[{"price":1.5,"tags":["a",null,"é\n"]},null, {}]}}`},
		{"nothing", `{}`, `{"id":null,"created":null,"items":null,"who":null,"grid":null,"raw":null}`},
		{"nulls", `{"payload":null,"who":null,"grid":null}`,
			`{"id":null,"created":null,"items":null,"who":null,"grid":null,"raw":null}`},
		{"empty", `{"payload":{},"grid":[ ],"who":{"name":"","x":{}}}`,
			`{"id":null,"created":null,"items":null,"who":{"name":"","at":null},"grid":[],"raw":{}}`},
		{"coerced", `{"who":{"name":7},"payload":{"items":[{"tags":[true,1e2]}]}}`,
			`{"id":null,"created":null,"items":[{"price":null,"tags":["true","1e2"]}],"who":{"name":"7","at":null},` +
				`"grid":null,"raw":{"items":[{"tags":[true,1e2]}]}}`},
		{"the last of equal keys", `{"payload":{"created":"01/01/2026","items":[]},"grid":[[1],["bad"]],` +
			`"payload":{"created":"02/01/2026"},"who":{"name":1,"name":[1]},"who":{"name":"y"},"grid":[[9]]}`,
			`{"id":null,"created":"2026-01-01T23:00:00Z","items":null,"who":{"name":"y","at":null},"grid":[[9]],` +
				`"raw":{"created":"02/01/2026"}}`},
	}
	for _, tt := range tests {
		if row, wrong := decode(t, d, tt.object); row != tt.want || wrong != "" {
			t.Errorf("%s: got %s\n%s\nwant %s", tt.name, wrong, row, tt.want)
		}
	}
}

func TestNestedFaultsNameTheirPath(t *testing.T) {
	d := jsonrows.NewDecoder(schemaIn(t, orders))
	tests := []struct{ object, want string }{
		{`{"payload":{"items":[{},{},{"price":"x"}]}}`,
			`payload.items.2.price: want a decimal(6,2), got "x"`},
		{`{"payload":{"items":[{"tags":[{}]}]}}`, `payload.items.0.tags.0: want a string, got an object`},
		{`{"payload":{"items":{}}}`,
			`payload.items: want a list(struct(price: decimal(6,2), tags: list(string))), got an object`},
		{`{"payload":{"created":"2026-01-31"}}`,
			`payload.created: want a timestamp (%d/%m/%Y), got "2026-01-31"`},
		{`{"payload":5}`, `payload.created: want a timestamp (%d/%m/%Y), got "5" on the way to it`},
		{`{"who":{}}`, `who.name: want a string, got nothing`},
		{`{"who":{"name":null}}`, `who.name: want a string, got null`},
		{`{"who":{"name":"x","x":{"at":"x"}}}`, `who.x.at: want a date, got "x"`},
		{`{"who":[1]}`, `who: want a struct, got an array`},
		{`{"grid":[[1],[2,99999999999]]}`, `grid.1.1: want an int32, got 99999999999`},
		{`{"grid":[1]}`, `grid.0: want a list(int32), got 1`},
		{`{"grid":[[1],[2}`, `not JSON: want a comma or ], got '}' at byte 16`},
		{`{"grid":[[1],`, `not JSON: want a value, got the end of the text`},
		{`{"grid":[[1],]}`, `not JSON: want a value, got ']' at byte 14`},
		{`{"who":{"name":"x"`, `not JSON: want a comma or }, got the end of the text`},
		{`{"grid":[[1,"x",{]]}`, `not JSON: want a key in quotes, got ']' at byte 18`},
	}
	for _, tt := range tests {
		if _, wrong := decode(t, d, tt.object); wrong != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.object, wrong, tt.want)
		}
	}
	if d.Rows() != 0 || d.Bytes() != 0 {
		t.Errorf("bad rows left %d rows of %d bytes", d.Rows(), d.Bytes())
	}
}

func TestOneValueMayBeSeveralColumns(t *testing.T) {
	d := jsonrows.NewDecoder(schemaIn(t, `{"at":"timestamp","text":{"type":"string","from":"at"}}`))
	row, wrong := decode(t, d, `{"at":"2026-01-31T00:00:00+01:00"}`)
	if want := `{"at":"2026-01-30T23:00:00Z","text":"2026-01-31T00:00:00+01:00"}`; row != want {
		t.Errorf("got %s %s, want %s", row, wrong, want)
	}
}

func TestUnknownKeysInsideAreCounted(t *testing.T) {
	d := jsonrows.NewDecoder(schemaIn(t, `{"a":{"type":"string","from":"p.a"},
		"s":{"type":"struct","fields":{"b":"bool"}}}`))
	if err := d.Append([]byte(`{"p":{"a":"x","y":1},"s":{"b":true,"z":[]},"u":{}}`)); err != nil {
		t.Fatal(err)
	}
	if got := d.UnknownKeys(); got != 3 {
		t.Errorf("got %d unknown keys, want y, z and u", got)
	}
}

func withExtra(t *testing.T) *jsonrows.Decoder {
	return jsonrows.NewDecoder(append(schemaIn(t, `{"id":"int64"}`),
		sdk.Entry[sdk.Column]{Key: "rest", Value: sdk.Column{Type: "json", Extra: true}}))
}

func TestExtraKeepsKeysWithoutAColumn(t *testing.T) {
	d := withExtra(t)
	for object, want := range map[string]string{
		`{"id":1}`: `{"id":1,"rest":null}`,
		`{"a" : [1, {"id":2}],"id":1, "b\"é":null ,"rest":"x"}`: `{"id":1,` +
			`"rest":{"a":[1, {"id":2}],"b\"é":null,"rest":"x"}}`,
		`{ "x":1}`: `{"id":null,"rest":{"x":1}}`,
	} {
		if row, wrong := decode(t, d, object); row != want {
			t.Errorf("%s: got %s %s, want %s", object, row, wrong, want)
		}
	}
	if d.UnknownKeys() != 0 {
		t.Errorf("got %d dropped keys, want none", d.UnknownKeys())
	}
	_, wrong := decode(t, d, "{\"x\":\"\xff\"}")
	if !strings.HasPrefix(wrong, "rest: want json, got bytes that are not UTF-8") {
		t.Errorf("got %q", wrong)
	}
}

func TestReaderSetsAColumnToOneValue(t *testing.T) {
	schema := schemaIn(t, `{"l":{"type":"list(struct)","fields":{"a":"int64"}}}`)
	b := columns.NewBuilder(schema)
	r := jsonrows.NewReader(&b.Columns()[0], &schema[0].Value)
	for _, text := range []string{` [{"a":1},null] `, `null`, `[]`} {
		if err := r.Set([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`{"l":[{"a":1},null]}`, `{"l":null}`, `{"l":[]}`}
	if got := encoded(b.NewRecordBatch()); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	for text, want := range map[string]string{
		`[1]]`: "not JSON: want nothing after the value, got ']' at byte 4",
		``:     "not JSON: want a value, got the end of the text",
		`[`:    "not JSON: want a value, got the end of the text",
	} {
		if err := r.Set([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		b.Abort()
	}
	if err := r.Set([]byte(`[{"a":"x"}]`)); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); err == nil || err.Error() != `l.0.a: want an int64, got "x"` {
		t.Errorf("got %v", err)
	}
}

func TestDecodingNestedDoesNotAllocatePerRow(t *testing.T) {
	d := jsonrows.NewDecoder(schemaIn(t, orders))
	object := []byte(`{"id":1,"payload":{"created":"31/01/2026","items":[{"price":1.5,"tags":["a","b"]},` +
		`{"price":2}]},` +
		`"who":{"name":"x"},"grid":[[1,2],[3]]}`)
	batch := func() {
		for range 1000 {
			if err := d.Append(object); err != nil {
				t.Fatal(err)
			}
		}
		d.NewRecordBatch()
	}
	batch()
	if allocs := testing.AllocsPerRun(10, batch); allocs > 300 {
		t.Errorf("%v allocations for 1000 rows", allocs)
	}
}
