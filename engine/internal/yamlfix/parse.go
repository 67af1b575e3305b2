// Package yamlfix reads YAML that people wrote. What the parser refuses, or reads as
// something else than was meant, is reported with the right spelling and fixed in a
// copy, so that the rest of the text is read, and checked, too.
package yamlfix

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFixes bounds how often a file is fixed and read again, maxTried how many
// bytes are parsed and how many lines looked back at in search of a fix.
const (
	maxFixes = 25
	maxTried = 8 << 20
	maxBack  = 200
)

// Text is a YAML text. Lines that the parser stumbles over are fixed in a copy, so
// that reading can go on to the next mistake.
type Text struct {
	Lines []string // as written, without line ends
	text  string
	fixed []string // nil until something is fixed
	tried int      // bytes parsed in search of a fix

	tabsExpanded bool // the parser got further once the tabs were replaced
}

// New returns a text that nothing is fixed of yet.
func New(text string) *Text { return &Text{Lines: splitLines(text), text: text} }

// Fault is one thing that is wrong with a text. Lines and columns are those of the
// text as written, from 1; columns count characters.
type Fault struct {
	Line, Column        int
	Code, Message, Hint string
}

// MaxLine bounds the lines that are looked into for a fix: a longer one was
// not written by hand.
const MaxLine = 2000

// stop is where the YAML parser gave up.
type stop struct {
	reason string // as the parser says it
	line   int    // the line it was reading
}

// Parse returns the tree of the text's only document, nil if that is empty, and
// false if the parser could not be brought to its end.
// What YAML refuses, or reads as something else than was meant, is reported
// with the right spelling; if fixing that line gets the parser further, the
// rest of the file is read and checked too.
func (t *Text) Parse(report func(Fault)) (*yaml.Node, bool) {
	for range maxFixes {
		root, next, stopped := parseYAML(t.current())
		if stopped == nil {
			if t.fixSplitValues(root, report) {
				continue
			}
			if next != nil {
				report(t.fault(t.secondDocument(root, next), 1, "many-documents",
					"want one document, got a second one after ---",
					"give each its own file; several files may be run together"))
			}
			return root, true
		}
		if !t.fixSyntax(stopped, report) {
			return nil, false
		}
	}
	return nil, false
}

// Parse returns the tree of a text as it is, nil if it is empty, and false if it is
// not YAML.
func Parse(text string) (*yaml.Node, bool) {
	root, _, stopped := parseYAML(text)
	return root, stopped == nil
}

// parseYAML reads the first document and looks whether there is a second.
func parseYAML(text string) (root, next *yaml.Node, stopped *stop) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, stopOf(text)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return &first, &second, nil
	}
	return &first, nil, nil
}

// secondDocument is the line where it begins, also if it is not YAML itself.
func (t *Text) secondDocument(root, next *yaml.Node) int {
	line := max(next.Line, 1)
	for n := root.Line + 1; next.Line == 0 && n <= len(t.Lines); n++ {
		if strings.HasPrefix(t.Line(n), "---") {
			return n
		}
	}
	return line
}

// stopOf parses once more what does not parse, to know where.
func stopOf(text string) *stop {
	reader := &slowReader{text: text}
	var ignored yaml.Node
	reason := ""
	if err := yaml.NewDecoder(reader).Decode(&ignored); err != nil {
		reason = strings.TrimPrefix(err.Error(), "yaml: ")
	}
	if after, ok := strings.CutPrefix(reason, "line "); ok {
		_, reason, _ = strings.Cut(after, ": ")
	}
	return &stop{reason: reason, line: reader.lines()}
}

// parses reports whether text is YAML.
func parses(text string) bool {
	var ignored yaml.Node
	err := yaml.Unmarshal([]byte(text), &ignored)
	return err == nil
}

// slowReader gives a byte at a time, and so finds where the parser stopped
// better than its error says, which names the start of what it was inside of.
type slowReader struct {
	text string
	read int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.read == len(r.text) {
		return 0, io.EOF
	}
	p[0] = r.text[r.read]
	r.read++
	return 1, nil
}

// lines is the number of the line that was being read. A line end just read
// still belongs to its line.
func (r *slowReader) lines() int {
	text := strings.TrimRight(r.text[:r.read], "\r\n")
	return len(splitLines(text))
}

// fixSyntax reports what stopped the parser. It returns whether a line could
// be fixed so that the parser gets further.
func (t *Text) fixSyntax(stopped *stop, report func(Fault)) bool {
	if name := missingAnchor(stopped.reason); name != "" {
		return t.quoteAlias(name, stopped.line, report)
	}
	if t.expandTabs(stopped, report) {
		return t.tabsExpanded
	}
	first := t.brokenSince(stopped.line)
	for _, c := range t.candidates(first, stopped.line) {
		if c.line != "" && !t.helps(c.number, c.line, stopped) {
			continue
		}
		if c.code != "indentation" || !t.tabsExpanded { // how wide the tabs were is a guess
			report(t.faultOf(c.number, c.fix))
		}
		if c.line == "" {
			return false
		}
		t.fix(c.number, c.line)
		return true
	}
	report(t.fault(first, textColumn(t.Line(first)), "syntax", "this is not YAML: "+plainReason(stopped.reason),
		"check the indentation, the colons and the quotes here and in the line before"))
	return false
}

