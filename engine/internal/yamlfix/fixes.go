package yamlfix

import (
	"fmt"
	"regexp"
	"strings"
)

// fix is another spelling of a line that YAML cannot read, and what was wrong
// with the one written.
type fix struct {
	line          string // "" if there is no fixing it
	column        int    // of the trouble
	code, message string
	hint          string // "": the fixed line
}

// fixesOf lists what a line that YAML stumbles over may have meant, the most
// specific first. inside: it continues a { or [ of a line before.
func fixesOf(line string, inside bool) []fix {
	if strings.TrimSpace(line) == "" || len(line) > MaxLine {
		return nil
	}
	fixes := append(fixForeign(line), fixEscape(line)...)
	if inside {
		fixes = append(fixes, fixComma(line, textColumn(line))...)
		return append(fixes, fixFlow(line, textColumn(line), true)...)
	}
	if column, flow := flowStart(line); flow {
		fixes = append(fixes, fixComma(line, column)...)
		fixes = append(fixes, fixFlow(line, column, false)...)
	}
	for _, try := range [...]func(string) []fix{
		fixBrackets, fixColon, fixNestedKey, fixQuote, fixValue,
	} {
		fixes = append(fixes, try(line)...)
	}
	return fixes
}

// NoBreak is what some keyboards and web pages have for a space.
const NoBreak = "\u00a0"

// fixForeign reads other languages' comments and other spaces for what they
// look like.
func fixForeign(line string) []fix {
	column := textColumn(line)
	if text := strings.TrimLeft(line, " "); strings.HasPrefix(text, "//") {
		return []fix{{line: strings.Replace(line, "//", "#", 1), column: column,
			code: "comment", message: "a comment begins with #"}}
	}
	return fixSpace(line)
}

func fixSpace(line string) []fix {
	text := strings.TrimLeft(line, " "+NoBreak)
	indent := line[:len(line)-len(text)]
	if text == "" || !strings.Contains(indent, NoBreak) {
		return nil
	}
	return []fix{{line: strings.ReplaceAll(indent, NoBreak, " ") + text,
		column: runes(indent[:strings.Index(indent, NoBreak)]) + 1, code: "no-break-space",
		message: "a no-break space in the indentation", hint: "indent with plain spaces"}}
}

var escaped = regexp.MustCompile(`"([^"']*\\[^"']*)"`)

// fixEscape puts single quotes around text with a \, which begins an escape in
// double quotes.
func fixEscape(line string) []fix {
	at := escaped.FindStringIndex(line)
	if at == nil {
		return nil
	}
	return []fix{{line: escaped.ReplaceAllString(line, "'$1'"), column: runes(line[:at[0]]) + 1,
		code: "bad-escape", message: "a \\ in double quotes begins an escape, and this is none"}}
}

