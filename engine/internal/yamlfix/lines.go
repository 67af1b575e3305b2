package yamlfix

import (
	"slices"
	"strings"
)

// splitLines splits where YAML counts a new line, so that positions agree.
func splitLines(text string) []string {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	return strings.Split(breaks.Replace(text), "\n")
}

// current is the text to parse: as written until something was fixed.
func (t *Text) current() string {
	if t.fixed == nil {
		return t.text
	}
	return strings.Join(t.fixed, "\n")
}

// lines are those of the current text.
func (t *Text) lines() []string {
	if t.fixed == nil {
		return t.Lines
	}
	return t.fixed
}

// Line is a line of the text as it was parsed, numbered from 1; "" if there is none.
func (t *Text) Line(number int) string {
	lines := t.lines()
	if number < 1 || number > len(lines) {
		return ""
	}
	return lines[number-1]
}

func (t *Text) fix(line int, text string) {
	if t.fixed == nil {
		t.fixed = slices.Clone(t.Lines)
	}
	t.fixed[line-1] = text
}

// withLine is the current text with one line changed.
func (t *Text) withLine(number int, text string) string {
	changed := slices.Clone(t.lines())
	changed[number-1] = text
	return strings.Join(changed, "\n")
}

// Written turns a position in the text as it was parsed into one in the text as
// written.
func (t *Text) Written(line, column int) (int, int) {
	if t.fixed == nil || line < 1 || line > len(t.Lines) || t.fixed[line-1] == t.Lines[line-1] {
		return line, column
	}
	return line, writtenColumn(t.Lines[line-1], t.fixed[line-1], column)
}

// writtenColumn walks both lines: a character that only the fixed one has was put in.
func writtenColumn(written, fixed string, column int) int {
	old, fresh := []rune(written), []rune(fixed)
	at := 0
	for i := 0; i < column-1 && i < len(fresh); i++ {
		if at < len(old) && old[at] == fresh[i] {
			at++
		}
	}
	return at + 1
}

// StartsWith reports whether a character stands at a position of the text as it was
// parsed.
func (t *Text) StartsWith(line, column int, want rune) bool {
	text := t.Line(line)
	if len(text) > MaxLine || column < 1 {
		return false
	}
	at := []rune(text)
	return column <= len(at) && at[column-1] == want
}

// fault is one at a position of the current text.
func (t *Text) fault(line, column int, code, message, hint string) Fault {
	line, column = t.Written(line, column)
	return Fault{line, column, code, message, hint}
}
