package config

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCaretsStandUnderTheFault(t *testing.T) {
	text := strings.Join([]string{
		`a: "quoted, text" # note`,
		"\tb: {x: 1}",
		`日本: wide`,
		`e: e` + "\u0301" + `t x: ` + strings.Repeat("long ", 60) + `END, ` + strings.Repeat("more ", 60),
		`short`,
	}, "\n")
	src, _ := newSource("t.yaml", []byte(text))
	f := &File{Paths: []string{"t.yaml"}, sources: map[string]*source{"t.yaml": src}}
	end := utf8.RuneCountInString(src.Lines[3][:strings.Index(src.Lines[3], "END")]) + 1
	tests := []struct {
		name         string
		line, column int
		want         string
	}{
		{"a quoted value", 1, 4, "    1 | a: \"quoted, text\" # note\n      |    ^^^^^^^^^^^^^^\n"},
		{"a key", 1, 1, "    1 | a: \"quoted, text\" # note\n      | ^\n"},
		{"behind a tab", 2, 2, "    2 | \tb: {x: 1}\n      | \t^\n"},
		{"a bracket", 2, 5, "    2 | \tb: {x: 1}\n      | \t   ^\n"},
		{"wide characters", 3, 1, "    3 | 日本: wide\n      | ^^^^\n"},
		{"behind wide characters", 3, 5, "    3 | 日本: wide\n      |       ^^^^\n"},
		{"far right", 4, end, "    4 | …" + strings.Repeat("long ", 12) + "END, " +
			strings.Repeat("more ", 7) + "…\n      | " + strings.Repeat(" ", 61) + "^^^\n"},
		{"behind the end", 5, 99, "    5 | short\n      |      ^\n"},
		{"no such line", 9, 1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			f.Render(&out, []Problem{{Position: src.at(test.line, test.column), Message: "m"}})
			_, got, _ := strings.Cut(out.String(), "\n")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestProblemsAreRenderedInOrderAndOnce(t *testing.T) {
	f := &File{Paths: []string{"b.yaml", "a.yaml"}}
	at := func(file string, line, column int) Position {
		return Position{File: file, Line: line, Column: column}
	}
	var out bytes.Buffer
	f.Render(&out, []Problem{
		{Position: Position{Text: "--set x"}, Message: "5"},
		{Position: at("a.yaml", 1, 1), Message: "4", Warning: true, Path: "p", Hint: "h"},
		{Position: at("b.yaml", 2, 2), Message: "3"},
		{Position: at("b.yaml", 2, 1), Message: "2"},
		{Position: at("b.yaml", 2, 1), Message: "2", Path: "another alias"},
		{Position: at("b.yaml", 1, 9), Message: "1"},
		{Position: Position{File: "b.yaml"}, Message: "0"},
	})
	want := "b.yaml: 0\nb.yaml:1:9: 1\nb.yaml:2:1: 2\nb.yaml:2:2: 3\n" +
		"a.yaml:1:1: warning: p: 4 (h)\n--set x: 5\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
