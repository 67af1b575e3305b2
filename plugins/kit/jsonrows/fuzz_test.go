package jsonrows_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

var fuzzSchema = append(schemaOf("s: string", "i: int64", "f: float64", "b: bool", "j: json", "t: timestamp",
	"l: list(list(int64))"), sdk.Schema{
	{Key: "st", Value: sdk.Column{Type: "struct", Fields: sdk.Fields{
		{Key: "s", Value: sdk.Column{Type: "string"}}, {Key: "b", Value: sdk.Column{Type: "list(bool)"}}}}},
	{Key: "ls", Value: sdk.Column{Type: "list(struct)", Fields: sdk.Fields{
		{Key: "s", Value: sdk.Column{Type: "string", Required: true}},
		{Key: "f", Value: sdk.Column{Type: "float64"}}}}},
	{Key: "below", Value: sdk.Column{Type: "int64", From: "p.q.i"}},
}...)

var rfc3339Shape = regexp.MustCompile(
	`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzDecoder holds the decoder against encoding/json and fastjson, with and
// without the prediction of keys.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		`{"s":"x","i":1,"f":1.5,"b":true,"j":{"a":[]},"t":"2026-01-01T00:00:00Z"}`,
		` { "s" : "\u00e9\ud83d\ude00\n" , "unknown" : [ { } , "\\" , -0.1e-7 ] } `,
		`{"s":1e5,"s":null,"s":"last","f":12,"i":-9223372036854775808}`,
		`{"b":null,"t":"2026-01-01T00:00:00.123456789+02:00","j":"\ud800"}`,
		`{"i":12345678901234567890,"f":1e400}`, `{"s":"` + "\xff\xc3\xa9" + `"}`, `{"s":"\ud800"}`,
		`{"l":[[1,2],[],null,[null]],"st":{"s":1,"b":[true,null]},"ls":[{"s":"x","f":1},null,{"s":"y","z":{}}]}`,
		`{"p":{"q":{"i":1,"i":2},"x":[]},"p":{"q":null},"ls":[{"f":1}],"st":{"s":{}},"l":[[1],2]}`,
		`{"p":{"q":{"i":7}},"st":null,"st":{"b":[]},"ls":[],"ls":[{"s":null}]}`, `{"p":5}`, `{"l":[[1,],]}`,
		`{}`, `[]`, `null`, `{"s"}`, `{"s":"}`, `{"s":1,}`, `{"s":truefalse}`, `{"\u0073":"escaped key"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		fresh := jsonrows.NewDecoder(fuzzSchema)
		err := fresh.Append(object)
		primed := jsonrows.NewDecoder(fuzzSchema)
		for _, first := range [][]byte{object, []byte(`{"s":"a","i":1,"f":2,"b":true}`), object} {
			_ = primed.Append(first)
		}
		primed.NewRecordBatch()
		if again := primed.Append(object); (err == nil) != (again == nil) || err != nil &&
			err.Error() != again.Error() {
			t.Fatalf("predicted: %v, not predicted: %v", again, err)
		}
		row := encoded(fresh.NewRecordBatch())
		if predicted := encoded(primed.NewRecordBatch()); !slices.Equal(row, predicted) {
			t.Fatalf("predicted: %s, not predicted: %s", predicted, row)
		}
		want, known := reference(object)
		if !known {
			return
		}
		if (err == nil) != (want != "") {
			t.Fatalf("got %v, reference has %q", err, want)
		}
		if err != nil {
			return
		}
		if row[0] != want {
			t.Fatalf("got  %s\nwant %s", row[0], want)
		}
		agreeWithFastJSON(t, object, row[0])
	})
}

