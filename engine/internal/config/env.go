package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"etlengine/engine/internal/yamlfix"
)

// expander expands the variables in the scalars of a tree:
//
//	${NAME}      the variable, which must be set
//	${NAME:text} the variable, or text if it is not set
//	$${          a literal ${
//	${! … }      Benthos's, left alone
type expander struct {
	lookup  func(string) (string, bool)
	sources map[string]*source
	report  func(Problem)
	failed  int
}

var variable = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:([^{}]*))?\}`)

func (f *expander) expand(n *Node, path string) {
	switch n.Kind() {
	case Scalar:
		f.scalar(n, path)
	case List:
		for i, item := range n.values {
			f.expand(item, join(path, fmt.Sprint(i)))
		}
	case Map:
		for i, value := range n.values {
			f.expand(value, join(path, n.keys[i].name))
		}
	}
}

func (f *expander) scalar(n *Node, path string) {
	if !strings.Contains(n.text, "${") {
		return
	}
	var filled strings.Builder
	remaining, from := n.text, Position{} // from: where in the source the next one is searched
	for {
		at := strings.Index(remaining, "${")
		if at < 0 {
			filled.WriteString(remaining)
			break
		}
		before, text := remaining[:at], remaining[at:]
		filled.WriteString(before)
		switch {
		case strings.HasSuffix(before, "$"): // $${: one $ is written already
			filled.WriteString("{")
			remaining = text[len("${"):]
		case strings.HasPrefix(text, "${!"):
			filled.WriteString("${")
			remaining = text[len("${"):]
		default:
			remaining = f.one(n, path, text, &from, &filled)
		}
	}
	n.filled = true
	n.text, n.asString = filled.String(), true
}

// one fills the variable that text begins with and returns what follows it.
func (f *expander) one(n *Node, path, text string, from *Position, filled *strings.Builder) string {
	match := variable.FindStringSubmatch(text)
	if match == nil {
		whole, shown := text, text
		if end := strings.IndexByte(text, '}'); end >= 0 {
			whole, shown = text[:end+1], text[:end+1]
		}
		p := wrongVariable(shown)
		f.fail(n, path, whole, from, p)
		return text[len(whole):]
	}
	whole, name := match[0], match[1]
	if p, wrong := foreignVariable(name, match[2], match[3]); wrong {
		f.fail(n, path, whole, from, p)
		return text[len(whole):]
	}
	value, set := match[3], false
	if f.lookup != nil {
		if v, ok := f.lookup(name); ok {
			value, set = v, true
		}
	}
	if !set && match[2] == "" {
		f.fail(n, path, whole, from, Problem{Code: "missing-variable",
			Message: fmt.Sprintf("the variable %s is not set", name),
			Hint:    fmt.Sprintf("set it, or give a default: ${%s:text}", name)})
	}
	switch {
	case n.pos.Text != "":
	case set:
		n.pos.Text = "${" + name + "}"
	case match[2] != "" && value == "":
		n.pos.Text = "${" + name + "}, which is not set"
	}
	filled.WriteString(value)
	return text[len(whole):]
}

// foreignVariable recognises other tools' spellings that would pass for ours.
func foreignVariable(name, colon, text string) (Problem, bool) {
	switch {
	case strings.HasPrefix(colon, ":-"):
		return Problem{Code: "bad-variable",
			Message: fmt.Sprintf("${%s:-%s} is the shell's way to write a default", name, text[1:]),
			Hint:    fmt.Sprintf("write ${%s:%s}", name, text[1:])}, true
	case name == "env" && colon != "":
		return Problem{Code: "bad-variable",
			Message: fmt.Sprintf("${env:%s} is another tool's way to name a variable", text),
			Hint:    fmt.Sprintf("write ${%s}", text)}, true
	}
	return Problem{}, false
}

func wrongVariable(text string) Problem {
	p := Problem{Code: "bad-variable", Message: "want ${NAME} or ${NAME:default}, got " + text}
	name := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "${"), "}"))
	switch {
	case !strings.HasSuffix(text, "}"):
		p.Hint = "the } is missing; a literal ${ is written $${"
	case strings.Contains(name, "${"):
		p.Hint = "a default cannot hold a variable"
	case yamlfix.IsWord(name):
		p.Hint = fmt.Sprintf("write ${%s}", name)
	case strings.Contains(name, "-") && yamlfix.IsWord(name[:strings.IndexByte(name, '-')]):
		name, text, _ := strings.Cut(name, "-")
		p.Hint = fmt.Sprintf("write ${%s:%s}", name, text)
	default:
		p.Hint = "a literal ${ is written $${"
	}
	return p
}

func (f *expander) fail(n *Node, path, text string, from *Position, p Problem) {
	p.Position, p.Path = n.pos, path
	if f.failed++; f.failed < maxProblems {
		p.Position = f.position(n.pos, text, from)
	}
	f.report(p)
}

// position finds a variable in the source lines of its scalar, so that the caret
// stands under it; failing that it is the scalar.
func (f *expander) position(pos Position, text string, from *Position) Position {
	src := f.sources[pos.File]
	if src == nil || pos.Line < 1 {
		return pos
	}
	const most = 200 // lines of a block of text
	if from.Line == 0 {
		*from = Position{Line: pos.Line, Column: pos.Column - 1}
	}
	for number := from.Line; number <= min(len(src.Lines), pos.Line+most); number++ {
		if len(src.Lines[number-1]) > yamlfix.MaxLine {
			break
		}
		line, start := []rune(src.Lines[number-1]), 0
		if number == from.Line {
			start = min(from.Column, len(line))
		}
		tail := string(line[start:])
		if at := strings.Index(tail, text); at >= 0 {
			*from = Position{Line: number, Column: start + utf8.RuneCountInString(tail[:at]) + 1}
			return src.at(number, from.Column)
		}
	}
	return pos
}
