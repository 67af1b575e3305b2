package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxCopied bounds the nodes that aliases make, maxDepth how deep values nest.
const (
	maxCopied = 100_000
	maxDepth  = 100
)

// builder makes our tree out of YAML's. Aliases are copied, so that every node
// has one position; what stands in an anchor keeps the position it has there.
type builder struct {
	src      *source
	report   func(Problem)
	open     map[*yaml.Node]bool // anchors being read
	copying  int                 // how many aliases we are inside of
	copied   int
	depth    int
	overflow bool // said once
}

// build returns the file's map, nil if it has none.
func (s *source) build(root *yaml.Node, report func(Problem)) *Node {
	if root == nil || len(root.Content) == 0 || isNull(root.Content[0]) {
		report(Problem{Position: s.at(1, 1), Code: "empty-file",
			Message: "the file is empty", Hint: "it needs at least pipelines:"})
		return nil
	}
	b := &builder{src: s, report: report, open: map[*yaml.Node]bool{}}
	n := b.node(root.Content[0], "")
	if n.kind != Map {
		report(Problem{Position: n.pos, Code: "not-a-map",
			Message: "want a map at the top of the file, got " + n.describe(),
			Hint:    "begin with pipelines:"})
		return nil
	}
	return n
}

func isNull(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Tag == "!!null"
}

func (b *builder) fail(y *yaml.Node, path, code, hint, format string, args ...any) {
	b.report(Problem{Position: b.src.written(y.Line, y.Column), Path: path, Code: code,
		Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (b *builder) node(y *yaml.Node, path string) *Node {
	n := &Node{pos: b.src.written(y.Line, y.Column)}
	b.depth++
	defer func() { b.depth-- }()
	if b.copying > 0 {
		b.copied++
	}
	if b.depth > maxDepth || b.copied > maxCopied {
		if !b.overflow {
			b.overflow = true
			b.fail(y, "", "too-large", "",
				"want at most %d levels and %d values made by aliases", maxDepth, maxCopied)
		}
		return n
	}
	if !b.knownTag(y, path) {
		return n
	}
	if y.Anchor != "" {
		b.open[y] = true
		defer delete(b.open, y)
	}
	switch y.Kind {
	case yaml.AliasNode:
		b.alias(n, y, path)
	case yaml.SequenceNode:
		n.kind = List
		for i, item := range y.Content {
			n.values = append(n.values, b.node(item, join(path, fmt.Sprint(i))))
		}
	case yaml.MappingNode:
		n.kind = Map
		b.entries(n, y, path)
	default:
		b.scalar(n, y, path)
	}
	return n
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// alias copies what the anchor holds. The copy has the position of the
// alias: that is where its user searches.
func (b *builder) alias(n *Node, y *yaml.Node, path string) {
	if b.open[y.Alias] {
		b.fail(y, path, "alias-loop", "", "the alias *%s stands inside of its own anchor", y.Value)
		return
	}
	b.copying++
	pos := n.pos
	*n = *b.node(y.Alias, path)
	n.pos = pos
	b.copying--
}

func (b *builder) scalar(n *Node, y *yaml.Node, path string) {
	plain := y.Style&^yaml.TaggedStyle == 0
	if plain && y.Tag == "!!null" {
		if y.Value == "" && strings.HasSuffix(strings.TrimRight(b.src.Line(y.Line), " "), ": #") {
			b.fail(y, path, "empty-value", b.quotedValue(y, "#"),
				"the # begins a comment, so the value is empty")
		}
		return
	}
	n.kind, n.text = Scalar, y.Value
	n.asString = !plain || y.Style&yaml.TaggedStyle != 0 && y.Tag == "!!str"
	if y.Value != "" {
		return
	}
	if mark := blockMark(y.Style); mark != "" {
		b.fail(y, path, "empty-value", b.quotedValue(y, mark),
			"the %s begins a block of text, which is empty", mark)
	}
}

func blockMark(style yaml.Style) string {
	switch {
	case style&yaml.LiteralStyle != 0:
		return "|"
	case style&yaml.FoldedStyle != 0:
		return ">"
	}
	return ""
}

// quotedValue is the line with its value, a mark that YAML read itself, quoted.
func (b *builder) quotedValue(y *yaml.Node, mark string) string {
	line := strings.TrimSpace(b.src.Line(y.Line))
	head, _, ok := strings.Cut(line, mark)
	if !ok {
		return `quote it: "` + mark + `"`
	}
	return "write: " + head + `"` + mark + `"`
}

// knownTag refuses the tags that nobody writes on purpose: `!active` is a
// value whose exclamation mark YAML would drop.
func (b *builder) knownTag(y *yaml.Node, path string) bool {
	tag := y.Tag
	if y.Style&yaml.TaggedStyle == 0 {
		tag = ""
		if y.Kind == yaml.ScalarNode && y.Style == 0 && b.src.StartsWith(y.Line, y.Column, '!') {
			tag = "!"
		}
	}
	switch tag {
	case "", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return true
	}
	b.fail(y, path, "unknown-tag", "quote a value that begins with !, a YAML tag has no meaning here",
		"the tag %s is not known", tag)
	return false
}
