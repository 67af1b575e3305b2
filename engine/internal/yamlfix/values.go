package yamlfix

import "go.yaml.in/yaml/v3"

// Value is one value of a map or a list in a text.
type Value struct {
	Key          string // under which it stands, of an item of a list that of the list
	Tag          string // what it is: "!!map", "!!seq", "!!str"
	ValueLine    int    // where it begins
	Line, Column int    // of its key, or of the item
}

// Values returns the values of a text in its order, outer ones first; none if the text
// is not YAML. What an alias stands for is where its anchor is.
func Values(text string) []Value {
	root, ok := Parse(text)
	if !ok || root == nil {
		return nil
	}
	var values []Value
	var walk func(n *yaml.Node, key string)
	walk = func(n *yaml.Node, key string) {
		switch n.Kind {
		case yaml.DocumentNode:
			for _, inner := range n.Content {
				walk(inner, key)
			}
		case yaml.SequenceNode:
			for _, item := range n.Content {
				values = append(values, Value{key, item.ShortTag(), item.Line, item.Line, item.Column})
				walk(item, key)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				k, v := n.Content[i], n.Content[i+1]
				values = append(values, Value{k.Value, v.ShortTag(), v.Line, k.Line, k.Column})
				walk(v, k.Value)
			}
		}
	}
	walk(root, "")
	return values
}
