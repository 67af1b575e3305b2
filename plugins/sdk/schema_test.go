package sdk_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// schemaOf decodes a schema and returns what is wrong with it, one to a line.
func schemaOf(config string) (sdk.Schema, string) {
	var s sdk.Schema
	var wrong []string
	for _, p := range sdk.Decode([]byte(config), &s) {
		wrong = append(wrong, p.Error())
	}
	return s, strings.Join(wrong, "\n")
}

func TestEveryTypeHasAnArrowTypeAndItsName(t *testing.T) {
	tests := []struct{ config, name, want string }{
		{`"string"`, "string", "utf8"},
		{`"decimal(38,0)"`, "decimal(38,0)", "decimal(38, 0)"},
		{`"date"`, "date", "date32"},
		{`"time"`, "time", "time64[us]"},
		{`"bytes"`, "bytes", "binary"},
		{`"list(int64)"`, "list(int64)", "list<item: int64, nullable>"},
		{`"list( list(decimal(5,2)) )"`, "list(list(decimal(5,2)))",
			"list<item: list<item: decimal(5, 2), nullable>, nullable>"},
		{`"list(json)"`, "list(json)", "list<item: utf8, nullable>"},
		{`{"type":"struct","fields":{"b":"int64","_a":{"type":"json","required":true}}}`,
			"struct(b: int64, _a: json)", "struct<b: int64 nullable, _a: utf8>"},
		{`{"type":"list(list(struct))","fields":{"a":"list(date)"}}`, "list(list(struct(a: list(date))))",
			"list<item: list<item: struct<a: list<item: date32, nullable> nullable>, nullable>, nullable>"},
	}
	for _, tt := range tests {
		s, wrong := schemaOf(`{"c":` + tt.config + `}`)
		if wrong != "" {
			t.Errorf("%s: %s", tt.config, wrong)
			continue
		}
		f := s.Arrow().Field(0)
		if got := sdk.FieldType(f); got != tt.name {
			t.Errorf("%s: got the name %s, want %s", tt.config, got, tt.name)
		}
		if got := f.Type.String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.config, got, tt.want)
		}
	}
}

func TestRequiredHoldsForFieldsOfStructs(t *testing.T) {
	s, wrong := schemaOf(`{"c":{"type":"struct","required":true,"fields":{"a":{"type":"int32","required":true},
		"b":"json"}}}`)
	if wrong != "" {
		t.Fatal(wrong)
	}
	f := s.Arrow().Field(0)
	fields := f.Type.(*arrow.StructType).Fields()
	if f.Nullable || fields[0].Nullable || !fields[1].Nullable || !sdk.IsJSON(fields[1]) {
		t.Errorf("got %v", f)
	}
}

func TestColumnsThatCannotBeAreRefused(t *testing.T) {
	tests := []struct{ config, want string }{
		{`"strng"`, `c: no type named "strng", did you mean string?`},
		{`"list(strng)"`, `c: no type named "strng", did you mean string?`},
		{`"varchar(20)"`, `c: no type named "varchar(20)", did you mean string?`},
		{`"array(int64)"`, `c: no type named "array(int64)", did you mean list(int64)?`},
		{`"integer"`, `c: no type named "integer", did you mean int64?`},
		{`"numeric(1)"`, `c: no type named "numeric(1)", did you mean decimal(p,s), such as decimal(10,2)?`},
		{`"decimal(39,2)"`, `c: want decimal(p,s) with 1 ≤ p ≤ 38 and s ≤ p, got decimal(39,2)`},
		{`"struct"`, `c: fields is missing: a struct has columns of its own (` +
			`{type: struct, fields: {name: string}}; json keeps any value as its text)`},
		{`{"type":"list(struct)","fields":{}}`, `c: fields is missing`},
		{`{"type":"int64","fields":{"a":"string"}}`, `c.fields: are for a struct, the column is an int64`},
		{`{"type":"struct","fields":{"a":"strng"}}`, `c.fields.a: no type named "strng", did you mean string?`},
		{`{"type":"struct","fields":{"":"string"}}`, `c.fields: want a name for every field of a struct`},
		{`{"type":"struct","feilds":{"a":"string"}}`, `c.feilds: unknown field, did you mean fields?`},
		{`{"type":"timestamp","tz":"UTC"}`, `c.tz: unknown field, did you mean timezone?`},
		{`{"type":"int64","from":"a..b"}`, `c.from: want keys joined by dots, such as payload.created, got "a..b"`},
		{`{"type":"string","format":"rfc3339"}`,
			`c.format: is for timestamps, dates and times, the column is a string`},
		{`{"type":"timestamp","format":"unix"}`, `c.format: want one of rfc3339, unix_s, unix_ms, unix_us, ` +
			`or a pattern such as '%d/%m/%Y %H:%M', got "unix"`},
		{`{"type":"timestamp","format":"rfc339"}`, `(did you mean rfc3339?)`},
		{`{"type":"timestamp","format":"dd/MM/yyyy"}`, `(in a pattern a % stands before each part)`},
		{`{"type":"timestamp","format":"%d/%m"}`, `c.format: "%d/%m": want the whole of a date`},
		{`{"type":"timestamp","format":"%H:%M"}`, `want a date in it; without one, the type is time`},
		{`{"type":"date","format":"%F %T"}`, `want a date and no time; with both, the type is timestamp`},
		{`{"type":"date","format":"unix_s"}`, `c.format: want one of`},
		{`{"type":"time","format":"%F"}`, `want a time and no date`},
		{`{"type":"timestamp","timezone":"Europe/Pari"}`, `c.timezone: no time zone named "Europe/Pari" (zones are`},
		{`{"type":"timestamp","timezone":"Local"}`, `c.timezone: no time zone named "Local"`},
		{`{"type":"timestamp","format":"unix_s","timezone":"UTC"}`, `c.timezone: numbers of unix_s are counted in UTC`},
		{`{"type":"timestamp","format":"%F %T%z","timezone":"UTC"}`, `c.timezone: the format says how far`},
		{`{"type":"date","timezone":"UTC"}`, `c.timezone: is for timestamps, the column is a date`},
		{`"` + strings.Repeat("list(", 40) + `int64` + strings.Repeat(")", 40) + `"`, `want at most 32 lists and structs`},
	}
	for _, tt := range tests {
		if _, wrong := schemaOf(`{"c":` + tt.config + `}`); !strings.Contains(wrong, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.config, wrong, tt.want)
		}
	}
}

func TestLongFormsAreAccepted(t *testing.T) {
	for _, config := range []string{
		`{"type":"timestamp","format":"rfc3339","timezone":"Europe/Paris","from":"payload.created","required":true}`,
		`{"type":"timestamp","format":"%d/%m/%Y %H:%M","timezone":"America/New_York"}`,
		`{"type":"list(timestamp)","format":"unix_ms"}`,
		`{"type":"date","format":"%d/%m/%Y"}`, `{"type":"time","format":"%I:%M %p"}`,
		`{"type":"string","from":"_id"}`,
	} {
		if _, wrong := schemaOf(`{"c":` + config + `}`); wrong != "" {
			t.Errorf("%s: %s", config, wrong)
		}
	}
}

func TestAColumnThatComesTwiceIsRefused(t *testing.T) {
	if _, wrong := schemaOf(`{"a":"string","a":"int64"}`); !strings.Contains(wrong, "a: the name comes twice") {
		t.Errorf("got %q", wrong)
	}
}