// fixFlow quotes values in { … } and [ … ].
func fixFlow(line string, column int, inside bool) []fix {
	quoted, first, text := quoteFlow(line, column, inside)
	if first == 0 {
		return nil
	}
	m := fix{line: quoted, column: first, code: "unquoted-value",
		message: fmt.Sprintf("%s needs quotes inside of { } or [ ]", text)}
	switch {
	case unclosedQuote(text):
		m.code, m.message = "unclosed", "this quote is not closed"
	case strings.Contains(text, "${"):
		m.code = "unquoted-variable"
	}
	return []fix{m}
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

// fixComma puts commas between the entries of a { … } that lacks them.
func fixComma(line string, column int) []fix {
	if strings.Contains(line, " ? ") {
		return nil
	}
	head, tail := string([]rune(line)[:column-1]), string([]rune(line)[column-1:])
	at := twoEntries.FindStringSubmatchIndex(tail)
	if at == nil {
		return nil
	}
	return []fix{{line: head + twoEntries.ReplaceAllString(tail, "$1,$2$3"),
		column: column + runes(tail[:at[6]]), code: "missing-comma",
		message: "a comma is missing before " + strings.TrimSpace(tail[at[6]:at[7]])}}
}

// fixLineComma ends a line inside of { } with a comma.
func fixLineComma(line string) []fix {
	text := strings.TrimRight(line, " \t")
	if text == "" || strings.ContainsAny(text[len(text)-1:], ",{[:") || strings.Contains(text, "#") {
		return nil
	}
	return []fix{{line: text + ",", column: runes(text), code: "missing-comma",
		message: "a comma is missing at the end of the line"}}
}

// fixBrackets closes what is open at the end of the line, or takes away what
// was never opened.
func fixBrackets(line string) []fix {
	var open []rune
	var columns []int
	text := []rune(line)
	for i := 0; i < len(text); i++ {
		last := len(open) - 1
		switch r := text[i]; r {
		case '"', '\'':
			if n := QuotedLength(text[i:]); n > 0 {
				i += n - 1
			}
		case '{', '[':
			if comma := commaBefore(text, i); comma >= 0 && last >= 0 && open[last] == '{' {
				return []fix{closeBefore(text, comma, columns[last])} // no key begins so: it is an item of a list
			}
			open, columns = append(open, r), append(columns, i+1)
		case '}', ']':
			if len(open) == 0 {
				return []fix{{line: string(text[:i]) + string(text[i+1:]), column: i + 1, code: "unclosed",
					message: fmt.Sprintf("this %c closes nothing", r)}}
			}
			if closing(open[last]) != r {
				return []fix{closeBefore(text, i, columns[last])}
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
	return []fix{{line: closed, column: columns[last], code: "unclosed",
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
func closeBefore(text []rune, i, column int) fix {
	opened := text[column-1]
	closer := string(closing(opened))
	if opened == '{' {
		closer = " }"
	}
	head, tail := strings.TrimRight(string(text[:i]), " "), string(text[i:])
	if text[i] != ',' {
		tail = " " + tail
	}
	return fix{line: head + closer + tail, column: column, code: "unclosed",
		message: fmt.Sprintf("this %c is not closed", opened)}
}

var tightColon = regexp.MustCompile(`^(\s*(?:-\s+)*[A-Za-z_][\w.]*:)([^\s:/].*)$`)

func fixColon(line string) []fix {
	parts := tightColon.FindStringSubmatch(line)
	if parts == nil {
		return nil
	}
	return []fix{{line: parts[1] + " " + parts[2], column: runes(parts[1]), code: "missing-space",
		message: "a space is missing after the colon"}}
}

var bareWord = regexp.MustCompile(`^\s*(?:-\s+)*[A-Za-z_][\w.]*$`)

// fixBareKey puts a colon behind a word that stands alone over a map.
func fixBareKey(line string) []fix {
	text := strings.TrimRight(line, " ")
	if !bareWord.MatchString(text) {
		return nil
	}
	return []fix{{line: text + ":", column: textColumn(line), code: "missing-colon",
		message: "a colon is missing after the key"}}
}

var nestedKey = regexp.MustCompile(`^(\s*(?:-\s+)*[A-Za-z_][\w.]*: +)([A-Za-z_][\w.]*:)( +\{.*| +\S+)?$`)

// fixNestedKey reads `input: csv: {…}` and `window: tumbling: 1m` as a map in
// a map.
func fixNestedKey(line string) []fix {
	parts := nestedKey.FindStringSubmatch(line)
	if parts == nil {
		return nil
	}
	m := fix{column: runes(parts[1]) + 1, code: "nested-key",
		message: "two keys on one line", hint: fmt.Sprintf("put %s on the next line, indented", parts[2])}
	if parts[3] != "" {
		m.line, m.hint = parts[1]+"{ "+parts[2]+parts[3]+" }", ""
	}
	return []fix{m}
}

// fixQuote closes a quote at the end of the line.
func fixQuote(line string) []fix {
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || !unclosedQuote(parts[3]) {
		return nil
	}
	return []fix{{line: line + parts[3][:1], column: runes(parts[1]+parts[2]) + 1, code: "unclosed",
		message: "this quote is not closed"}}
}

// fixValue quotes the whole value, without or with what looks like a comment.
func fixValue(line string) []fix {
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || parts[1]+parts[2] == "" {
		return nil
	}
	head, value := parts[1]+parts[2], strings.TrimRight(parts[3], " \t")
	var fixes []fix
	bare, comment, commented := strings.Cut(value, " #")
	if commented {
		fixes = append(fixes, quotedValue(head, strings.TrimRight(bare, " "), " #"+comment))
	}
	return append(fixes, quotedValue(head, value, ""))
}

func quotedValue(head, value, comment string) fix {
	m := fix{column: runes(head) + 1, code: "unquoted-value", message: "this value needs quotes"}
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

// fixIndentation moves a line to where one of the lines before it stands.
func fixIndentation(line string, widths []int) []fix {
	text := strings.TrimLeft(line, " ")
	own := len(line) - len(text)
	var fixes []fix
	for _, width := range widths {
		if width == own {
			continue
		}
		fixes = append(fixes, fix{line: strings.Repeat(" ", width) + text, column: own + 1,
			code:    "indentation",
			message: fmt.Sprintf("indented by %d spaces, the lines before it by %d", own, width),
			hint:    "lines that belong together begin in the same column"})
	}
	return fixes
}
