package config

import (
	"fmt"
	"regexp"
	"strings"
)

// mend is another spelling of a line that YAML cannot read, and what was wrong
// with the one written.
type mend struct {
	line          string // "" if there is no mending it
	column        int    // of the trouble
	code, message string
	hint          string // "": the mended line
}

// mendsOf lists what a line that YAML stumbles over may have meant, the most
// specific first. inside: it continues a { or [ of a line before.
func mendsOf(line string, inside bool) []mend {
	if strings.TrimSpace(line) == "" || len(line) > maxLine {
		return nil
	}
	mends := append(mendForeign(line), mendEscape(line)...)
	if inside {
		mends = append(mends, mendComma(line, textColumn(line))...)
		return append(mends, mendFlow(line, textColumn(line), true)...)
	}
	if column, flow := flowStart(line); flow {
		mends = append(mends, mendComma(line, column)...)
		mends = append(mends, mendFlow(line, column, false)...)
	}
	for _, try := range [...]func(string) []mend{
		mendBrackets, mendColon, mendNestedKey, mendQuote, mendValue,
	} {
		mends = append(mends, try(line)...)
	}
	return mends
}

// noBreak is what some keyboards and web pages have for a space.
const noBreak = "\u00a0"

// mendForeign takes other languages' comments and other spaces for what they
// look like.
func mendForeign(line string) []mend {
	column := textColumn(line)
	if text := strings.TrimLeft(line, " "); strings.HasPrefix(text, "//") {
		return []mend{{line: strings.Replace(line, "//", "#", 1), column: column,
			code: "comment", message: "a comment begins with #"}}
	}
	return mendSpace(line)
}

func mendSpace(line string) []mend {
	text := strings.TrimLeft(line, " "+noBreak)
	indent := line[:len(line)-len(text)]
	if text == "" || !strings.Contains(indent, noBreak) {
		return nil
	}
	return []mend{{line: strings.ReplaceAll(indent, noBreak, " ") + text,
		column: runes(indent[:strings.Index(indent, noBreak)]) + 1, code: "no-break-space",
		message: "a no-break space in the indentation", hint: "indent with plain spaces"}}
}

var escaped = regexp.MustCompile(`"([^"']*\\[^"']*)"`)

// mendEscape puts single quotes around text with a \, which begins an escape in
// double quotes.
func mendEscape(line string) []mend {
	at := escaped.FindStringIndex(line)
	if at == nil {
		return nil
	}
	return []mend{{line: escaped.ReplaceAllString(line, "'$1'"), column: runes(line[:at[0]]) + 1,
		code: "bad-escape", message: "a \\ in double quotes begins an escape, and this is none"}}
}

// mendFlow quotes values in { … } and [ … ].
func mendFlow(line string, column int, inside bool) []mend {
	quoted, first, text := quoteFlow(line, column, inside)
	if first == 0 {
		return nil
	}
	m := mend{line: quoted, column: first, code: "unquoted-value",
		message: fmt.Sprintf("%s needs quotes inside of { } or [ ]", text)}
	switch {
	case unclosedQuote(text):
		m.code, m.message = "unclosed", "this quote is not closed"
	case strings.Contains(text, "${"):
		m.code = "unquoted-variable"
	}
	return []mend{m}
}

// flowStart is the column of the bracket that begins a value in flow style.
func flowStart(line string) (column int, ok bool) {
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || parts[3][0] != '{' && parts[3][0] != '[' {
		return 0, false
	}
	return runes(parts[1]+parts[2]) + 1, true
}

func textColumn(line string) int {
	return runes(line) - runes(strings.TrimLeft(line, " \t")) + 1
}

func runes(s string) int {
	return len([]rune(s))
}

// blockLine is indentation and dashes, a key with its colon, and a value.
var blockLine = regexp.MustCompile(`^(\s*(?:-\s+)*)` +
	`((?:[^\s"'{\[#&*!|>%@\x60:-][^:#]*|"[^"]*"|'[^']*'):\s+)?(\S.*)$`)

