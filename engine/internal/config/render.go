package config

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"etlengine/engine/internal/yamlfix"
)

// Render prints problems in the order of the files, each with its line of
// source and a caret under the offending text. What variables were filled with
// is never printed: the source line holds their names only.
func (f *File) Render(w io.Writer, ps []Problem) {
	for _, p := range f.sorted(slices.Clone(ps)) {
		text := f.Secrets.Mask(p.Error())
		if p.Warning {
			text = strings.Replace(text, ": ", ": warning: ", 1)
		}
		fmt.Fprintln(w, text)
		src := f.sources[p.File]
		if src == nil || p.Line < 1 || p.Line > len(src.Lines) {
			continue
		}
		shown, column := f.maskedLine(src.Lines[p.Line-1], p.Column)
		line, pad, mark := excerpt([]rune(shown), column)
		number := fmt.Sprintf("%5d", p.Line)
		fmt.Fprintf(w, "%s | %s\n%s | %s%s\n", number, line, strings.Repeat(" ", len(number)), pad, mark)
	}
}

// maskedLine is a line of source without secrets, before a part of it is shown,
// and the column in it: what stands before may have become shorter.
func (f *File) maskedLine(line string, column int) (string, int) {
	text := []rune(line)
	at := min(max(column-1, 0), len(text))
	whole := f.Secrets.Mask(line)
	if whole == line {
		return line, column
	}
	before := f.Secrets.Mask(string(text[:at]))
	if !strings.HasPrefix(whole, before) { // the column lies in a secret
		before = strings.TrimSuffix(before, masked)
	}
	return whole, min(len([]rune(before)), len([]rune(whole))) + 1
}

// excerpt selects a window of the line around the column, and returns what to
// print below it: a pad as wide as what stands before, and the carets.
func excerpt(line []rune, column int) (shown, pad, mark string) {
	const width, before = 100, 60
	at := min(max(column-1, 0), len(line))
	length := max(offending(line[at:]), 1)
	start, end := 0, len(line)
	if end > width {
		start = max(0, at-before)
		end = min(start+width, end)
	}
	for _, r := range line[start:at] {
		if r == '\t' { // as wide as above
			pad += "\t"
		} else {
			pad += strings.Repeat(" ", cells(r))
		}
	}
	for _, r := range line[at:min(at+length, end)] {
		mark += strings.Repeat("^", cells(r))
	}
	if mark == "" {
		mark = "^"
	}
	shown = string(line[start:end])
	if start > 0 {
		shown, pad = "…"+shown, " "+pad
	}
	if end < len(line) {
		shown += "…"
	}
	return shown, pad, mark
}

// offending is how long the key or value at the start of text is.
func offending(text []rune) int {
	if len(text) == 0 {
		return 0
	}
	if text[0] == '"' || text[0] == '\'' {
		if n := yamlfix.QuotedLength(text); n > 0 {
			return n
		}
	}
	if strings.ContainsRune("{[", text[0]) {
		return 1
	}
	if closing := slices.Index(text, '}'); closing > 0 && strings.HasPrefix(string(text), "${") {
		return closing + 1
	}
	end := 0
	for end < len(text) && !endsWord(text[end:]) {
		end++
	}
	return len([]rune(strings.TrimRight(string(text[:end]), " \t")))
}

// endsWord reports whether a key or a plain value ends before text.
func endsWord(text []rune) bool {
	followed := len(text) > 1 && text[1] != ' ' && text[1] != '\t'
	switch text[0] {
	case ',', '}', ']':
		return true
	case ':':
		return !followed
	case ' ', '\t':
		return len(text) > 1 && text[1] == '#'
	}
	return false
}

// cells is how wide a character is, in columns of a terminal: two for East
// Asian scripts and emoji, none for combining marks.
func cells(r rune) int {
	switch {
	case r >= 0x300 && r <= 0x36f, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff, r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}