// reference is the row by encoding/json, "" if it must be refused. It is not
// known where encoding/json puts replacement characters.
func reference(object []byte) (row string, known bool) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(object, &keys) != nil || keys == nil {
		return "", true
	}
	var parts []string
	for _, column := range fuzzSchema {
		path := column.Value.Path(column.Key)
		raw, ok := walk(keys, path)
		if !ok {
			return "", true
		}
		text, ok := referenceValue(&column.Value, column.Value.Type, raw)
		if strings.ContainsRune(text, utf8.RuneError) || !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\u`)) &&
			!slices.Contains([]string{"s", "j"}, column.Key) {
			return "", false
		}
		if !ok {
			return "", true
		}
		parts = append(parts, strconv.Quote(column.Key)+":"+text)
	}
	return "{" + strings.Join(parts, ",") + "}", true
}

// walk follows a path of keys; what is not there is null.
func walk(keys map[string]json.RawMessage, path []string) (json.RawMessage, bool) {
	raw := keys[path[0]]
	if raw == nil || string(raw) == "null" {
		return json.RawMessage("null"), true
	}
	if len(path) == 1 {
		return raw, true
	}
	var below map[string]json.RawMessage
	if json.Unmarshal(raw, &below) != nil {
		return nil, false
	}
	return walk(below, path[1:])
}

func referenceNested(c *sdk.Column, kind string, raw json.RawMessage) (string, bool) {
	var parts []string
	if item, list := strings.CutPrefix(kind, "list("); list {
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return "", false
		}
		for _, raw := range items {
			text, ok := referenceValue(c, item[:len(item)-1], raw)
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return "[" + strings.Join(parts, ",") + "]", true
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(raw, &keys) != nil {
		return "", false
	}
	for _, f := range c.Fields {
		text, ok := referenceValue(&f.Value, f.Value.Type, keys[f.Key])
		if !ok || f.Value.Required && text == "null" {
			return "", false
		}
		parts = append(parts, strconv.Quote(f.Key)+":"+text)
	}
	return "{" + strings.Join(parts, ",") + "}", true
}

func referenceValue(c *sdk.Column, kind string, raw json.RawMessage) (string, bool) {
	if raw == nil || string(raw) == "null" {
		return "null", true
	}
	if strings.HasPrefix(kind, "list(") || kind == "struct" {
		return referenceNested(c, kind, raw)
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return "", false
	}
	switch v := value.(type) {
	case string:
		if kind == "timestamp" {
			if !rfc3339Shape.MatchString(v) { // time.Parse takes more
				return "", false
			}
			at, err := time.Parse(time.RFC3339, v[:10]+"T"+strings.ToUpper(v[11:]))
			return rfc3339(at.UnixMicro()), err == nil
		}
		if kind == "string" {
			return quoted(v), true
		}
	case json.Number:
		switch kind {
		case "string":
			return quoted(v.String()), true
		case "int64":
			n, err := strconv.ParseInt(v.String(), 10, 64)
			return strconv.FormatInt(n, 10), err == nil
		case "float64":
			n, err := v.Float64()
			text, _ := json.Marshal(n)
			return floatText(string(text)), err == nil
		}
	case bool:
		if kind == "string" {
			return quoted(strconv.FormatBool(v)), true
		}
		return strconv.FormatBool(v), kind == "bool" || kind == "json"
	}
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(string(raw)), kind == "json"
}

// floatText undoes what encoding/json does to exponents.
func floatText(text string) string {
	mantissa, exponent, ok := strings.Cut(text, "e-")
	if ok && len(exponent) == 1 {
		return mantissa + "e-0" + exponent
	}
	return text
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	text := strings.NewReplacer(`\b`, `\u0008`, `\f`, `\u000c`, `\\`, `\\`, `\u2028`, "\u2028", `\u2029`,
		"\u2029")
	return text.Replace(strings.TrimSuffix(b.String(), "\n"))
}

func rfc3339(micros int64) string {
	at, layout := time.UnixMicro(micros).UTC(), "2006-01-02T15:04:05.000000Z"
	switch {
	case micros%1_000_000 == 0:
		layout = "2006-01-02T15:04:05Z"
	case micros%1_000 == 0:
		layout = "2006-01-02T15:04:05.000Z"
	}
	return strconv.Quote(at.Format(layout))
}

// agreeWithFastJSON compares what was read from the object with what fastjson
// reads from it.
func agreeWithFastJSON(t *testing.T, object []byte, row string) {
	var p fastjson.Parser
	theirs, err := p.ParseBytes(object)
	if err != nil {
		if bytes.Count(object, []byte("[")) > 250 || bytes.Count(object, []byte("{")) > 250 {
			return // fastjson nests no deeper than 300
		}
		t.Fatalf("fastjson refuses %s: %v", object, err)
	}
	ours := fastjson.MustParse(row)
	members, _ := theirs.Object()
	last := map[string]*fastjson.Value{}
	members.Visit(func(key []byte, v *fastjson.Value) { last[string(key)] = v })
	if v := last["s"]; v != nil && v.Type() == fastjson.TypeString {
		if want, got := string(v.GetStringBytes()), string(ours.GetStringBytes("s")); want != got {
			t.Fatalf("s: got %q, fastjson has %q", got, want)
		}
	}
	if v := last["b"]; v != nil && v.Type() != fastjson.TypeNull && v.GetBool() != ours.GetBool("b") {
		t.Fatalf("b: got %v, fastjson has %v", ours.GetBool("b"), v)
	}
	if v := last["i"]; v != nil && v.Type() != fastjson.TypeNull && v.GetInt64() != ours.GetInt64("i") {
		t.Fatalf("i: got %d, fastjson has %v", ours.GetInt64("i"), v)
	}
}
