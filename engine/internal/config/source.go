package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// maxFileBytes bounds what a config may be; more is a data file given by mistake.
const maxFileBytes = 1 << 20

// source is the text of one file. Lines that YAML stumbles over are mended in
// a copy, so that reading can go on to the next mistake.
type source struct {
	path   string
	text   string
	lines  []string // as written, without line ends
	mended []string // nil until something is mended
	tried  int      // bytes parsed in search of a mend

	tabsExpanded bool // the parser got further once the tabs were replaced
}

// maxLine bounds the lines that are looked into for a mend: a longer one was
// not written by hand.
const maxLine = 2000

// opened is a file as it was read, or why it cannot be one of ours. With some
// problems there is a source all the same, to quote the line from.
type opened struct {
	src     *source
	problem *Problem
}

// openSources reads each path once: a pipe gives its bytes to the first reader only.
func openSources(o Options) map[string]opened {
	all := map[string]opened{}
	for _, path := range o.Paths {
		if _, ok := all[path]; !ok {
			src, problem := readSource(path, o.Stdin)
			all[path] = opened{src, problem}
		}
	}
	return all
}

// readSource reads a file, a pipe or, for "-", standard input: no more than a
// config may be, so that a device without an end is refused like a large file.
func readSource(path string, stdin io.Reader) (*source, *Problem) {
	at := Position{File: path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, &Problem{Position: at, Code: "file-is-folder",
			Message: "want a YAML file, got a folder", Hint: "name the files in it"}
	}
	data, err := readLimited(path, stdin)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{Position: at, Code: "file-not-found", Message: "there is no such file"}
	}
	if err != nil {
		if fault, ok := errors.AsType[*fs.PathError](err); ok {
			err = fault.Err // the path is said already
		}
		return nil, &Problem{Position: at, Code: "file-unreadable",
			Message: fmt.Sprintf("reading the file: %v", err)}
	}
	return newSource(path, data)
}

// readLimited returns at most one byte more than a config may have.
func readLimited(path string, stdin io.Reader) ([]byte, error) {
	if path == "-" {
		if stdin == nil {
			stdin = os.Stdin
		}
		return io.ReadAll(io.LimitReader(stdin, maxFileBytes+1))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileBytes+1))
}

func newSource(path string, data []byte) (*source, *Problem) {
	at := Position{File: path}
	if len(data) > maxFileBytes {
		return nil, &Problem{Position: at, Code: "file-too-large",
			Message: fmt.Sprintf("want at most %d bytes of YAML, got more", maxFileBytes),
			Hint:    "is it a data file?"}
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &Problem{Position: at, Code: "not-utf8",
			Message: "want UTF-8 text, got UTF-16", Hint: "save the file as UTF-8"}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	s := &source{path: path, text: string(data), lines: splitLines(string(data))}
	for i, line := range s.lines {
		if column := badText(line); column > 0 {
			return s, &Problem{Position: s.at(i+1, column), Code: "not-utf8",
				Message: "want UTF-8 text, got a byte or control character that is not",
				Hint:    "save the file as UTF-8"}
		}
	}
	return s, nil
}

// badText is the column of the first character that YAML cannot read, or 0.
func badText(line string) int {
	column := 0
	for i, r := range line {
		column++
		if r == utf8.RuneError && strings.HasPrefix(line[i:], "\uFFFD") {
			continue // written so
		}
		if r == utf8.RuneError || r < ' ' && r != '\t' || r == 0x7f || r == 0xFEFF {
			return column
		}
	}
	return 0
}

// splitLines cuts where YAML counts a new line, so that positions agree.
func splitLines(text string) []string {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	return strings.Split(breaks.Replace(text), "\n")
}

// unparsed reports whether the text is not YAML as it stands.
func (s *source) unparsed() bool {
	_, _, stopped := parseYAML(s.text)
	return stopped != nil
}

func (s *source) at(line, column int) Position {
	return Position{File: s.path, Line: line, Column: column}
}

// current is the text to parse: as written until something was mended.
func (s *source) current() string {
	if s.mended == nil {
		return s.text
	}
	return strings.Join(s.mended, "\n")
}

// line is a line of the current text, numbered from 1.
func (s *source) line(number int) string {
	lines := s.lines
	if s.mended != nil {
		lines = s.mended
	}
	if number < 1 || number > len(lines) {
		return ""
	}
	return lines[number-1]
}

func (s *source) mend(line int, text string) {
	if s.mended == nil {
		s.mended = append([]string(nil), s.lines...)
	}
	s.mended[line-1] = text
}

// withLine is the current text with one line changed.
func (s *source) withLine(number int, text string) string {
	lines := s.lines
	if s.mended != nil {
		lines = s.mended
	}
	changed := append([]string(nil), lines...)
	changed[number-1] = text
	return strings.Join(changed, "\n")
}

// written turns a position in the current text into one in the file as written.
func (s *source) written(line, column int) Position {
	if s.mended == nil || line < 1 || line > len(s.lines) || s.mended[line-1] == s.lines[line-1] {
		return s.at(line, column)
	}
	return s.at(line, unmendedColumn(s.lines[line-1], s.mended[line-1], column))
}

// unmendedColumn walks both lines: a character that only the mended one has
// was put in.
func unmendedColumn(written, mended string, column int) int {
	old, fresh := []rune(written), []rune(mended)
	at := 0
	for i := 0; i < column-1 && i < len(fresh); i++ {
		if at < len(old) && old[at] == fresh[i] {
			at++
		}
	}
	return at + 1
}

// startsWith tells whether a character stands at a position of the current text.
func (s *source) startsWith(line, column int, want rune) bool {
	text := s.line(line)
	if len(text) > maxLine || column < 1 {
		return false
	}
	at := []rune(text)
	return column <= len(at) && at[column-1] == want
}
