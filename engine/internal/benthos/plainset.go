package benthos

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// overridden is the text of a config with values set in it, and where each line of it
// was written.
type overridden struct {
	text    string
	filled  string   // the config as it is written
	origins []origin // in the order of the text; none if nothing was set
}

// origin says where what stands at a line and column was written: in the config, or in
// an assignment.
type origin struct {
	line, column         int
	fromLine, fromColumn int
	set                  string
}

// overridden sets the values of Set as Benthos does: in the tree of the config, after
// its variables were filled in. A value is YAML; a segment of a path is a key, the
// index of an item, a negative one from the end, or - for another item.
func (c PlainConfig) overridden() (*overridden, error) {
	if len(c.Set) == 0 {
		return &overridden{text: c.Text}, nil
	}
	filled, _ := fillVariables(c.Text, c.Lookup)
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(escape(filled)), &document); err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	if len(document.Content) == 0 {
		document = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	sets := map[*yaml.Node]string{}
	for _, assignment := range c.Set {
		if err := assign(document.Content[0], assignment, sets); err != nil {
			return nil, err
		}
	}
	normalize(&document)
	var text bytes.Buffer
	if strings.HasPrefix(c.Text, lintDisabled) {
		text.WriteString(lintDisabled + "\n")
	}
	if err := yaml.NewEncoder(&text).Encode(&document); err != nil {
		return nil, fmt.Errorf("writing the config with what was set: %w", err)
	}
	var again yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &again); err != nil {
		return nil, fmt.Errorf("reading the config with what was set: %w", err)
	}
	o := &overridden{text: text.String(), filled: filled}
	o.trace(&again, &document, sets, "")
	slices.SortStableFunc(o.origins, func(a, b origin) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	return o, nil
}

// setError is an assignment that cannot be carried out.
type setError struct{ path, cause string }

func (e *setError) Error() string { return "--set " + e.path + ": " + e.cause }

// assign sets one value, and records in sets which nodes come of it.
func assign(root *yaml.Node, assignment string, sets map[*yaml.Node]string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" || text == "" {
		return &setError{path, "want path.to.key=value"}
	}
	var value yaml.Node
	if err := yaml.Unmarshal([]byte(escape(text)), &value); err != nil {
		return &setError{path, "want a value in YAML: " + strings.TrimPrefix(plainly(err.Error()), "yaml: ")}
	}
	if len(value.Content) == 0 {
		return &setError{path, "want a value in YAML"}
	}
	node := root
	for segment := range strings.SplitSeq(path, ".") {
		segment = pathEscapes.Replace(segment)
		next, err := child(node, segment)
		if err != nil {
			return &setError{path, err.Error()}
		}
		if sets[next] == "" && next.Line == 0 {
			sets[next] = path
		}
		node = next
	}
	if node.Kind == yaml.SequenceNode && value.Content[0].Kind != yaml.SequenceNode {
		value.Content[0] = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{value.Content[0]}}
	}
	*node = *value.Content[0]
	sets[node] = path
	return nil
}

// pathEscapes are those of dots and tildes in a segment of a path.
var pathEscapes = strings.NewReplacer("~1", ".", "~0", "~")

// child finds what a segment of a path names in a node, or makes it.
func child(node *yaml.Node, segment string) (*yaml.Node, error) {
	if node.Kind == yaml.AliasNode {
		*node = *deepCopy(node.Alias) // what else has the anchor keeps its value
	}
	if node.Kind == yaml.SequenceNode {
		return item(node, segment)
	}
	if node.Kind != yaml.MappingNode {
		*node = yaml.Node{Kind: yaml.MappingNode, Line: node.Line, Column: node.Column}
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Content[i].Value == segment {
			return node.Content[i+1], nil
		}
	}
	if segment == "-" && len(node.Content) == 0 {
		*node = yaml.Node{Kind: yaml.SequenceNode, Line: node.Line, Column: node.Column}
		return item(node, segment)
	}
	made := &yaml.Node{}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: segment}, made)
	return made, nil
}

func item(list *yaml.Node, segment string) (*yaml.Node, error) {
	if segment == "-" {
		made := &yaml.Node{}
		list.Content = append(list.Content, made)
		return made, nil
	}
	at, err := strconv.Atoi(segment)
	if err != nil {
		return nil, fmt.Errorf("want the index of an item, or - for another, got %s", segment)
	}
	if at < 0 {
		at += len(list.Content)
	}
	if at < 0 || at >= len(list.Content) {
		return nil, fmt.Errorf("there is no item %s in a list of %d", segment, len(list.Content))
	}
	return list.Content[at], nil
}

func deepCopy(node *yaml.Node) *yaml.Node {
	made := *node
	made.Anchor, made.Content = "", nil
	for _, inner := range node.Content {
		made.Content = append(made.Content, deepCopy(inner))
	}
	return &made
}

// normalize brings each value to a line of its own, by which its origin is found.
func normalize(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	if len(node.Content) > 0 {
		node.Style &^= yaml.FlowStyle
	}
	for _, inner := range node.Content {
		normalize(inner)
	}
}

// trace records the origins of what was read again, node by node.
func (o *overridden) trace(again, from *yaml.Node, sets map[*yaml.Node]string, set string) {
	if own := sets[from]; own != "" {
		set = own
	}
	o.origins = append(o.origins, origin{again.Line, again.Column, from.Line, from.Column, set})
	for i := range min(len(again.Content), len(from.Content)) {
		inner := set
		if from.Kind == yaml.MappingNode && i%2 == 0 && sets[from.Content[i+1]] != "" && from.Content[i].Line == 0 {
			inner = sets[from.Content[i+1]] // a key that an assignment has made
		}
		o.trace(again.Content[i], from.Content[i], sets, inner)
	}
}

var ofLine = regexp.MustCompile(`\(line (\d+)\)`)

// written turns the position of a problem in the text into where that was written.
func (o *overridden) written(p PlainProblem) PlainProblem {
	if len(o.origins) == 0 {
		return p
	}
	from, _ := slices.BinarySearchFunc(o.origins, p, func(at origin, p PlainProblem) int {
		if cmp.Or(cmp.Compare(at.line, p.Line), cmp.Compare(at.column, p.Column)) <= 0 {
			return -1
		}
		return 1
	})
	at := o.origins[max(from-1, 0)]
	if m := ofLine.FindStringSubmatch(p.Message); m != nil {
		line, _ := strconv.Atoi(m[1])
		other := o.written(PlainProblem{Line: line, Column: 1 << 20})
		p.Message = strings.Replace(p.Message, m[0], fmt.Sprintf("(line %d)", other.Line), 1)
	}
	if at.set != "" {
		p.Set, p.Line, p.Column = at.set, 0, 0
		return p
	}
	if p.Line == at.line {
		p.Line, p.Column = at.fromLine, at.fromColumn+max(p.Column-at.column, 0)
	} else { // in a text of several lines
		line, from := p.Line, p.Line+at.fromLine-at.line
		shift := indentation(strings.Split(o.filled, "\n"), from) - indentation(strings.Split(o.text, "\n"), line)
		p.Line, p.Column = from, max(p.Column+shift, 1)
	}
	return p
}