// helps reports whether the parser gets past the trouble with one line changed.
func (t *Text) helps(number int, line string, stopped *stop) bool {
	if t.tried > maxTried {
		return false
	}
	text := t.withLine(number, line)
	t.tried += len(text)
	_, _, again := parseYAML(text)
	return again == nil || again.line > stopped.line
}

// brokenSince is the first line of what the parser could not finish: the one
// after the longest beginning of the file that is YAML by itself.
func (t *Text) brokenSince(line int) int {
	lines := t.lines()
	last := line
	for n := last - 1; n > last-maxBack && t.tried <= maxTried; n-- {
		text := strings.Join(lines[:max(n, 0)], "\n")
		t.tried += len(text)
		if n <= 0 || parses(text) {
			line = max(n, 0) + 1
			break
		}
	}
	for line < len(lines) && strings.TrimSpace(lines[line-1]) == "" {
		line++
	}
	return line
}

type candidate struct {
	number int
	fix
}

// candidates are fixes for the lines between the first that the parser could
// not finish and the one where it stopped, the likeliest first.
func (t *Text) candidates(first, last int) []candidate {
	const most = 8 // lines
	var list []candidate
	add := func(number int, fixes []fix) {
		for _, m := range fixes {
			list = append(list, candidate{number, m})
		}
	}
	// `path:in` and `csv` are YAML, texts; what fails is the line after them.
	above := t.textAbove(first)
	add(above, append(fixColon(t.Line(above)), fixBareKey(t.Line(above))...))
	for n := max(1, last-maxBack); n < first; n++ {
		add(n, fixSpace(t.Line(n)))
	}
	add(first, fixesOf(t.Line(first), false))
	depth := bracketDepth(t.Line(first))
	for n := first + 1; n <= last && n < first+most; n++ {
		if depth > 0 {
			add(n-1, fixLineComma(t.Line(n-1)))
		}
		add(n, fixesOf(t.Line(n), depth > 0))
		depth += bracketDepth(t.Line(n))
	}
	add(first, fixIndentation(t.Line(first), t.widthsBefore(first)))
	return list
}

// textAbove is the line above another that is neither empty nor a comment.
func (t *Text) textAbove(number int) int {
	for n := number - 1; n > max(0, number-maxBack); n-- {
		if text := strings.TrimLeft(t.Line(n), " "); text != "" && text[0] != '#' {
			return n
		}
	}
	return number - 1
}

// bracketDepth is how many { and [ a line leaves open.
func bracketDepth(line string) int {
	depth := 0
	for _, r := range strings.ReplaceAll(line, "${", "") {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return depth
}

// widthsBefore are the indentations of the keys around a line, the one most
// like its own first.
func (t *Text) widthsBefore(number int) []int {
	var widths []int
	for n := number - 1; n >= 1; n-- {
		line := t.Line(n)
		text := strings.TrimLeft(line, " ")
		width := len(line) - len(text)
		if text == "" || text[0] == '#' || len(widths) > 0 && width >= widths[len(widths)-1] {
			continue
		}
		widths = append(widths, width)
	}
	own := textColumn(t.Line(number)) - 1
	slices.SortStableFunc(widths, func(a, b int) int {
		return cmp.Compare(max(a-own, own-a), max(b-own, own-b))
	})
	return widths
}

func (t *Text) faultOf(number int, f fix) Fault {
	hint := f.hint
	if hint == "" {
		hint = "write: " + strings.TrimSpace(f.line)
	}
	return t.fault(number, f.column, f.code, f.message, hint)
}

// plainReason says what the parser says without its jargon.
func plainReason(reason string) string {
	switch {
	case strings.Contains(reason, "did not find expected key"):
		return "a key was wanted here, or the indentation differs from the lines above"
	case strings.Contains(reason, "mapping values are not allowed"):
		return "a second `: ` in the line, or the indentation differs from the lines above"
	case strings.Contains(reason, "end of stream"):
		return "a quote is opened and never closed"
	case strings.Contains(reason, "expected ','"):
		return "a { or [ is opened and not closed, or a comma is missing"
	case strings.Contains(reason, "could not find expected ':'"):
		return "a colon is missing after the key"
	case strings.Contains(reason, "exceeded max depth"):
		return "nested too deep"
	}
	return fmt.Sprintf("the parser says %q", reason)
}
