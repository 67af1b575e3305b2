package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a Node.
type Kind uint8

// The kinds of node. Null is an empty value, null or ~.
const (
	Null Kind = iota
	Scalar
	List
	Map
)

// String says the kind as a message would.
func (k Kind) String() string {
	return [...]string{"nothing", "a value", "a list", "a map"}[k]
}

// Node is a value of the tree. Maps keep the order of their keys. All methods
// work on a nil Node, which is like Null.
type Node struct {
	kind     Kind
	text     string // of a scalar
	asString bool   // quoted, or filled from outside: a string whatever it looks like
	filled   bool   // from outside
	keys     []mapKey
	values   []*Node        // of a list, or of a map by keys
	at       map[string]int // index of each key, of maps with many keys
	pos      Position
}

type mapKey struct {
	name string
	pos  Position
}

// Kind is what the node is; Null for a nil node.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// Keys are the keys of a map, in order.
func (n *Node) Keys() []string {
	if n.Kind() != Map {
		return nil
	}
	names := make([]string, len(n.keys))
	for i, k := range n.keys {
		names[i] = k.name
	}
	return names
}

// Get is the value of a key, nil if the node has none.
func (n *Node) Get(key string) *Node {
	if at := n.index(key); at >= 0 {
		return n.values[at]
	}
	return nil
}

func (n *Node) index(key string) int {
	if n.Kind() != Map {
		return -1
	}
	if n.at != nil {
		if at, ok := n.at[key]; ok {
			return at
		}
		return -1
	}
	for i, k := range n.keys {
		if k.name == key {
			return i
		}
	}
	return -1
}

// addKey replaces a key of a map that is being put together, or appends it.
func (n *Node) addKey(key mapKey, value *Node) {
	if at := n.index(key.name); at >= 0 {
		n.keys[at], n.values[at] = key, value
		return
	}
	n.keys, n.values = append(n.keys, key), append(n.values, value)
	const many = 16
	switch {
	case n.at != nil:
		n.at[key.name] = len(n.keys) - 1
	case len(n.keys) > many:
		n.indexKeys()
	}
}

// rename gives a key another name, which no other key has.
func (n *Node) rename(old, name string) {
	if at := n.index(old); at >= 0 {
		n.keys[at].name = name
	}
	if n.at != nil {
		n.indexKeys()
	}
}

// remove removes a key from a map and returns its value, nil if there is none.
func (n *Node) remove(key string) *Node {
	at := n.index(key)
	if at < 0 {
		return nil
	}
	value := n.values[at]
	n.keys, n.values = slices.Delete(n.keys, at, at+1), slices.Delete(n.values, at, at+1)
	if n.at != nil {
		n.indexKeys()
	}
	return value
}

func (n *Node) indexKeys() {
	n.at = make(map[string]int, len(n.keys))
	for i, key := range n.keys {
		n.at[key.name] = i
	}
}

// Items are the items of a list.
func (n *Node) Items() []*Node {
	if n.Kind() != List {
		return nil
	}
	return n.values
}

// Text is the text of a scalar, with variables filled in.
func (n *Node) Text() string {
	if n.Kind() != Scalar {
		return ""
	}
	return n.text
}

// Pos is where the value begins.
func (n *Node) Pos() Position {
	if n == nil {
		return Position{}
	}
	return n.pos
}

// KeyPos is where a key of a map stands; the map itself if it is not there.
func (n *Node) KeyPos(key string) Position {
	if at := n.index(key); at >= 0 {
		return n.keys[at].pos
	}
	return n.Pos()
}

// Find follows a dotted path of keys and indexes and returns the last node
// that exists on it, n itself if none does. Keys that hold dots are found too.
func (n *Node) Find(path string) *Node {
	found, _, _ := n.follow(path)
	return found
}

// Locate is the position a problem at a dotted path should point at: the value,
// or its key if the fault is in the key or the value is empty; if the path
// leads nowhere, the key of what exists of it.
func (n *Node) Locate(path string, key bool) Position {
	found, at, whole := n.follow(path)
	if !whole && found.Kind() == Scalar && found != n {
		return found.Pos() // a list written as one text
	}
	if at.Line > 0 && (key || !whole || found.Kind() == Null) {
		return at
	}
	return found.Pos()
}

// follow also returns the position of the key (or item) that led to the node,
// and whether it went the whole way.
func (n *Node) follow(path string) (found *Node, key Position, whole bool) {
	found = n
	for path != "" {
		next, pos, remaining, ok := found.step(path)
		if !ok {
			return found, key, false
		}
		found, key, path = next, pos, remaining
	}
	return found, key, true
}

// step follows the shortest key that path begins with: "a.b" may be one key.
func (n *Node) step(path string) (next *Node, key Position, remaining string, ok bool) {
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '.' {
			continue
		}
		remaining := strings.TrimPrefix(path[i:], ".")
		if at := n.index(path[:i]); at >= 0 {
			return n.values[at], n.keys[at].pos, remaining, true
		}
		if n.Kind() != List {
			continue
		}
		if at, err := strconv.Atoi(path[:i]); err == nil && at >= 0 && at < len(n.values) {
			return n.values[at], n.values[at].pos, remaining, true
		}
		return nil, key, "", false
	}
	return nil, key, "", false
}

// JSON is the node as JSON in the order of the file. What is quoted or filled
// from the environment or --set is a string; unquoted numbers, true, false and
// null are themselves, if JSON writes them the same way.
func (n *Node) JSON() []byte {
	return n.appendJSON(nil)
}

// Native is the node for those who take the type from the text: what a variable
// or --set put into a scalar is what it looks like, not a string.
func (n *Node) Native() *Node {
	if n == nil {
		return nil
	}
	native := *n
	native.asString = n.asString && !n.filled
	native.values = make([]*Node, len(n.values))
	for i, value := range n.values {
		native.values[i] = value.Native()
	}
	return &native
}

func (n *Node) appendJSON(dst []byte) []byte {
	switch n.Kind() {
	case Null:
		return append(dst, "null"...)
	case Scalar:
		return n.appendScalar(dst)
	case List:
		dst = append(dst, '[')
		for i, item := range n.values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.appendJSON(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, value := range n.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, n.keys[i].name), ':')
		dst = value.appendJSON(dst)
	}
	return append(dst, '}')
}

// appendScalar never changes the text: 007, 0x1F or 1_000 are not JSON
// numbers, so they go as strings and a field of text gets what was written.
func (n *Node) appendScalar(dst []byte) []byte {
	if !n.asString && isLiteral(n.text) {
		return append(dst, n.text...)
	}
	return appendString(dst, n.text)
}

func isLiteral(text string) bool {
	if text == "true" || text == "false" {
		return true
	}
	number := text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9')
	return number && json.Valid([]byte(text))
}

func appendString(dst []byte, s string) []byte {
	b, _ := json.Marshal(s) // a string always encodes
	return append(dst, b...)
}
