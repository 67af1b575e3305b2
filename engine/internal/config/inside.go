package config

import (
	"strings"

	"etlengine/engine/internal/yamlfix"
)

// Inside is the position of a character in a scalar, counted from 0 in code points
// of its text. It is false if the text does not stand in the file as it is:
// filled from a variable, or folded in a way that is not followed.
func (f *File) Inside(n *Node, offset int) (Position, bool) {
	text := []rune(n.Text())
	src := f.sources[n.Pos().File]
	if src == nil || n.filled || n.pos.Text != "" || n.pos.Line < 1 || offset < 0 || offset > len(text) {
		return Position{}, false
	}
	c := cursor{src: src, line: n.pos.Line, column: n.pos.Column}
	c.open()
	for _, r := range text[:offset] {
		if !c.pass(r) {
			return Position{}, false
		}
	}
	if offset < len(text) && text[offset] != ' ' && !c.standsAt(text[offset]) {
		return Position{}, false
	}
	return src.at(c.line, c.column), true
}

// cursor walks through a scalar as it was written, next to its text.
type cursor struct {
	src          *source
	line, column int  // from 1
	quote        rune // ' or ", 0 for plain text and blocks
	block        int  // column where the lines of a block begin, 0 outside of one
}

// remaining is what stands on the line from the cursor on.
func (c *cursor) remaining() []rune {
	if c.line > len(c.src.Lines) || len(c.src.Lines[c.line-1]) > yamlfix.MaxLine {
		return nil
	}
	line := []rune(c.src.Lines[c.line-1])
	return line[min(c.column-1, len(line)):]
}

// open goes to the first character of the text.
func (c *cursor) open() {
	remaining := c.remaining()
	switch {
	case len(remaining) == 0:
	case remaining[0] == '\'' || remaining[0] == '"':
		c.quote = remaining[0]
		c.column++
	case remaining[0] == '|' || remaining[0] == '>':
		c.block = 1
		c.nextLine()
		c.block = c.column
	}
}

// nextLine goes to the first character of the next line that has any.
func (c *cursor) nextLine() {
	for {
		c.line++
		c.column = 1
		remaining := c.remaining()
		text := strings.TrimLeft(string(remaining), " ")
		if text == "" && c.line < len(c.src.Lines) {
			continue
		}
		c.column += len(remaining) - len([]rune(text))
		if c.block > 1 {
			c.column = min(c.column, c.block)
		}
		return
	}
}

// pass goes over a character of the text, false if it is not there.
func (c *cursor) pass(r rune) bool {
	if (r == ' ' || r == '\n') && strings.TrimSpace(string(c.remaining())) == "" {
		c.nextLine() // a line ends here: folded into a space, or kept
		return true
	}
	if !c.standsAt(r) {
		return false
	}
	c.column += c.width(r)
	return true
}

// width is the number of characters in the file that make up one of the text.
func (c *cursor) width(r rune) int {
	switch {
	case c.quote == '\'' && r == '\'', c.quote == '"' && (r == '"' || r == '\\' || r == '\n' || r == '\t'):
		return 2
	}
	return 1
}

func (c *cursor) standsAt(r rune) bool {
	remaining := c.remaining()
	if len(remaining) < c.width(r) {
		return false
	}
	if c.width(r) == 1 {
		return remaining[0] == r && (c.quote != '"' || r != '\\')
	}
	escapes := map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\t': `\t`}
	want := "''"
	if c.quote == '"' {
		want = escapes[r]
	}
	return string(remaining[:2]) == want
}
