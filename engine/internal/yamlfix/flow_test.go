package yamlfix

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestFlowValuesAreQuotedAsMeant(t *testing.T) {
	tests := []struct{ line, want string }{
		{`{ a: b, c: [d, e] }`, ""},
		{`{ a: "x, y", 'b': 'z' }`, ""},
		{`{ a: f(x) }`, ""},
		{`{ a: f(x, y) }`, `{ a: "f(x, y)" }`},
		{`{a: f(g(x, 1), "y, z"), b: c}`, `{a: 'f(g(x, 1), "y, z")', b: c}`},
		{`[count(), quantile(x, 0.95)]`, `[count(), "quantile(x, 0.95)"]`},
		{`{ a: ${X} }`, `{ a: "${X}" }`},
		{`{ a: ${X:b:1}/c, d: ${E} }`, `{ a: "${X:b:1}/c", d: "${E}" }`},
		{`{ a: { b: ${X} }, c: d }`, `{ a: { b: "${X}" }, c: d }`},
		{`{ a: x ? y : z }`, `{ a: "x ? y : z" }`},
		{`{ a: x[0] }`, `{ a: "x[0]" }`},
		{`{ a: x in ["p", "q"] }`, `{ a: 'x in ["p", "q"]' }`},
		{`{ a: "x" == y }`, `{ a: '"x" == y' }`},
		{`{ a: 'x, b: c }`, `{ a: 'x', b: c }`},
		{`{ a: l'eau, b: ${X} }`, `{ a: l'eau, b: "${X}" }`},
		{`{ a: # }`, `{ a: "#" }`},
		{`{ a: *.csv } # note`, `{ a: "*.csv" } # note`},
		{`{ a: f(x, y }`, ""},
		{`{ a: ) }`, ""},
		{`{ "k": ${X} }`, `{ "k": "${X}" }`},
		{`{ a: it's \ [x] }`, `{ a: 'it''s \ [x]' }`},
		{`{é: ${É}}`, `{é: "${É}"}`},
	}
	for _, test := range tests {
		got, first, _ := quoteFlow(test.line, 1, false)
		if test.want == "" {
			test.want = test.line
		}
		if got != test.want || (first > 0) != (got != test.line) {
			t.Errorf("%s: got %s (column %d), want %s", test.line, got, first, test.want)
		}
	}
}

func TestQuotedTextIsWhatWasQuoted(t *testing.T) {
	for _, text := range []string{"a", "f(x, 1)", `a "b" c`, "l'eau", `both ' and "`, `\d+`, "é: ${X}"} {
		var back string
		if err := yaml.Unmarshal([]byte(quoteText(text)), &back); err != nil || back != text {
			t.Errorf("%s: got %q, %v", text, back, err)
		}
	}
}

func TestColumnsOfFixedLinesAreThoseWritten(t *testing.T) {
	written := `      x: { a: ${A:1}, bb: ${B:2}, ccc: 3 }`
	fixed, _, _ := quoteFlow(written, 10, false)
	for _, part := range []string{"a:", "bb:", "ccc:", "3 }"} {
		at := runes(fixed[:strings.Index(fixed, part)]) + 1
		want := runes(written[:strings.Index(written, part)]) + 1
		if got := writtenColumn(written, fixed, at); got != want {
			t.Errorf("%s: got column %d, want %d", part, got, want)
		}
	}
}