// twoEntries is a value, a space, and the next key with its colon.
var twoEntries = regexp.MustCompile(`([^\s,:;?{\[]["')\]}]?);?(\s+)([A-Za-z_][\w.]*:\s|"[^"]+":\s)`)

// mendComma puts commas between the entries of a { … } that lacks them.
func mendComma(line string, column int) []mend {
	if strings.Contains(line, " ? ") {
		return nil
	}
	head, tail := string([]rune(line)[:column-1]), string([]rune(line)[column-1:])
	at := twoEntries.FindStringSubmatchIndex(tail)
	if at == nil {
		return nil
	}
	return []mend{{line: head + twoEntries.ReplaceAllString(tail, "$1,$2$3"),
		column: column + runes(tail[:at[6]]), code: "missing-comma",
		message: "a comma is missing before " + strings.TrimSpace(tail[at[6]:at[7]])}}
}

// mendLineComma ends a line inside of { } with a comma.
func mendLineComma(line string) []mend {
	text := strings.TrimRight(line, " \t")
	if text == "" || strings.ContainsAny(text[len(text)-1:], ",{[:") || strings.Contains(text, "#") {
		return nil
	}
	return []mend{{line: text + ",", column: runes(text), code: "missing-comma",
		message: "a comma is missing at the end of the line"}}
}

// mendBrackets closes what is open at the end of the line, or takes away what
// was never opened.
func mendBrackets(line string) []mend {
	var open []rune
	var columns []int
	text := []rune(line)
	for i := 0; i < len(text); i++ {
		last := len(open) - 1
		switch r := text[i]; r {
		case '"', '\'':
			if n := quotedLength(text[i:]); n > 0 {
				i += n - 1
			}
		case '{', '[':
			if comma := commaBefore(text, i); comma >= 0 && last >= 0 && open[last] == '{' {
				return []mend{closeBefore(text, comma, columns[last])} // no key begins so: it is an item of a list
			}
			open, columns = append(open, r), append(columns, i+1)
		case '}', ']':
			if len(open) == 0 {
				return []mend{{line: string(text[:i]) + string(text[i+1:]), column: i + 1, code: "unclosed",
					message: fmt.Sprintf("this %c closes nothing", r)}}
			}
			if closing(open[last]) != r {
				return []mend{closeBefore(text, i, columns[last])}
			}
			open, columns = open[:last], columns[:last]
		}
	}
	closed := strings.TrimRight(line, " \t")
	if len(open) == 0 || strings.HasSuffix(closed, "{") || strings.HasSuffix(closed, "[") {
		return nil // what the last bracket holds is on the lines below
	}
	for i := len(open) - 1; i >= 0; i-- {
		closed += string(closing(open[i]))
	}
	last := len(open) - 1
	return []mend{{line: closed, column: columns[last], code: "unclosed",
		message: fmt.Sprintf("this %c is not closed", open[last])}}
}

// commaBefore is where the comma is that ends the text before i, or -1.
func commaBefore(text []rune, i int) int {
	for i--; i >= 0 && text[i] == ' '; i-- {
	}
	if i < 0 || text[i] != ',' {
		return -1
	}
	return i
}

// closeBefore closes the bracket that stands at a column before the text at i.
func closeBefore(text []rune, i, column int) mend {
	opened := text[column-1]
	closer := string(closing(opened))
	if opened == '{' {
		closer = " }"
	}
	head, tail := strings.TrimRight(string(text[:i]), " "), string(text[i:])
	if text[i] != ',' {
		tail = " " + tail
	}
	return mend{line: head + closer + tail, column: column, code: "unclosed",
		message: fmt.Sprintf("this %c is not closed", opened)}
}

var tightColon = regexp.MustCompile(`^(\s*(?:-\s+)*[A-Za-z_][\w.]*:)([^\s:/].*)$`)

func mendColon(line string) []mend {
	parts := tightColon.FindStringSubmatch(line)
	if parts == nil {
		return nil
	}
	return []mend{{line: parts[1] + " " + parts[2], column: runes(parts[1]), code: "missing-space",
		message: "a space is missing after the colon"}}
}

