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

	"go.yaml.in/yaml/v3"

	"etlengine/engine/internal/yamlfix"
)

// maxFileBytes bounds what a config may be; more is a data file given by mistake.
const maxFileBytes = 1 << 20

// source is the text of one file.
type source struct {
	path, text string
	*yamlfix.Text
}

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
	s := &source{path, string(data), yamlfix.New(string(data))}
	for i, line := range s.Lines {
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

// unparsed reports whether the text is not YAML as it stands.
func (s *source) unparsed() bool {
	_, ok := yamlfix.Parse(s.text)
	return !ok
}

func (s *source) at(line, column int) Position {
	return Position{File: s.path, Line: line, Column: column}
}

// parse returns the tree of the file's only document, nil if that is empty, and
// false if the parser could not be brought to its end.
func (s *source) parse(report func(Problem)) (*yaml.Node, bool) {
	return s.Parse(func(f yamlfix.Fault) {
		report(Problem{Position: s.at(f.Line, f.Column), Code: f.Code, Message: f.Message, Hint: f.Hint})
	})
}

// written turns a position in the text as it was parsed into one in the file.
func (s *source) written(line, column int) Position { return s.at(s.Written(line, column)) }
