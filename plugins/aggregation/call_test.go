package aggregation

import "testing"

func TestCallsAreParsed(t *testing.T) {
	tests := []struct {
		text string
		want Call
	}{
		{"count()", Call{"count", "", 0}},
		{" count ( ) ", Call{"count", "", 0}},
		{"count(client_id)", Call{"count", "client_id", 0}},
		{"sum( amount )", Call{"sum", "amount", 0}},
		{"max(payload.size)", Call{"max", "payload.size", 0}},
		{"min(durée)", Call{"min", "durée", 0}},
		{`avg("unit price (EUR)")`, Call{"avg", "unit price (EUR)", 0}},
		{`avg("say \"x\"")`, Call{"avg", `say "x"`, 0}},
		{"quantile(amount, 0.95)", Call{"quantile", "amount", 0.95}},
		{`quantile("a b",1)`, Call{"quantile", "a b", 1}},
		{"quantile(a, 1e-3)", Call{"quantile", "a", 0.001}},
		{"approx_count_distinct(client_id)", Call{"approx_count_distinct", "client_id", 0}},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			var c Call
			if err := c.UnmarshalText([]byte(test.text)); err != nil || c != test.want {
				t.Errorf("got %+v, %v; want %+v", c, err, test.want)
			}
		})
	}
}

func TestBadCallsAreExplained(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `want a call such as count() or sum(amount), got ""`},
		{"count", `want a call such as count() or sum(amount), got "count"`},
		{"42", `want a call such as count() or sum(amount), got "42"`},
		{"cuont()", `no aggregate named "cuont", did you mean count?`},
		{"mean(x)", `no aggregate named "mean", did you mean avg?`},
		{"frobnicate(x)", `no aggregate named "frobnicate" (have count, sum, avg, min, max, first, last, ` +
			`quantile, count_distinct, approx_count_distinct)`},
		{"p95(x)", `no aggregate named "p95" (have count, sum, avg, min, max, first, last, quantile, ` +
			`count_distinct, approx_count_distinct)`},
		{"median(x)", `no aggregate named "median", did you mean quantile?`},
		{"quantile(x)", "quantile takes a column and a number from 0 to 1, such as quantile(amount, 0.95), " +
			`got "quantile(x)"`},
		{"quantile(x, y)", `quantile wants a number from 0 to 1 behind its column, got "y"`},
		{"quantile(x, 95)", "quantile wants a number from 0 to 1, got 95; write quantile(x, 0.95)"},
		{"quantile(x, 99.9)", "quantile wants a number from 0 to 1, got 99.9; write quantile(x, 0.999)"},
		{"quantile(x, -1)", "quantile wants a number from 0 to 1, got -1"},
		{"quantile(x, NaN)", "quantile wants a number from 0 to 1, got NaN"},
		{"count(*)", `want count() for all rows, got "count(*)"`},
		{"sum()", "sum takes a column, such as sum(amount), got none"},
		{"sum(a, b)", `sum takes one column, got 2 in "sum(a, b)"`},
		{"sum(a", `want , or ), got the end in "sum(a"`},
		{"sum(a b)", `want , or ), got 'b' in "sum(a b)"`},
		{"sum(a) > 3", `want nothing after ), got '>' in "sum(a) > 3"`},
		{`sum("a)`, `want a closing quote after "a) in "sum(\"a)"`},
		{`sum("")`, `want a column, got an empty name in "sum(\"\")"`},
		{"sum(,)", `want a column, got ',' in "sum(,)"`},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			var c Call
			if err := c.UnmarshalText([]byte(test.text)); err == nil || err.Error() != test.want {
				t.Errorf("got %+v, %v; want %s", c, err, test.want)
			}
		})
	}
}

func FuzzCall(f *testing.F) {
	for _, text := range []string{"count()", "sum(a)", `avg("a b")`, "count(*)", "sum(a,b)",
		`min("\x00")`, "é(é)", "quantile(x, 0.95)",
		"quantile(x, 1e-300)", "quantile(x,-0)", "quantile(*, .5)", "quantile(x, 0x1p-2)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, again Call
		if c.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(c.String())); err != nil || again != c {
			t.Errorf("%q reads as %+v, and its text %s as %+v, %v", text, c, c, again, err)
		}
	})
}
