package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxMends bounds how often a file is mended and read again, maxTried how many
// bytes are parsed and how many lines looked back at in search of a mend.
const (
	maxMends = 25
	maxTried = 8 << 20
	maxBack  = 200
)

// stop is where the YAML parser gave up.
type stop struct {
	reason string // as the parser says it
	line   int    // the line it was reading
}

// parse returns the tree of the file's only document, nil if that is empty, and
// false if the parser could not be brought to its end.
// What YAML refuses, or takes for something else than was meant, is reported
// with the right spelling; if mending that line gets the parser further, the
// rest of the file is read and checked too.
func (s *source) parse(report func(Problem)) (*yaml.Node, bool) {
	for range maxMends {
		root, next, stopped := parseYAML(s.current())
		if stopped == nil {
			if s.mendSplitValues(root, report) {
				continue
			}
			if next != nil {
				report(Problem{Position: s.written(s.secondDocument(root, next), 1), Code: "many-documents",
					Message: "want one document, got a second one after ---",
					Hint:    "give each its own file; several files may be run together"})
			}
			return root, true
		}
		if !s.mendSyntax(stopped, report) {
			return nil, false
		}
	}
	return nil, false
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
func (s *source) secondDocument(root, next *yaml.Node) int {
	line := max(next.Line, 1)
	for n := root.Line + 1; next.Line == 0 && n <= len(s.lines); n++ {
		if strings.HasPrefix(s.line(n), "---") {
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
	if rest, ok := strings.CutPrefix(reason, "line "); ok {
		_, reason, _ = strings.Cut(rest, ": ")
	}
	return &stop{reason: reason, line: reader.lines()}
}

// parses tells whether text is YAML.
func parses(text string) bool {
	var ignored yaml.Node
	err := yaml.Unmarshal([]byte(text), &ignored)
	return err == nil
}

// slowReader gives a byte at a time, and so tells where the parser stopped
// better than its error does, which names the start of what it was inside of.
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

// mendSyntax reports what stopped the parser. It returns whether a line could
// be mended so that the parser gets further.
func (s *source) mendSyntax(stopped *stop, report func(Problem)) bool {
	if name := missingAnchor(stopped.reason); name != "" {
		return s.quoteAlias(name, stopped.line, report)
	}
	if s.expandTabs(stopped, report) {
		return s.tabsExpanded
	}
	first := s.brokenSince(stopped.line)
	for _, c := range s.candidates(first, stopped.line) {
		if c.line != "" && !s.helps(c.number, c.line, stopped) {
			continue
		}
		if c.code != "indentation" || !s.tabsExpanded { // how wide the tabs were is a guess
			report(s.mendProblem(c.number, c.mend))
		}
		if c.line == "" {
			return false
		}
		s.mend(c.number, c.line)
		return true
	}
	report(Problem{Position: s.written(first, textColumn(s.line(first))), Code: "syntax",
		Message: "this is not YAML: " + plainReason(stopped.reason),
		Hint:    "check the indentation, the colons and the quotes here and in the line before"})
	return false
}

// helps tells whether the parser gets past the trouble with one line changed.
func (s *source) helps(number int, line string, stopped *stop) bool {
	if s.tried > maxTried {
		return false
	}
	text := s.withLine(number, line)
	s.tried += len(text)
	_, _, again := parseYAML(text)
	return again == nil || again.line > stopped.line
}

// brokenSince is the first line of what the parser could not finish: the one
// after the longest beginning of the file that is YAML by itself.
func (s *source) brokenSince(line int) int {
	lines := strings.Split(s.current(), "\n")
	if s.mended == nil {
		lines = s.lines
	}
	last := line
	for n := last - 1; n > last-maxBack && s.tried <= maxTried; n-- {
		text := strings.Join(lines[:max(n, 0)], "\n")
		s.tried += len(text)
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
	mend
}

// candidates are mends for the lines between the first that the parser could
// not finish and the one where it stopped, the likeliest first.
func (s *source) candidates(first, last int) []candidate {
	const most = 8 // lines
	var list []candidate
	add := func(number int, mends []mend) {
		for _, m := range mends {
			list = append(list, candidate{number, m})
		}
	}
	// `path:in` and `csv` are YAML, texts; what fails is the line after them.
	above := s.textAbove(first)
	add(above, append(mendColon(s.line(above)), mendBareKey(s.line(above))...))
	for n := max(1, last-maxBack); n < first; n++ {
		add(n, mendSpace(s.line(n)))
	}
	add(first, mendsOf(s.line(first), false))
	depth := bracketDepth(s.line(first))
	for n := first + 1; n <= last && n < first+most; n++ {
		if depth > 0 {
			add(n-1, mendLineComma(s.line(n-1)))
		}
		add(n, mendsOf(s.line(n), depth > 0))
		depth += bracketDepth(s.line(n))
	}
	add(first, mendIndentation(s.line(first), s.widthsBefore(first)))
	return list
}

// textAbove is the line above another that is neither empty nor a comment.
func (s *source) textAbove(number int) int {
	for n := number - 1; n > max(0, number-maxBack); n-- {
		if text := strings.TrimLeft(s.line(n), " "); text != "" && text[0] != '#' {
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
func (s *source) widthsBefore(number int) []int {
	var widths []int
	for n := number - 1; n >= 1; n-- {
		line := s.line(n)
		text := strings.TrimLeft(line, " ")
		width := len(line) - len(text)
		if text == "" || text[0] == '#' || len(widths) > 0 && width >= widths[len(widths)-1] {
			continue
		}
		widths = append(widths, width)
	}
	own := textColumn(s.line(number)) - 1
	slices.SortStableFunc(widths, func(a, b int) int {
		return cmp.Compare(max(a-own, own-a), max(b-own, own-b))
	})
	return widths
}

func (s *source) mendProblem(number int, m mend) Problem {
	p := Problem{Position: s.written(number, m.column), Code: m.code, Message: m.message, Hint: m.hint}
	if p.Hint == "" {
		p.Hint = "write: " + strings.TrimSpace(m.line)
	}
	return p
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