var bareWord = regexp.MustCompile(`^\s*(?:-\s+)*[A-Za-z_][\w.]*$`)

// mendBareKey puts a colon behind a word that stands alone over a map.
func mendBareKey(line string) []mend {
	text := strings.TrimRight(line, " ")
	if !bareWord.MatchString(text) {
		return nil
	}
	return []mend{{line: text + ":", column: textColumn(line), code: "missing-colon",
		message: "a colon is missing after the key"}}
}

var nestedKey = regexp.MustCompile(`^(\s*(?:-\s+)*[A-Za-z_][\w.]*: +)([A-Za-z_][\w.]*:)( +\{.*| +\S+)?$`)

// mendNestedKey takes `input: csv: {…}` and `window: tumbling: 1m` for a map in
// a map.
func mendNestedKey(line string) []mend {
	parts := nestedKey.FindStringSubmatch(line)
	if parts == nil {
		return nil
	}
	m := mend{column: runes(parts[1]) + 1, code: "nested-key",
		message: "two keys on one line", hint: fmt.Sprintf("put %s on the next line, indented", parts[2])}
	if parts[3] != "" {
		m.line, m.hint = parts[1]+"{ "+parts[2]+parts[3]+" }", ""
	}
	return []mend{m}
}

// mendQuote closes a quote at the end of the line.
func mendQuote(line string) []mend {
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || !unclosedQuote(parts[3]) {
		return nil
	}
	return []mend{{line: line + parts[3][:1], column: runes(parts[1]+parts[2]) + 1, code: "unclosed",
		message: "this quote is not closed"}}
}

// mendValue quotes the whole value, without or with what looks like a comment.
func mendValue(line string) []mend {
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || parts[1]+parts[2] == "" {
		return nil
	}
	head, value := parts[1]+parts[2], strings.TrimRight(parts[3], " \t")
	var mends []mend
	bare, comment, commented := strings.Cut(value, " #")
	if commented {
		mends = append(mends, quotedValue(head, strings.TrimRight(bare, " "), " #"+comment))
	}
	return append(mends, quotedValue(head, value, ""))
}

func quotedValue(head, value, comment string) mend {
	m := mend{column: runes(head) + 1, code: "unquoted-value", message: "this value needs quotes"}
	fixed := quoteText(value)
	switch first := value[0]; {
	case first == '*':
		m.message = "a value that begins with * is an alias in YAML; a pattern needs quotes"
	case first == '"' || first == '\'':
		m.message = "text after the closing quote: the whole value needs quotes"
		if inner, ok := apostrophes(value); ok {
			m.message, fixed = "a quote inside of the same quotes", quoteText(inner)
		}
	case strings.IndexByte("&!|>%@`-?,]}", first) >= 0:
		m.message = fmt.Sprintf("a value that begins with %c needs quotes", first)
	case strings.Contains(value, ": "):
		m.message = "a value that holds `: ` needs quotes"
	}
	m.line = head + fixed + comment
	return m
}

// apostrophes returns the text of 'l'eau': its quotes inside stand between letters.
func apostrophes(value string) (string, bool) {
	last := len(value) - 1
	if last < 2 || value[last] != value[0] {
		return "", false
	}
	inner := value[1:last]
	for i := range len(inner) {
		if inner[i] != value[0] {
			continue
		}
		if i == 0 || i == len(inner)-1 || !isLetter(inner[i-1]) || !isLetter(inner[i+1]) {
			return "", false
		}
	}
	return inner, true
}

func isLetter(b byte) bool {
	return b >= 0x80 || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// mendIndentation moves a line to where one of the lines before it stands.
func mendIndentation(line string, widths []int) []mend {
	text := strings.TrimLeft(line, " ")
	own := len(line) - len(text)
	var mends []mend
	for _, width := range widths {
		if width == own {
			continue
		}
		mends = append(mends, mend{line: strings.Repeat(" ", width) + text, column: own + 1,
			code:    "indentation",
			message: fmt.Sprintf("indented by %d spaces, the lines before it by %d", own, width),
			hint:    "lines that belong together begin in the same column"})
	}
	return mends
}
