package selection

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

var tickets = arrow.NewSchema(append(sdk.Schema{{Key: "id", Value: sdk.Column{Type: "string"}},
	{Key: "amount", Value: sdk.Column{Type: "string"}}, {Key: "at", Value: sdk.Column{Type: "timestamp"}},
	{Key: "n", Value: sdk.Column{Type: "int64"}}}.Arrow().Fields(),
	arrow.Field{Name: "_position", Type: arrow.PrimitiveTypes.Int64, Nullable: true}), nil)

const oneTicket = `[{"id": "a", "amount": "1.5", "at": "1969-12-31T23:30:00Z", "n": 3, "_position": 9}]`

func TestColumnsAreChosen(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"a list, in its order", `["n", "id"]`, `n=3 id="a" _position=9`},
		{"one name", `"n"`, `n=3 _position=9`},
		{"names split at commas", `"n, id"`, `n=3 id="a" _position=9`},
		{"new names", `{"number": "n", "ticket": "id", "again": "n"}`,
			`number=3 ticket="a" again=3 _position=9`},
		{"a column of the engine under a name", `{"at_row": "_position"}`, `at_row=9 _position=9`},
		{"dropped", `{"drop": ["at", "amount"]}`, `id="a" n=3 _position=9`},
		{"renamed in place", `{"drop": ["at"], "rename": {"price": "amount"}}`,
			`id="a" price="1.5" n=3 _position=9`},
		{"swapped", `{"keep": ["id", "amount"], "rename": {"amount": "id", "id": "amount"}}`,
			`amount="a" id="1.5" _position=9`},
		{"all together", `{"keep": ["amount", "n"], "rename": {"price": "amount"},
			"cast": {"price": "float64"}}`,
			`price=1.5 n=3 _position=9`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := sdktest.Apply(t, Transform, test.config, tickets, oneTicket)
			if len(out.Rows) != 1 || out.Rows[0] != test.want {
				t.Errorf("got %v, want %s", out.Rows, test.want)
			}
		})
	}
}

