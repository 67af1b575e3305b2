package config

import (
	"strings"
	"testing"
)

func TestCharactersOfAScalarAreFoundInTheFile(t *testing.T) {
	tests := []struct{ name, value, mark string }{ // mark begins with what must be pointed at
		{"plain", `a > bad`, "bad"},
		{"single quotes", `'a == "x" && bad'`, "bad"},
		{"a quote in single quotes", `'a == ''x'' && bad'`, "bad"},
		{"double quotes", `"a == \"é\" && bad"`, "bad"},
		{"an escape in double quotes", `"a == '\\' && bad"`, "bad"},
		{"a quote itself", `'a == ''x'''`, "''x"},
		{"literal block", "|\n          a &&\n            bad\n", "bad"},
		{"folded block", ">-\n          a &&\n          bad\n", "bad"},
		{"plain text on two lines", "a &&\n          bad", "bad"},
		{"quoted text on two lines", "'a &&\n          bad'", "bad"},
		{"the beginning", `'bad'`, "bad"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := "pipelines:\n  p:\n    input: { csv: { path: in } }\n    processors:\n      - filter: " +
				test.value + "\n    output: { csv: { path: out } }\n"
			f, problems := load(t, Options{}, text)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			n := f.Pipelines[0].Processors[0].Config
			offset := strings.Index(n.Text(), strings.ReplaceAll(test.mark, "''", "'"))
			at, ok := f.Inside(n, len([]rune(n.Text()[:offset])))
			before := text[:strings.Index(text, test.mark)]
			line := strings.Count(before, "\n") + 1
			column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
			if !ok || at.Line != line || at.Column != column {
				t.Errorf("got %v (%v), want %d:%d", at, ok, line, column)
			}
		})
	}
}

func TestFilledTextHasNoPositionsInside(t *testing.T) {
	f, problems := load(t, Options{}, "pipelines:\n  p:\n    input: { csv: { path: in } }\n    processors:\n"+
		"      - filter: 'a > ${LIMIT:10} && bad'\n      - filter: \"a \\x3e bad\"\n"+
		"    output: { csv: { path: out } }\n")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, s := range f.Pipelines[0].Processors {
		if at, ok := f.Inside(s.Config, 6); ok {
			t.Errorf("%s: got %v, want no place", s.Config.Text(), at)
		}
	}
}
