package config

import "slices"

// NewMap is an empty map without a position in a file.
func NewMap() *Node { return &Node{kind: Map} }

// NewList is a list without a position in a file.
func NewList(items ...*Node) *Node { return &Node{kind: List, values: items} }

// NewScalar is a value as it would be written without quotes.
func NewScalar(text string) *Node { return &Node{kind: Scalar, text: text} }

// With returns a copy of a map in which a key has a value: at its position, or behind
// all others. The copy shares all values.
func (n *Node) With(key string, value *Node) *Node {
	edited := n.copied()
	edited.addKey(mapKey{key, n.KeyPos(key)}, value)
	return edited
}

// Without returns a copy of a map that does not have some keys. The copy shares all
// values.
func (n *Node) Without(keys ...string) *Node {
	edited := n.copied()
	for _, key := range keys {
		edited.remove(key)
	}
	return edited
}

func (n *Node) copied() *Node {
	edited := *n
	edited.keys, edited.values = slices.Clone(n.keys), slices.Clone(n.values)
	if n.at != nil {
		edited.indexKeys()
	}
	return &edited
}