func TestValuesThatDoNotFitAreRejected(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"keep": ["id", "amount", "n"], "cast": {"amount": "float64",
		"n": {"type": "int32", "required": true}}}`,
		tickets, `[{"id": "a", "amount": "1.5", "n": 3},
			{"id": "b", "amount": "dear", "n": 4000000000, "_position": 7},
			{"id": "c", "amount": null, "n": 5}, {"id": "d", "amount": "2", "n": null}]`)
	wantRows := []string{`id="a" amount=1.5 n=3 _position=∅`, `id="c" amount=∅ n=5 _position=∅`}
	wantRejected := []string{
		`p/1: amount: want a float64, got "dear": ` +
			`{"id":"b","amount":"dear","at":null,"n":4000000000}`,
		`p/1: n: want a value, got null: {"id":"d","amount":"2","at":null,"n":null}`}
	if !slices.Equal(out.Rows, wantRows) || !slices.Equal(out.Rejected, wantRejected) {
		t.Errorf("got %v and rejected\n%s\nwant %v and\n%s", out.Rows, strings.Join(out.Rejected, "\n"),
			wantRows,
			strings.Join(wantRejected, "\n"))
	}
}

// every has a column of every type that can be cast.
var every = sdk.Schema{{Key: "s", Value: sdk.Column{Type: "string"}},
	{Key: "i", Value: sdk.Column{Type: "int64"}},
	{Key: "j", Value: sdk.Column{Type: "int32"}}, {Key: "u", Value: sdk.Column{Type: "uint64"}},
	{Key: "f", Value: sdk.Column{Type: "float64"}}, {Key: "g", Value: sdk.Column{Type: "float32"}},
	{Key: "b", Value: sdk.Column{Type: "bool"}}, {Key: "t", Value: sdk.Column{Type: "timestamp"}},
	{Key: "d", Value: sdk.Column{Type: "date"}}, {Key: "h", Value: sdk.Column{Type: "time"}},
	{Key: "y", Value: sdk.Column{Type: "bytes"}}, {Key: "o", Value: sdk.Column{Type: "json"}},
	{Key: "m", Value: sdk.Column{Type: "decimal(10,2)"}},
	{Key: "l", Value: sdk.Column{Type: "list(string)"}}}.Arrow()

func TestCastsOfEveryType(t *testing.T) {
	tests := []struct{ column, to, value, want string }{
		{"s", "int64", `"-5"`, "-5"}, {"s", "int64", `"5.0"`, "5"}, {"s", "int64", `"5.5"`, `want an int64, got "5.5"`},
		{"s", "float64", `""`, `want a float64, got ""`}, {"s", "bool", `"true"`, "true"},
		{"s", "timestamp", `"2026-03-01T00:00:00Z"`, "2026-03-01T00:00:00Z"},
		{"s", "date", `"2026-03-01"`, "2026-03-01"},
		{"s", "json", `"{\"a\":1}"`, `"{\"a\":1}"`}, {"s", "json", `"{a"`, `want json, got "{a"`},
		{"s", "decimal(4,1)", `"12.5"`, "12.5"}, {"s", "time", `"12:30:00"`, "12:30:00.000000"},
		{"i", "int32", "7", "7"}, {"i", "int32", "4294967296", `want an int32, got "4294967296"`},
		{"i", "uint64", "-1", `want a uint64, got "-1"`}, {"i", "float64", "3", "3"},
		{"i", "string", "3", `"3"`},
		{"i", "decimal(4,1)", "12", "12"}, {"j", "int64", "3", "3"}, {"u", "int64", "18446744073709551615",
			`want an int64, got "18446744073709551615"`},
		{"f", "int64", "3.0", "3"}, {"f", "int64", "3.5", `want an int64, got "3.5"`},
		{"f", "float32", "1e300",
			`want a float32, got "1e+300"`}, {"f", "string", "0.1", `"0.1"`},
		{"f", "decimal(10,8)", "0.00000001", "1e-08"},
		{"g", "float64", "0.1", "0.1"}, {"b", "string", "true", `"true"`}, {"m", "int64", `"12.00"`, "12"},
		{"m", "int64", `"12.50"`, `want an int64, got "12.50"`}, {"m", "float64", `"12.50"`, "12.5"},
		{"m", "decimal(3,1)", `"12.50"`, "12.5"},
		{"m", "decimal(3,0)", `"12.50"`, `want a decimal(3,0), got "12.50"`},
		{"t", "date", `"1969-12-31T23:30:00Z"`, "1969-12-31"}, {"t", "string", `"2026-03-01T00:00:00Z"`,
			`"2026-03-01T00:00:00Z"`}, {"d", "timestamp", `"2026-03-01"`, "2026-03-01T00:00:00Z"},
		{"o", "string", `"{\"a\":1}"`, `"{\"a\":1}"`}, {"l", "json", `["a", "b"]`, `"[\"a\",\"b\"]"`},
		{"l", "string", `["a"]`, `"[\"a\"]"`}, {"i", "int64", "3", "3"}, {"s", "int64", "null", "∅"},
	}
	for _, test := range tests {
		config := fmt.Sprintf(`{"keep": [%q], "cast": {%q: %q}}`, test.column, test.column, test.to)
		out := sdktest.Apply(t, Transform, config, every, fmt.Sprintf(`[{%q: %s}]`, test.column, test.value))
		got := ""
		if len(out.Rows) == 1 {
			_, got, _ = strings.Cut(out.Rows[0], "=")
		} else if len(out.Rejected) == 1 {
			_, got, _ = strings.Cut(out.Rejected[0], test.column+": ")
			got, _, _ = strings.Cut(got, ": {")
		}
		if got != test.want {
			t.Errorf("%s of %s as %s: got %s, want %s", test.value, test.column, test.to, got, test.want)
		}
	}
}

func TestNumbersBecomeTimestampsByAFormat(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"keep": ["i"], "cast": {"i": {"type": "timestamp", "format": "unix_ms"}}}`, every,
		`[{"i": 1500}, {"i": 253402300800000}]`)
	if want := `i=1970-01-01T00:00:01.5Z`; len(out.Rows) != 1 || out.Rows[0] != want {
		t.Errorf("got %v, want %s", out.Rows, want)
	}
	want := `p/1: i: want a timestamp (unix_ms), got "253402300800000", which is not in the years 1 to 9999`
	if len(out.Rejected) != 1 || !strings.HasPrefix(out.Rejected[0], want) {
		t.Errorf("rejected %v, want %s", out.Rejected, want)
	}
}

