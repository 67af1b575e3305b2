package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// tickets has a column of every type.
var tickets = func() *arrow.Schema {
	var s sdk.Schema
	for _, c := range [][2]string{{"priorite", "string"}, {"type", "string"}, {"n", "int64"}, {"j", "int32"},
		{"u", "uint64"}, {"amount", "float64"}, {"g", "float32"}, {"ok", "bool"}, {"at", "timestamp"},
		{"day", "date"},
		{"opens", "time"}, {"raw", "bytes"}, {"body", "json"}, {"labels", "list(string)"},
		{"price", "decimal(10,2)"}} {
		s = append(s, sdk.Entry[sdk.Column]{Key: c[0], Value: sdk.Column{Type: c[1]}})
	}
	client := arrow.StructOf(arrow.Field{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "age", Type: arrow.PrimitiveTypes.Int32, Nullable: true})
	return arrow.NewSchema(append(s.Arrow().Fields(), arrow.Field{Name: "client", Type: client,
		Nullable: true},
		arrow.Field{Name: "unit price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		arrow.Field{Name: "in", Type: arrow.PrimitiveTypes.Int64, Nullable: true}), nil)
}()

func rowsOf(t testing.TB, schema *arrow.Schema, json string) arrow.RecordBatch {
	t.Helper()
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

const oneTicket = `[{"priorite": "urgent", "type": "billing", "n": 7, "j": 3, "u": 5, "amount": 12.5,
	"g": 0.5,
	"ok": true, "at": "2026-03-01T09:30:15.250Z", "day": "2026-03-01", "opens": "08:30:00", "raw": "YWI=",
	"body": "{}", "labels": ["a", null, "b"], "price": "12.50", "client": {"name": "Zoé", "age": 40},
	"unit price": 2.5, "in": 1}]`

func TestValuesOfExpressions(t *testing.T) {
	rows := rowsOf(t, tickets, oneTicket)
	tests := []struct{ text, want string }{
		{`amount > 10`, "true"}, {`amount == 12.5 && n > 6.5 && u < 5.5`, "true"}, {`n + 1`, "8"},
		{`n * 1.5`, "10.5"},
		{`j + u`, "8"}, {`u + 1`, "6"}, {`7 / 2`, "3"}, {`n / 2.0`, "3.5"}, {`-n % 4`, "-3"},
		{`n / 0.0`, "+Inf"},
		{`u > -1`, "true"}, {`u in [5, 6]`, "true"}, {`amount in [12.5]`, "true"}, {`n in [7.0]`, "true"},
		{`priorite == "urgent" ? 1 : 2`, "1"}, {`priorite + "-" + type`, "urgent-billing"},
		{`!ok || n == 7`, "true"},
		{`priorite.startsWith("ur") && priorite.endsWith("nt") && priorite.contains("rge")`, "true"},
		{`type.matches("^b[il]+ing$")`, "true"}, {`size(priorite) + priorite.size()`, "12"},
		{`client.name == "Zoé" && client.age + 1 == 41 && client != null`, "true"},
		{`client.name.size()`, "3"},
		{`at.getHours() * 100 + at.getMinutes()`, "930"}, {`at.getMonth()`, "2"}, {`at.getDate()`, "1"},
		{`at.getHours("Europe/Paris")`, "10"}, {`at.getMilliseconds()`, "250"}, {`day.getFullYear()`, "2026"},
		{`at > timestamp("2026-03-01T09:30:15Z")`, "true"},
		{`at - duration("30m")`, "2026-03-01T09:00:15.25Z"},
		{`(at - timestamp("2026-03-01T00:00:00Z")).getHours()`, "9"}, {`at >= day`, "true"},
		{`int(at)`, "1772357415"},
		{`opens < duration("9h")`, "true"}, {`raw == b"ab"`, "true"}, {`size(raw)`, "2"},
		{`string(raw)`, "ab"},
		{`body == "{}"`, "true"}, {`"a" in labels`, "true"}, {`"x" in labels`, "false"},
		{`size(labels)`, "3"},
		{`labels.exists(l, l == "b")`, "true"}, {`labels.all(l, l == null || size(l) == 1)`, "true"},
		{`labels[0]`, "a"},
		{`labels.filter(l, l != null).map(l, l + "!")`, `["a!","b!"]`}, {`labels[1] == null`, "true"},
		{`{"billing": "finance", "bug": "tech"}[type]`, "finance"}, {`type in {"billing": 1}`, "true"},
		{`"ÉTÉ".lower() + " é ".trim() + "ß!é".upper()`, "étééß!É"}, {`string(n) + "x"`, "7x"},
		{`int("12") + n`, "19"},
		{`double("1.5") + amount`, "14"}, {`price != null && has(n)`, "true"},
		{`col("unit price") * 2.0`, "5"},
		{`col("in") + 1`, "2"}, {`[3, 1].exists_one(x, x == j)`, "true"},
		{`"multi\nline" == 'multi\nline'`, "true"},
		{"n > 6 // a comment\n && ok", "true"}, {`coalesce(amount, 0)`, "12.5"}, {`coalesce(n, amount)`, "7"},
	}
	for _, test := range tests {
		p, err := Compile(test.text, tickets)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		column, failed, err := p.Eval(rows)
		if err != nil || len(failed) > 0 {
			t.Errorf("%s: %v, %v", test.text, failed, err)
			continue
		}
		if got := column.ValueStr(0); got != test.want || column.IsNull(0) {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}

func TestNullsAreUnknown(t *testing.T) {
	rows := rowsOf(t, tickets, `[{"client": {"name": null}}]`)
	for text, want := range map[string]string{
		`n > 1`: "null", `n == n`: "null", `n != 1`: "null", `!(n > 1)`: "null", `n + 1`: "null",
		`-n`: "null",
		`ok`: "null", `ok && false`: "false", `false && ok`: "false", `ok || true`: "true",
		`ok || false`: "null",
		`n == null`:   "true", `null == n`: "true", `n != null`: "false", `has(n)`: "false",
		`price == null`:  "true",
		`labels == null`: "true", `client != null`: "true", `client.name == null`: "true",
		`client.age > 1`:  "null",
		`(n + 1) == null`: "true", `(priorite == "a") == null`: "true", `priorite in ["a"]`: "null",
		`"a" in labels`: "null", `labels.exists(l, l == "a")`: "null", `size(labels)`: "null",
		`priorite + "x"`:           "null",
		`priorite.startsWith("a")`: "null", `priorite.matches("a")`: "null", `priorite.upper()`: "null",
		`at.getHours()`: "null", `at + duration("1s") > at`: "null", `ok ? "a" : "b"`: "b",
		`n > 1 ? "a" : "b"`:     "b",
		`true ? priorite : "b"`: "null", `false ? priorite : "b"`: "b", `true ? null : 1`: "null",
		`coalesce(n, j, 3)`: "3", `coalesce(priorite, type)`: "null", `coalesce(ok, false) || true`: "true",
		`coalesce(n, 1.5)`: "1.5", `n / 0`: "null", `1 / n`: "null", `{"a": 1}[priorite]`: "null",
	} {
		p, err := Compile(text, tickets)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := strings.Trim(outcome(t, p, rows)[0], `"`); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestFaultsOfRowsHaveAReason(t *testing.T) {
	rows := rowsOf(t, tickets, `[{"n": 0, "u": 0, "priorite": "x", "type": "a", "labels": ["a"],
		"amount": 1e300,
		"ok": false}]`)
	for text, want := range map[string]string{
		`1 / n`: "division by zero", `1 % n`: "modulus by zero",
		`n - 1 - 9223372036854775807 - 1`: "integer overflow",
		`u - u - 1u`:                      "unsigned integer overflow", `ok || 1 / n > 1`: "division by zero",
		`ok && 1 / n > 1`: "false",
		`1 / n > 1 && ok`: "false", `1 / n > 1 || true`: "true", `ok ? 1 / n : 3`: "3",
		`coalesce(1 / n, 3)`: "division by zero",
		`int(amount)`:        "integer overflow", `(1 / n) == null`: "division by zero",
		`labels[3]`:      "index out of bounds: 3",
		`{"b": 1}[type]`: "no such key: a", `int(priorite) == 1`: "this string is no int64",
		`double(string(n) + "_0")`:                          "this string is no float64",
		`double("0x1p" + string(n))`:                        "this string is no float64",
		`double("-1e" + string(n))`:                         "-1",
		`timestamp("2026-02-30T00:00:0" + string(n) + "Z")`: "this string is no timestamp",
	} {
		p, err := Compile(text, tickets)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := strings.Trim(outcome(t, p, rows)[0], `"`); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// faults are what users write wrong, and the message for each.
var faults = []struct{ text, want string }{
	{``, `at 1:1: want an expression, got nothing`},
	{`priorite == "urgent`, `at 1:13: the text that begins here has no closing quote`},
	{`priorite = "a"`, `at 1:10: no operator = (write ==)`},
	{`ok and n > 1`, `at 1:4: no operator and (write &&)`},
	{`n > 1 OR ok`, `at 1:7: no operator OR (write ||)`},
	{`not ok`, `at 1:5: did not expect ok here`},
	{`n <> 1`, `at 1:3: no operator <> (write !=)`},
	{`n & 1`, `at 1:3: no operator & (write &&)`},
	{`n is not null`, `at 1:3: no operator is not null (write != null)`},
	{`priorite like "a%"`, `at 1:10: no operator like (write .contains(…) or .matches(…))`},
	{`n > 1 &&`, `at 1:9: the expression ends where something must follow`},
	{`(n > 1`, `at 1:7: a ) is missing here`},
	{`if n`, `at 1:1: if is a word of the language (write col("if") for the column)`},
	{`priorité == "a"`,
		`at 1:8: names in expressions are of the letters a to z, digits and _ (write col("…")`},
	{`priorit == "a"`, `at 1:1: no column named priorit, did you mean priorite?`},
	{"ok &&\n  client.nam == \"a\"", `at 2:9: client has no field nam, did you mean name?`},
	{`priorite.startWith("a")`, `at 1:10: no function named startWith, did you mean startsWith?`},
	{`len(priorite) > 1`, `at 1:1: no function named len, did you mean size?`},
	{`ifnull(n, 1)`, `at 1:1: no function named ifnull, did you mean coalesce?`},
	{`priorite == 3`, `at 1:10: cannot compare a string and an int64 (put the number in quotes`},
	{`at > "2026-01-01"`, `at 1:4: cannot compare a timestamp and a string (write a time as timestamp(`},
	{`priorite + n`, `at 1:10: cannot add a string and an int64 (make text of the number: string(x))`},
	{`price > 1`, `at 1:7: cannot compare a decimal(10,2) and an int64 (make a number of it before`},
	{`client == client`, `at 1:8: cannot compare`},
	{`ok && priorite`, `at 1:7: want a bool, got a string (make it a condition`},
	{`n ? 1 : 2`, `at 1:1: want a condition before ?, got an int64`},
	{`ok ? 1 : "a"`, `at 1:4: both sides of : must be of one type, got an int64 and a string`},
	{`ok ? 1 : 1.5`,
		`at 1:4: both sides of : must be of one type, got an int64 and a float64 (write the whole number`},
	{`priorite in ["a", 1]`, `at 1:13: the values of a list or map must be of one type`},
	{`n in ["a"]`, `at 1:3: cannot look for an int64 in a list(string)`},
	{`timestamp("2026-02-30T00:00:00Z") > at`, `at 1:1: this string is no timestamp`},
	{`n.getHours()`, `at 1:3: there is no getHours() of an int64`},
	{`priorite.size`, `at 1:9: a string has no fields`},
	{`null`, `at 1:1: null cannot stand here`},
	{`n + null`, `at 1:5: null cannot stand here`},
	{`coalesce(n)`, `at 1:1: coalesce wants at least two values`},
	{`ok ? null : null`, `at 1:4: the result has no type: it is always null or empty`},
	{`at - at`, `at 1:4: the result cannot be a column: it is a duration`},
	{`{"a": 1}`, `at 1:1: the result cannot be a column: it is a map(string, int)`},
	{`priorite.matches(type)`, `at 1:18: want the pattern of matches in quotes, not computed`},
	{`labels.exists(l, l.matches(l))`, `at 1:28: want the pattern of matches in quotes, not computed`},
	{`priorite.matches("(a")`, "at 1:18: the pattern cannot be read: missing closing ): `(a`"},
	{`at > timestamp("2026-13-01T00:00:00Z")`, `at 1:6: invalid RFC 3339 timestamp`},
	{`n > 1 / 0`, `at 1:7: division by zero`},
	{`9223372036854775808 > n`, `at 1:1: a whole number of over 63 bits`},
	{`google.protobuf.Duration{}`, `at 1:25: there are no types of this kind`},
	{`type(n) == n`, `at 1:1: no function named type`},
	{`int`, `at 1:1: no column named int, did you mean in?`},
	{`col(n)`, `at 1:5: want a column's name in quotes`},
}

func TestFaultsOfExpressions(t *testing.T) {
	for _, test := range faults {
		_, err := Compile(test.text, tickets)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.text, err, test.want)
			continue
		}
		fault, ok := firstFault(err)
		lines := strings.Split(test.text, "\n")
		before := len([]rune(strings.Join(lines[:max(fault.Line-1, 0)], "\n")))
		if fault.Line > 1 {
			before++
		}
		if !ok || fault.Offset != before+fault.Column-1 {
			t.Errorf("%s: got offset %d for %d:%d", test.text, fault.Offset, fault.Line, fault.Column)
		}
	}
}

func firstFault(err error) (*Error, bool) {
	if faults, ok := errors.AsType[Errors](err); ok && len(faults) > 0 {
		return faults[0], true
	}
	return nil, false
}

func TestAllFaultsOfAnExpressionAreFoundAtOnce(t *testing.T) {
	for text, want := range map[string][]string{
		`priorit == "a" && foo(n) && at > 5`: {"1:1: no column", "1:19: no function named foo", "1:32: cannot compare"},
		`n + null > 1 && type.matches("(a") && priorite.matches("[") || col(n) > nn`: {
			"1:5: null cannot", "1:30: the pattern", "1:56: the pattern", "1:68: want a column's name", "1:73: no column"},
		`lower(typ) == "a"`: {"1:1: lower", "1:7: no column named typ"},
	} {
		_, err := Compile(text, tickets)
		faults, _ := errors.AsType[Errors](err)
		if len(faults) != len(want) {
			t.Errorf("%s: got %d faults (%v), want %d", text, len(faults), err, len(want))
			continue
		}
		for i, fault := range faults {
			if !strings.HasPrefix(fault.Error(), "at "+want[i]) {
				t.Errorf("%s: got %v, want %s", text, fault, want[i])
			}
		}
	}
}

func TestAnExpressionIsBounded(t *testing.T) {
	for name, text := range map[string]string{"long": strings.Repeat("n + ", maxText/4) + "n",
		"deep": strings.Repeat("(", 2000) + "n" + strings.Repeat(")", 2000), "nested": strings.Repeat("!",
			1000) + "ok",
		"steep": strings.Repeat("[", 500) + "n" + strings.Repeat("]", 500)} {
		_, err := Compile(text, tickets)
		if _, ok := firstFault(err); err != nil && !ok {
			t.Errorf("%s: got %v", name, err)
		}
		if err == nil && name != "deep" && name != "nested" {
			t.Errorf("%s: got no error", name)
		}
	}
	rows := rowsOf(t, tickets, `[{"labels": ["a"], "n": 1}]`)
	ten := "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
	text := "n"
	for i := range 8 {
		text = fmt.Sprintf("%s.map(x%d, %s)[0]", ten, i, text)
	}
	p, err := Compile(text, tickets)
	if err != nil {
		t.Fatal(err)
	}
	_, failed, err := p.Eval(rows)
	if err != nil || len(failed) != 1 ||
		failed[0].Reason != "the expression costs more than one row may cost" {
		t.Errorf("got %v, %v, want the row to fail for its cost", failed, err)
	}
}

func TestFilterKeepsOnlyTrue(t *testing.T) {
	rows := rowsOf(t, tickets, `[{"n": 1}, {"n": null}, {"n": 3}, {"n": 0}]`)
	for text, want := range map[string]string{`12 / n > 5`: "[true false false false] [{3 division by zero}]",
		`true`: "[true true true true] []", `n == null`: "[false true false false] []",
		`[n].exists(x, x > 2)`: "[false false true false] []"} {
		p, err := CompileCondition(text, tickets)
		if err != nil {
			t.Fatal(err)
		}
		keep, failed, err := p.Filter(rows)
		if got := fmt.Sprint(keep, " ", failed); err != nil || strings.ReplaceAll(got, "] [", "] [") != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := CompileCondition("n + 1", tickets); err == nil ||
		!strings.HasPrefix(err.Error(), "at 1:1: want a condition that is true or false, got an int64") {
		t.Errorf("a number: got %v", err)
	}
}

func TestStructsOfNullHaveNullFields(t *testing.T) {
	rows := rowsOf(t, tickets, `[{"client": null}, {"client": {"name": "a"}}, {"client": {"name": null}}]`)
	for _, text := range []string{`client.name`, `client.name + ""`, `client.name.lower()`} {
		p, err := Compile(text, tickets)
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, p, rows.NewSlice(0, 3)); !slices.Equal(got, []string{"null", `"a"`, "null"}) {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// FuzzCompile wants no panic, and positions that lie within the text.
func FuzzCompile(f *testing.F) {
	for _, test := range faults {
		f.Add(test.text)
	}
	f.Add("n >\xb5")
	f.Add(`priorite == "urgent" && labels.exists(l, l == "a") ? 1 : null`)
	rows := rowsOf(f, tickets, oneTicket)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text, tickets)
		if err != nil {
			fault, ok := firstFault(err)
			if !ok || fault.Offset < 0 || fault.Offset > len([]rune(text)) || fault.Line < 1 ||
				fault.Column < 1 {
				t.Fatalf("%q: got %#v", text, err)
			}
			return
		}
		if _, _, err := p.Eval(rows); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestAProgramMayBeShared(t *testing.T) {
	rows := rowsOf(t, tickets, oneTicket)
	p, err := Compile(`priorite.matches("^u") && labels.exists(l, l == "b") && n in [7, 8]`, tickets)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				if keep, failed, err := p.Filter(rows); err != nil || len(failed) > 0 || !keep[0] {
					t.Errorf("got %v, %v, %v", keep, failed, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAConditionOverMuchTextIsEvaluatedInPieces(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	const rows = 64
	for i := range rows {
		b.Append(strings.Repeat(string(rune('a'+i%2)), 1<<20))
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	p, err := CompileCondition(`(s + s).startsWith("a") && 1 / (size(s + s + "x") - 2097153) > 0 || s < "b"`, schema)
	if err != nil {
		t.Fatal(err)
	}
	keep, failed, err := p.Filter(array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, rows))
	if err != nil || len(keep) != rows || len(failed) != 0 {
		t.Fatalf("got %d rows, %d failed, %v", len(keep), len(failed), err)
	}
	for i, kept := range keep {
		if kept != (i%2 == 0) {
			t.Errorf("row %d: got %t", i, kept)
		}
	}
	p, err = CompileCondition(`1 / (size(s + s) - 2097152) > 0`, schema)
	if err != nil {
		t.Fatal(err)
	}
	b.AppendValues(slices.Repeat([]string{strings.Repeat("a", 1<<20)}, rows), nil)
	_, failed, err = p.Filter(array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, rows))
	if err != nil || len(failed) != rows {
		t.Fatalf("got %d failed, %v, want all", len(failed), err)
	}
	for i, f := range failed {
		if f.Row != i {
			t.Errorf("fault %d is of row %d", i, f.Row)
		}
	}
}
