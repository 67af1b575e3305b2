package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"etlengine/plugins/sdk"
)

// setter applies --set to a merged tree.
type setter struct {
	root   *Node
	labels map[*Node]string // of steps and branches
	report func(Problem)
}

// newSetter reads the tree as it is, for its labels only: what is wrong with
// it is reported when everything has been set.
func newSetter(root *Node, report func(Problem)) *setter {
	s := &setter{root: root, labels: map[*Node]string{}, report: report}
	quiet := &reader{file: &File{Root: root}, report: func(Problem) {}, meant: map[string]bool{}}
	quiet.top()
	for _, p := range quiet.file.Pipelines {
		for _, at := range p.targets() {
			s.labels[at.node] = *at.label
		}
	}
	return s
}

// set puts a text at a path: keys, and for list items a label, a plugin's name
// or an index. What does not exist is made.
func (s *setter) set(assignment string) {
	path, value, ok := strings.Cut(assignment, "=")
	pos := Position{Text: "--set " + path}
	if !ok || path == "" || slices.Contains(strings.Split(path, "."), "") {
		s.fail(pos, "want path.to.key=value, got "+path, "")
		return
	}
	n, remaining := s.root, path
	for remaining != "" {
		switch {
		case n.kind == List:
			n, remaining, ok = s.item(n, remaining, pos)
		case n.kind == Map:
			n, remaining, ok = s.entry(n, remaining, pos)
		default: // as in an overlay, a map replaces a value
			*n, ok = Node{kind: Map, pos: pos}, true
		}
		if !ok {
			return
		}
	}
	*n = Node{kind: Scalar, text: value, asString: true, filled: true, pos: pos}
}

func (s *setter) fail(pos Position, message, hint string) {
	s.report(Problem{Position: pos, Code: "bad-set", Message: message, Hint: hint})
}

// entry follows a key of a map, or makes it.
func (s *setter) entry(n *Node, path string, pos Position) (*Node, string, bool) {
	if next, _, remaining, ok := n.step(path); ok {
		return next, remaining, true
	}
	key, remaining, _ := strings.Cut(path, ".")
	if pipelines := s.root.Get("pipelines"); n == pipelines {
		hint := "have " + strings.Join(n.Keys(), ", ")
		if near := sdk.Nearest(key, n.Keys()); near != "" {
			hint = "did you mean " + near + "?"
		}
		s.fail(pos, "there is no pipeline named "+key, hint)
		return nil, "", false
	}
	if _, step := s.labels[n]; step && remaining != "" && !slices.Contains(stepKeys, key) {
		*n = Node{kind: Map, pos: n.pos} // another plugin: another step, as in an overlay
	}
	next := &Node{pos: pos}
	n.addKey(mapKey{key, pos}, next)
	return next, remaining, true
}

// item follows a list item by label, plugin or index.
func (s *setter) item(n *Node, path string, pos Position) (*Node, string, bool) {
	name, remaining, _ := strings.Cut(path, ".")
	if at, err := strconv.Atoi(name); err == nil {
		if at < 0 || at >= len(n.values) {
			s.fail(pos, fmt.Sprintf("there is no item %d in a list of %d", at, len(n.values)),
				"the first is 0")
			return nil, "", false
		}
		return s.inside(n, at, "", remaining)
	}
	var labels []string
	for at, value := range n.values {
		label := s.labels[value]
		if label == name {
			return s.inside(n, at, name, remaining)
		}
		if label != "" {
			labels = append(labels, label)
		}
	}
	var found []int
	for at, value := range n.values {
		if slices.Contains(stepWords(value), name) {
			found = append(found, at)
		}
	}
	if len(found) == 1 {
		return s.inside(n, found[0], name, remaining)
	}
	message := fmt.Sprintf("%d items of the list are named %s", len(found), name)
	hint := "name one by its label or index"
	if len(found) == 0 {
		message = "no item of the list is named " + name
		hint = "an item is named by its label, its plugin or its index"
	}
	if len(labels) > 0 {
		hint += "; labels here: " + strings.Join(labels, ", ")
	}
	s.fail(pos, message, hint)
	return nil, "", false
}

// inside goes to an item. If its plugin named it, the path goes on in the
// plugin's config: output.csv.path is short for output.0.csv.path.
func (s *setter) inside(n *Node, at int, name, remaining string) (*Node, string, bool) {
	item := n.values[at]
	key, _, _ := strings.Cut(remaining, ".")
	words := stepWords(item)
	own := item.index(key) >= 0 || slices.Contains(stepKeys, key)
	if !own && len(words) == 1 && words[0] == name {
		remaining = strings.TrimSuffix(name+"."+remaining, ".")
	}
	return item, remaining, true
}
