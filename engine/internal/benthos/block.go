package benthos

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var blockStart = regexp.MustCompile(`[|>][0-9+-]*\s*(?:#.*)?$`)

// inBlock corrects a position that Benthos gives inside of a text of several lines: it
// adds the column of the | to those of the text, and the end of the text is for it the
// line behind.
func inBlock(lines []string, line, column int) (int, int) {
	last := line // the last line of the text, if it ends before
	for ; last > 1 && strings.TrimSpace(lines[last-2]) == ""; last-- {
	}
	last--
	for head := line - 1; head > 0; head-- {
		at := blockStart.FindStringIndex(lines[head-1])
		outside := indentation(lines, head)
		if at == nil && outside > 0 {
			continue
		}
		if at == nil {
			return line, column
		}
		first := head + 1
		for first < len(lines) && strings.TrimSpace(lines[first-1]) == "" {
			first++
		}
		indent, start := indentation(lines, first), utf8.RuneCountInString(lines[head-1][:at[0]])+1
		for between := first; between < line; between++ {
			if strings.TrimSpace(lines[between-1]) != "" && indentation(lines, between) < indent {
				return line, column // of another text
			}
		}
		if indentation(lines, line) >= indent && strings.TrimSpace(lines[line-1]) != "" {
			return line, max(column-start+indent, 1)
		}
		if column == start+1 { // the first of the line behind the text
			return last, utf8.RuneCountInString(lines[last-1]) + 1
		}
		return line, column
	}
	return line, column
}

// indentation is how many blanks begin a line, of those from 1.
func indentation(lines []string, number int) int {
	if number > len(lines) {
		return 0
	}
	line := lines[number-1]
	return len(line) - len(strings.TrimLeft(line, " "))
}
