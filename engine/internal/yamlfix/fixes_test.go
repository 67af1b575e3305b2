package yamlfix

import "testing"

// TestFixesAreWhatWasMeant tries each kind of fix on a line by itself; the
// first one offered is the most specific.
func TestFixesAreWhatWasMeant(t *testing.T) {
	tests := []struct {
		name, line string
		inside     bool // of brackets opened on a line before
		code, want string
	}{
		{"nothing", "   ", false, "", ""},
		{"good line", "  a:", false, "", ""},
		{"no-break space", "\u00a0 a: b", false, "no-break-space", "  a: b"},
		{"comment", "  // a: b", false, "comment", "  # a: b"},
		{"escape", `  a: "\d+"`, false, "bad-escape", `  a: '\d+'`},
		{"comma", "a: { b: c d: e }", false, "missing-comma", "a: { b: c, d: e }"},
		{"comma behind a call", "a: { b: f(x) d: e }", false, "missing-comma", "a: { b: f(x), d: e }"},
		{"comma inside", "b: c d: e", true, "missing-comma", "b: c, d: e"},
		{"variable inside", "b: ${C},", true, "unquoted-variable", `b: "${C}",`},
		{"bracket inside is left to its opener", "}", true, "", ""},
		{"variable", "a: { b: ${C} }", false, "unquoted-variable", `a: { b: "${C}" }`},
		{"variable in a list item", "- { b: ${C} }", false, "unquoted-variable", `- { b: "${C}" }`},
		{"variable under a quoted key", `"a b": [${C}]`, false, "unquoted-variable", `"a b": ["${C}"]`},
		{"not closed", "a: [b, {c: d}", false, "unclosed", "a: [b, {c: d}]"},
		{"two not closed", "a: [b, {c: d", false, "unclosed", "a: [b, {c: d}]"},
		{"an item not closed", "a: [{b: {c: d}, {e: f}]", false, "unclosed", "a: [{b: {c: d} }, {e: f}]"},
		{"the last item not closed", "a: [ {b: c}, { d: [e] ]", false, "unclosed", "a: [ {b: c}, { d: [e] } ]"},
		{"a list not closed in an item", "a: { b: [c, d }", false, "unclosed", "a: { b: [c, d] }"},
		{"closed twice", "a: b]", false, "unclosed", "a: b"},
		{"an opener at the end waits for its lines", "a: {", false, "", ""},
		{"colon", "a:b", false, "missing-space", "a: b"},
		{"an address is no key", "http://x", false, "", ""},
		{"two keys", "a: b: {c: d}", false, "nested-key", "a: { b: {c: d} }"},
		{"two keys in an item", "- a: b: 1m", false, "nested-key", "- a: { b: 1m }"},
		{"quote", `a: "b`, false, "unclosed", `a: "b"`},
		{"comment behind a value", "a: *b # c", false, "unquoted-value", `a: "*b" # c`},
		{"text behind a quote", `- "a" == b`, false, "unquoted-value", `- '"a" == b'`},
		{"apostrophe", "a: 'l'eau'", false, "unquoted-value", `a: "l'eau"`},
		{"both quotes", `a: 'l'eau "x"'`, false, "unquoted-value", `a: 'l''eau "x"'`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got fix
			if fixes := fixesOf(test.line, test.inside); len(fixes) > 0 {
				got = fixes[0]
			}
			if got.code == "unquoted-value" && test.want == "" {
				got = fix{} // quoting the whole value is always offered last
			}
			if got.code != test.code || got.line != test.want {
				t.Errorf("got %s %q, want %s %q", got.code, got.line, test.code, test.want)
			}
		})
	}
}

func TestIndentationIsMovedToTheNearestKey(t *testing.T) {
	src := New("a:\n  b:\n    # note\n    c: d\n   e: f\n")
	widths := src.widthsBefore(5)
	if len(widths) != 3 || widths[0] != 4 && widths[0] != 2 {
		t.Fatalf("got %v, want the widths of c, b and a, the nearest first", widths)
	}
	fixes := fixIndentation(src.Line(5), widths)
	if len(fixes) != 3 || fixes[0].line != "    e: f" || fixes[0].column != 4 {
		t.Errorf("got %+v", fixes)
	}
}

func TestLongLinesAreNotFixed(t *testing.T) {
	line := "a: { b: ${C} }"
	for len(line) <= MaxLine {
		line += line
	}
	if fixes := fixesOf(line, false); fixes != nil {
		t.Errorf("got %d fixes of a line of %d bytes, want none", len(fixes), len(line))
	}
}
