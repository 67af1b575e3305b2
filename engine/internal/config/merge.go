package config

import (
	"fmt"
	"slices"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// delimiter joins keys for koanf. Keys hold dots (column names do), and a
// control character is refused in a key.
const delimiter = "\x1f"

// merger lays trees over each other. koanf merges, but forgets the order of
// keys and where they stand; so its leaves are numbers of nodes, and the maps
// around them are put together again in the order of the trees.
type merger struct {
	leaves []*Node
}

// merge lays maps over each other: the later wins, maps are merged key by key,
// lists and scalars replaced.
func merge(layers ...*Node) *Node {
	var m merger
	k := koanf.New(delimiter)
	for _, layer := range layers {
		if err := k.Load(confmap.Provider(m.plain(layer), ""), nil); err != nil {
			panic(fmt.Sprintf("config: merging maps: %v", err)) // there is no parser that could fail
		}
	}
	return m.ordered(k.Raw(), layers)
}

// plain is a map as koanf wants it.
func (m *merger) plain(n *Node) map[string]any {
	plain := make(map[string]any, len(n.keys))
	for i, key := range n.keys {
		if value := n.values[i]; value.Kind() == Map {
			plain[key.name] = m.plain(value)
			continue
		}
		plain[key.name] = len(m.leaves)
		m.leaves = append(m.leaves, n.values[i])
	}
	return plain
}

// ordered is koanf's result as a tree: the keys in the order in which the
// layers first name them. A map is where the first layer has it.
func (m *merger) ordered(merged map[string]any, layers []*Node) *Node {
	n := &Node{kind: Map, pos: layers[0].pos}
	for _, layer := range layers {
		for _, key := range layer.keys {
			value, ok := merged[key.name]
			if !ok || n.index(key.name) >= 0 {
				continue
			}
			at, below := lookup(layers, key.name)
			if plain, ok := value.(map[string]any); ok {
				n.addKey(at, m.ordered(plain, below))
				continue
			}
			n.addKey(at, m.leaves[value.(int)])
		}
	}
	return n
}

// lookup finds what the layers have under a key: the maps that were merged and
// the position of the first of them, or that of the value that won.
func lookup(layers []*Node, name string) (at mapKey, below []*Node) {
	for _, layer := range layers {
		i := layer.index(name)
		if i < 0 {
			continue
		}
		value := layer.values[i]
		if value.Kind() != Map || len(below) == 0 {
			at, below = layer.keys[i], nil
		}
		if value.Kind() == Map {
			below = append(below, value)
		}
	}
	return at, below
}

// mergeFiles merges the trees of several files: as merge does, but where a
// later file gives a step another plugin, the step is replaced as a whole.
func mergeFiles(trees []*Node) *Node {
	for i, later := range trees {
		for _, earlier := range trees[:i] {
			replaceSteps(earlier, later)
		}
	}
	return merge(trees...)
}

// replaceSteps removes from the earlier tree the steps that the later replaces.
// Steps in lists need no care: a list replaces a list.
func replaceSteps(earlier, later *Node) {
	before := earlier.Get("pipelines")
	after := later.Get("pipelines")
	for _, name := range after.Keys() {
		pipeline := before.Get(name)
		for _, key := range [...]string{"input", "output", "late", "dead_letters"} {
			if replaces(pipeline.Get(key), after.Get(name).Get(key)) {
				pipeline.remove(key)
			}
		}
		branch := pipeline.Get("output")
		if replaces(branch.Get("output"), after.Get(name).Get("output").Get("output")) {
			branch.remove("output")
		}
	}
}

// replaces reports whether a step is another one: each names something, and they
// name nothing in common.
func replaces(before, after *Node) bool {
	old, fresh := stepWords(before), stepWords(after)
	common := slices.ContainsFunc(fresh, func(name string) bool { return slices.Contains(old, name) })
	return len(old) > 0 && len(fresh) > 0 && !common
}

// stepWords are the keys that make a step what it is: the plugin, or those of
// a branch.
func stepWords(step *Node) []string {
	return slices.DeleteFunc(step.Keys(), func(key string) bool {
		return slices.Contains(stepKeys, key)
	})
}

// configOver lays a step's config over the plugin's defaults.
func configOver(defaults, config *Node) *Node {
	switch {
	case config.Kind() == Null && defaults.Kind() == Null:
		return &Node{kind: Map, pos: config.Pos()}
	case config.Kind() == Null && defaults.Kind() == Map:
		return merge(&Node{kind: Map, pos: config.Pos()}, defaults)
	case config.Kind() == Null:
		return defaults
	case config.Kind() != Map || defaults.Kind() != Map:
		return config
	}
	merged := merge(defaults, config)
	merged.pos = config.pos // what is missing is missing here
	return merged
}
