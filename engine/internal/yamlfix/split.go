package yamlfix

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fixSplitValues finds what YAML reads without an error but not as meant:
//
//	{ call: quantile(x, 0.95) }   two entries, the second `0.95)` with no value
//	{ path:output }               one key `path:output` with no value
//	call: concat(a, " # ")        the rest is a comment
//
// It reports each with its right spelling, fixes the lines and returns whether
// there were any.
func (t *Text) fixSplitValues(root *yaml.Node, report func(Fault)) bool {
	if root == nil {
		return false
	}
	found := map[int]fix{}
	t.splitValues(root, root, found)
	numbers := make([]int, 0, len(found))
	for number := range found {
		numbers = append(numbers, number)
	}
	slices.SortFunc(numbers, cmp.Compare)
	fixed := false
	for _, number := range numbers {
		m := found[number]
		if !t.helps(number, m.line, &stop{line: len(t.Lines)}) {
			continue
		}
		report(t.faultOf(number, m))
		t.fix(number, m.line)
		fixed = true
	}
	return fixed
}

func (t *Text) splitValues(n, around *yaml.Node, found map[int]fix) {
	flow := n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0
	if flow && around.Style&yaml.FlowStyle == 0 {
		around = n // the outermost bracket
	}
	if flow && n.Kind == yaml.MappingNode {
		t.tightKeys(n, found)
	}
	for i, child := range n.Content {
		switch {
		case child.Kind != yaml.ScalarNode || child.Style != 0:
		case len(t.Line(child.Line)) > MaxLine || found[child.Line].line != "":
		case flow && opens(child.Value) && closesLater(n.Content[i+1:]):
			t.splitCall(child, around, found)
		case !flow && opens(child.Value):
			t.splitByComment(child, found)
		}
		t.splitValues(child, around, found)
	}
}

// opens reports whether a bracket of a call is open at the end of the text.
func opens(text string) bool {
	return strings.Count(text, "(") > strings.Count(text, ")") ||
		strings.Count(text, `"`)%2 == 1 && strings.Contains(text, "(")
}

func closesLater(nodes []*yaml.Node) bool {
	const most = 32 // arguments of a call
	nodes = nodes[:min(most, len(nodes))]
	return slices.ContainsFunc(nodes, func(n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && strings.Count(n.Value, ")") > strings.Count(n.Value, "(")
	})
}

func (t *Text) splitCall(call, around *yaml.Node, found map[int]fix) {
	line := t.Line(call.Line)
	column, inside := around.Column, false
	if around.Line != call.Line {
		column, inside = textColumn(line), true
	}
	for _, m := range fixFlow(line, column, inside) {
		found[call.Line] = m
	}
}

// tightKeys finds keys such as `path:output` that have no value of their own.
func (t *Text) tightKeys(n *yaml.Node, found map[int]fix) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, _, tight := strings.Cut(key.Value, ":")
		if key.Kind != yaml.ScalarNode || key.Style != 0 || !tight || !IsWord(name) ||
			value.Tag != "!!null" || value.Value != "" || len(t.Line(key.Line)) > MaxLine {
			continue
		}
		text := []rune(t.Line(key.Line))
		at := key.Column + len([]rune(name)) // behind the colon, from 0
		if at > len(text) {
			continue
		}
		found[key.Line] = fix{line: string(text[:at]) + " " + string(text[at:]), column: at,
			code: "missing-space", message: "a space is missing after the colon"}
	}
}

// IsWord reports whether s is letters, digits and _, no digit first.
func IsWord(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// splitByComment finds a call whose end became a comment.
func (t *Text) splitByComment(call *yaml.Node, found map[int]fix) {
	line := t.Line(call.Line)
	parts := blockLine.FindStringSubmatch(line)
	if parts == nil || parts[2] == "" {
		return
	}
	value, comment, commented := strings.Cut(parts[3], " #")
	if !commented || strings.TrimSpace(value) != call.Value || !strings.Contains(comment, ")") {
		return
	}
	found[call.Line] = fix{line: parts[1] + parts[2] + quoteText(strings.TrimRight(parts[3], " ")),
		column: runes(parts[1]+parts[2]+value) + 2, code: "unquoted-value",
		message: "the text from # on is a comment"}
}
