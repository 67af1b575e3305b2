package yamlfix

import "strings"

// flowLine reads one line of flow style, { … } or [ … ], as it was meant:
// brackets inside a call belong to the call, ${…} is a value.
type flowLine struct {
	in     []rune
	out    strings.Builder
	at     int
	open   []rune // the brackets around the position
	value  bool   // past the colon of an entry
	first  int    // column of the first value that needs quotes, 0 if none does
	text   string // that value
	failed bool
}

// quoteFlow puts quotes around the values that flow style would take apart. It
// begins at a column, inside of a flow map already if inside is set. It returns
// the column of the first such value, or 0 if there is none.
func quoteFlow(line string, column int, inside bool) (quoted string, first int, text string) {
	f := &flowLine{in: []rune(line), at: column - 1}
	f.out.WriteString(string(f.in[:f.at]))
	if inside {
		f.open = []rune{'{'}
	}
	for f.at < len(f.in) && !f.failed {
		f.token()
		if len(f.open) == 0 {
			break
		}
	}
	if f.failed || f.first == 0 {
		return line, 0, ""
	}
	f.out.WriteString(string(f.in[f.at:]))
	return f.out.String(), f.first, f.text
}

func (f *flowLine) token() {
	switch r := f.in[f.at]; r {
	case ' ', '\t':
		f.copy(1)
	case '{', '[':
		f.open = append(f.open, r)
		f.value = r == '['
		f.copy(1)
	case '}', ']':
		f.open = f.open[:len(f.open)-1]
		f.value = true
		f.copy(1)
	case ',':
		f.value = f.inList()
		f.copy(1)
	default:
		f.segment()
	}
}

func (f *flowLine) inList() bool {
	return len(f.open) > 0 && f.open[len(f.open)-1] == '['
}

func (f *flowLine) copy(n int) {
	f.out.WriteString(string(f.in[f.at : f.at+n]))
	f.at += n
}

// segment reads a key with its colon, or a value up to its comma or bracket.
func (f *flowLine) segment() {
	if end := colonAfterKey(f.in[f.at:]); end > 0 && (!f.value || f.inList()) {
		f.copy(end)
		f.value = true
		return
	}
	length := valueLength(f.in[f.at:])
	if length <= 0 { // a bracket that nothing opened
		f.failed = true
		return
	}
	text := strings.TrimRight(string(f.in[f.at:f.at+length]), " \t")
	if !needsQuotes(text) {
		f.copy(length)
		return
	}
	if f.first == 0 {
		f.first, f.text = f.at+1, text
	}
	if unclosedQuote(text) {
		f.out.WriteString(text + text[:1])
	} else {
		f.out.WriteString(quoteText(text))
	}
	f.at += len([]rune(text))
}

// colonAfterKey is the length of `key:` at the start of text, or 0: a key is a
// word or quoted, and a space, a bracket or the end follows its colon.
func colonAfterKey(text []rune) int {
	end := 0
	if text[0] == '"' || text[0] == '\'' {
		end = QuotedLength(text)
	} else {
		for end < len(text) && !strings.ContainsRune(` ,:{}[]()"'#`, text[end]) {
			end++
		}
	}
	if end == 0 || end >= len(text) || text[end] != ':' {
		return 0
	}
	if end+1 == len(text) || strings.ContainsRune(" ,{}[]", text[end+1]) {
		return end + 1
	}
	return 0
}

// QuotedLength is the length of the quoted text at the start, 0 if it does not end.
func QuotedLength(text []rune) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0] && text[0] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return 0
}

func unclosedQuote(text string) bool {
	return (text[0] == '"' || text[0] == '\'') && QuotedLength([]rune(text)) == 0
}

// valueLength is how far a value goes: to the comma or bracket that is not
// inside of its own brackets or quotes. -1: its brackets do not match.
func valueLength(text []rune) int {
	var open []rune
	for i := 0; i < len(text); i++ {
		switch r := text[i]; {
		case r == '"' || r == '\'' && (i == 0 || strings.ContainsRune(" (=,[", text[i-1])):
			if n := QuotedLength(text[i:]); n > 0 {
				i += n - 1
			}
		case strings.ContainsRune("([{", r):
			open = append(open, closing(r))
		case strings.ContainsRune(")]}", r):
			if len(open) == 0 {
				return i
			}
			if open[len(open)-1] != r {
				return -1
			}
			open = open[:len(open)-1]
		case r == ',' && len(open) == 0:
			return i
		}
	}
	if len(open) > 0 {
		return -1
	}
	return len(text)
}

func closing(bracket rune) rune {
	switch bracket {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// needsQuotes reports whether flow style would not give the text back.
func needsQuotes(text string) bool {
	if text == "" {
		return false
	}
	if runes := []rune(text); text[0] == '"' || text[0] == '\'' {
		return QuotedLength(runes) != len(runes)
	}
	return strings.ContainsAny(text, ",[]{}") || strings.Contains(text, ": ") ||
		strings.HasSuffix(text, ":") || strings.Contains(text, " #") ||
		strings.ContainsAny(text[:1], "*&!|>%@`#?") || text == "-" || strings.HasPrefix(text, "- ")
}

// quoteText puts text in the quotes that change it least.
func quoteText(text string) string {
	if !strings.ContainsAny(text, `"\`) {
		return `"` + text + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