func TestTextBecomesATimestampByAFormat(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"keep": ["s"], "cast": {"s": {"type": "timestamp", "format": "%d/%m/%Y",
		"timezone": "Europe/Paris"}}}`, every, `[{"s": "01/03/2026"}, {"s": "2026-03-01"}]`)
	wantRejected := `p/1: s: want a timestamp (%d/%m/%Y), got "2026-03-01"`
	if len(out.Rows) != 1 || out.Rows[0] != `s=2026-02-28T23:00:00Z` || len(out.Rejected) != 1 ||
		!strings.HasPrefix(out.Rejected[0], wantRejected) {
		t.Errorf("got %v and rejected %v", out.Rows, out.Rejected)
	}
}

func TestProblemsOfASelect(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"nothing", `{}`, []string{"want columns, such as [a, b], {new: old} or {drop: [a]}"}},
		{"no column", `["id", "amont"]`, []string{`1: no column named "amont", did you mean amount?`}},
		{"twice", `["id", "id"]`, []string{"1: id is listed twice"}},
		{"no old name", `{"ticket": "idd"}`, []string{`ticket: no column named "idd", did you mean id?`}},
		{"a misspelt key", `{"kep": ["id"]}`, []string{"kep: unknown field, did you mean keep?"}},
		{"an unknown key", `{"drop": ["id"], "only": ["n"]}`,
			[]string{"only: unknown field (have keep, drop, rename, cast)"}},
		{"keep and drop", `{"keep": ["id"], "drop": ["n"]}`,
			[]string{"drop: what is not in keep is dropped already; " +
				"use one of the two"}},
		{"the engine's name", `{"_id": "id"}`,
			[]string{"_id: columns that begin with _ are the engine's; choose another name"}},
		{"the engine's column", `{"drop": ["_position"]}`,
			[]string{"drop.0: _position is the engine's: it is always kept"}},
		{"all at once", `{"drop": ["x1"], "rename": {"a": "x2"}, "cast": {"x3": "int64", "n": "bytes"}}`,
			[]string{"drop.0: no column", "rename.a: no column", "cast.x3: no column",
				"cast.n: int64 cannot become bytes (in derive, string(x) and bytes(x) take bytes as UTF-8)"}},
		{"renamed onto another", `{"rename": {"n": "id"}}`,
			[]string{"rename.n: there is a column of this name already; drop it, or choose another"}},
		{"renamed twice", `{"rename": {"a": "id", "b": "id"}}`,
			[]string{"rename.b: id is renamed to a already"}},
		{"renamed and dropped", `{"drop": ["id"], "rename": {"a": "id"}}`,
			[]string{"rename.a: id does not go on; keep it, or leave it out here"}},
		{"cast by the old name", `{"rename": {"price": "amount"}, "cast": {"amount": "float64"}}`,
			[]string{"cast.amount: amount is called price here: types are given to the new names"}},
		{"no type", `{"cast": {"n": "integer"}}`, []string{`cast.n: no type named "integer"`}},
		{"to a list", `{"cast": {"id": "list(string)"}}`,
			[]string{"cast.id: columns cannot become list(string)"}},
		{"from", `{"cast": {"id": {"type": "int64", "from": "a.b"}}}`,
			[]string{"cast.id: from is for reading files and topics; here the column is named already"}},
		{"to a struct", `{"cast": {"id": {"type": "struct", "fields": {"a": "int64"}}}}`,
			[]string{"cast.id: columns cannot become struct"}},
		{"number to time", `{"cast": {"n": "timestamp"}}`, []string{"cast.n: int64 cannot become timestamp " +
			"(say what the number counts: {type: timestamp, format: unix_s})"}},
		{"time to number", `{"cast": {"at": "int64"}}`, []string{"cast.at: timestamp cannot become int64 " +
			"(in derive, int(x) is the number of seconds since 1970)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := Transform.Describe([]byte(test.config), nil).Problems
			if len(problems) == 0 {
				_, problems = sdktest.Plan(Transform, []byte(test.config), tickets)
			}
			for i, p := range problems {
				if i >= len(test.want) || !strings.HasPrefix(p.Error(), test.want[i]) {
					t.Errorf("problem %d: got %q, want of %q", i, p.Error(), test.want)
				}
			}
			if len(problems) != len(test.want) {
				t.Errorf("got %d problems, want %d", len(problems), len(test.want))
			}
		})
	}
}
