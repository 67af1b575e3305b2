package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"etlengine/engine/internal/yamlfix"
)

// entries reads the keys of a map in their order. A merge key (<<) stands for
// the keys of its maps, in its place; a key of the map itself wins over them.
func (b *builder) entries(n *Node, y *yaml.Node, path string) {
	lines := map[string]int{} // where a key was given
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Tag == "!!merge" && key.Kind == yaml.ScalarNode {
			b.mergeKey(value, path, func(key mapKey, value *Node) {
				if n.index(key.name) < 0 {
					n.addKey(key, value)
				}
			})
			continue
		}
		name, ok := b.key(key, path)
		if !ok {
			continue
		}
		if line, twice := lines[name]; twice {
			b.fail(key, join(path, name), "duplicate-key", "remove one of them",
				"this key is there twice, first on line %d", line)
			continue
		}
		lines[name] = key.Line
		entry := mapKey{name: name, pos: b.src.written(key.Line, key.Column)}
		n.addKey(entry, b.node(value, join(path, name)))
	}
}

// key is the text of a key.
func (b *builder) key(y *yaml.Node, path string) (string, bool) {
	at := y
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	switch {
	case y.Kind != yaml.ScalarNode:
		hint := ""
		if y.Style&yaml.FlowStyle != 0 {
			hint = "{{ }} has no meaning here; a variable is written ${NAME}"
		}
		b.fail(at, path, "bad-key", hint, "want a text as key, got a map or a list")
	case y.Value == "" && y.Style == 0:
		b.fail(at, path, "bad-key", "", "the key before the colon is missing")
	case y.Style == 0 && strings.HasPrefix(y.Value, yamlfix.NoBreak):
		b.fail(at, path, "no-break-space", "indent with plain spaces", "a no-break space in the indentation")
		return strings.Trim(y.Value, yamlfix.NoBreak+" "), true
	case y.Style == 0 && (strings.HasPrefix(y.Value, "– ") || strings.HasPrefix(y.Value, "— ")):
		b.fail(at, path, "long-dash", "a list item begins with a plain -", "a long dash")
		return strings.TrimLeft(y.Value, "–— "), true
	case strings.Contains(y.Value, "${") && !strings.Contains(y.Value, "$${"):
		b.fail(at, path, "variable-in-key", "variables are filled into values only", "a variable in a key")
		return y.Value, true
	case strings.ContainsFunc(y.Value, func(r rune) bool { return r < ' ' }):
		b.fail(at, path, "bad-key", "", "a control character in a key")
	case y.Style == 0 && strings.HasPrefix(y.Value, "-") && yamlfix.IsWord(y.Value[1:]):
		b.fail(at, path, "missing-space", "write: - "+y.Value[1:]+": …", "a space is missing after the -")
		return y.Value[1:], true
	default:
		return y.Value, true
	}
	return "", false
}

// mergeKey gives the entries of the map or maps after <<, the first of them
// first, which is also the one that wins.
func (b *builder) mergeKey(y *yaml.Node, path string, add func(mapKey, *Node)) {
	n := b.node(y, path)
	maps := []*Node{n}
	if n.kind == List {
		maps = n.values
	}
	for _, m := range maps {
		if m.kind != Map {
			b.fail(y, path, "bad-merge", "write <<: *name, where &name stands at a map",
				"want a map after <<, got %s", m.kind)
			continue
		}
		for i, key := range m.keys {
			add(key, m.values[i])
		}
	}
}

// describe names a value for "want …, got …".
func (n *Node) describe() string {
	switch {
	case n.Kind() == Scalar:
		return fmt.Sprintf("%.60q", n.text)
	case n.Kind() == Map && len(n.keys) == 0:
		return "an empty map"
	}
	return n.Kind().String()
}
