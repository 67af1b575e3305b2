package aggregation

import "testing"

func TestCallsAreParsed(t *testing.T) {
	tests := []struct {
		text string
		want Call
	}{
		{"count()", Call{"count", ""}},
		{" count ( ) ", Call{"count", ""}},
		{"count(client_id)", Call{"count", "client_id"}},
		{"sum( amount )", Call{"sum", "amount"}},
		{"max(payload.size)", Call{"max", "payload.size"}},
		{"min(durée)", Call{"min", "durée"}},
		{`avg("unit price (EUR)")`, Call{"avg", "unit price (EUR)"}},
		{`avg("say \"x\"")`, Call{"avg", `say "x"`}},
		{"approx_count_distinct(client_id)", Call{"approx_count_distinct", "client_id"}},
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
			`count_distinct, approx_count_distinct)`},
		{"quantile(x, 0.95)", "quantile is not available yet (have count, sum, avg, min, max, first, last, " +
			"count_distinct, approx_count_distinct)"},
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
		`min("\x00")`, "é(é)"} {
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
