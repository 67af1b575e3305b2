package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"etlengine/plugins"
	"etlengine/plugins/sdk"
)

var typoSeed = flag.Uint64("typos", 1, "seed of the typos")

// key is a key of a config that is not of the user's choice.
type key struct {
	name         string
	line, column int
	path         string
}

// keysOf lists the keys that lint must know, below a node.
func keysOf(n *yaml.Node, path []string) []key {
	var keys []key
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			keys = append(keys, keysOf(item, append(slices.Clone(path), "-"))...)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			k, below := n.Content[i], append(slices.Clone(path), n.Content[i].Value)
			if !chosen(path, n) {
				keys = append(keys, key{k.Value, k.Line, k.Column, strings.Join(below, ".")})
			}
			if !foreign(k.Value) {
				keys = append(keys, keysOf(n.Content[i+1], below)...)
			}
		}
	case yaml.DocumentNode:
		return keysOf(n.Content[0], path)
	}
	return keys
}

// chosen reports whether the keys of a map are names that the user gives.
func chosen(path []string, n *yaml.Node) bool {
	if len(path) == 0 {
		return false
	}
	last, before := path[len(path)-1], ""
	if len(path) > 1 {
		before = path[len(path)-2]
	}
	switch last {
	case "pipelines", "schemas", "schema", "fields", "aggregates", "derive", "rename", "cast", "headers",
		"types", "priorites":
		return true
	case "select": // {new: old}
		return !slices.ContainsFunc(n.Content, func(k *yaml.Node) bool {
			return slices.Contains([]string{"keep", "drop", "rename", "cast"}, k.Value)
		})
	}
	return before == "schemas"
}

// foreign reports whether what stands below a key is Benthos's.
func foreign(key string) bool {
	components := []string{"mapping", "generate", "file", "stdout", "stdin", "drop", "sync_response"}
	return slices.Contains(components, key) ||
		strings.HasPrefix(key, "benthos/") || strings.HasSuffix(key, "_resources")
}

// typo changes one place of a word: a letter is missing, too much, another, or
// in the wrong order.
func typo(r *rand.Rand, word string) string {
	letter := string(rune('a' + r.IntN(26)))
	for {
		at := r.IntN(len(word))
		wrong := word[:at] + letter + word[at+1:]
		switch r.IntN(4) {
		case 0:
			wrong = word[:at] + word[at+1:]
		case 1:
			wrong = word[:at] + letter + word[at:]
		case 2:
			if at+1 < len(word) {
				wrong = word[:at] + word[at+1:at+2] + word[at:at+1] + word[at+2:]
			}
		}
		if wrong != word && wrong != "" {
			return wrong
		}
	}
}

// goodConfigs are all that users are shown: the shipped configs, and every
// plugin's example in a pipeline.
func goodConfigs(t *testing.T) map[string]string {
	t.Helper()
	good := map[string]string{}
	paths, err := filepath.Glob("../configs/*.yaml")
	if err != nil || len(paths) < 7 {
		t.Fatalf("got %d configs (%v), want all of them", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		good[filepath.Base(path)] = string(data)
	}
	for _, p := range plugins.Builtin() {
		good[fmt.Sprintf("example of %s %s", p.Kind, p.Name)] = exampleConfig(p)
	}
	return good
}

// exampleConfig puts a plugin's example into the smallest file that runs it.
func exampleConfig(p sdk.Plugin) string {
	const (
		tickets = "    input:\n      ticket_generator:\n        count: 1\n"
		files   = "    output:\n      jsonl:\n        path: out/all\n"
		ticket  = "schemas:\n  ticket:\n    ticket_id: string\n    client_id: string\n    created_at: timestamp\n" +
			"    demande: string\n    type: string\n    priorite: string\n"
	)
	indent := func(text, first, more string) string {
		return first + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+more) + "\n"
	}
	switch p.Kind {
	case sdk.KindSource:
		return "pipelines:\n  p:\n    input:\n" + indent(p.Example, "      ", "      ") + files + ticket
	case sdk.KindTransform:
		return "pipelines:\n  p:\n    input:\n      jsonl:\n        path: in\n        schema: ticket\n" +
			"    processors:\n" + indent(p.Example, "      - ", "        ") +
			"    late:\n      jsonl:\n        path: out/late\n" + files + ticket
	case sdk.KindSink:
		return "pipelines:\n  p:\n" + tickets + "    output:\n" + indent(p.Example, "      ", "      ") + ticket
	}
	return "defaults:\n" + indent(p.Example, "  ", "  ") + "pipelines:\n  p:\n" + tickets +
		"    output:\n      redpanda:\n        topic: t\n" + ticket
}

func TestGoodConfigsHaveNoErrors(t *testing.T) {
	good := goodConfigs(t)
	t.Chdir(t.TempDir())
	t.Setenv("REDPANDA_BROKERS", "localhost:9092")
	for name, text := range good {
		write(t, "good.yaml", text)
		if code, problems := lint(t, "good.yaml"); code != 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// TestEveryMisspeltKeyIsFoundAndSetRight takes every key of every good config,
// misspells it, and wants lint to report that place, offer that key, and say
// nothing else.
func TestEveryMisspeltKeyIsFoundAndSetRight(t *testing.T) {
	good := goodConfigs(t)
	t.Chdir(t.TempDir())
	t.Setenv("REDPANDA_BROKERS", "localhost:9092")
	r := rand.New(rand.NewPCG(*typoSeed, 0))
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(good)) {
		text := good[name]
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(text), &root); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keys := keysOf(&root, nil)
		write(t, "good.yaml", text)
		_, before := lint(t, "good.yaml")
		for _, k := range keys {
			wrong := typo(r, k.name)
			if known(keys, wrong) {
				continue
			}
			tried++
			write(t, "good.yaml", misspell(text, k, wrong))
			_, got := lint(t, "good.yaml")
			got = slices.DeleteFunc(got, func(f found) bool { return slices.ContainsFunc(before, f.sameAs) })
			want := "did you mean " + k.name + "?"
			if len(got) != 1 || got[0].line != k.line || got[0].column != k.column ||
				!strings.Contains(got[0].text, want) {
				t.Errorf("%s:%d:%d: %s for %s (seed %d):\n%v\nwant only %q there",
					name, k.line, k.column, wrong, k.path, *typoSeed, got, want)
			}
		}
	}
	if tried < 300 {
		t.Errorf("tried %d keys, want at least 300", tried)
	}
}

// sameAs compares but for the texts, which may name the key.
func (f found) sameAs(other found) bool {
	other.text = f.text
	return f == other
}

// known reports whether a typo makes another key of the file.
func known(keys []key, name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.name == name })
}

// misspell writes a key in another way.
func misspell(text string, k key, wrong string) string {
	lines := strings.Split(text, "\n")
	line := []rune(lines[k.line-1])
	lines[k.line-1] = string(line[:k.column-1]) + wrong + string(line[k.column-1+len([]rune(k.name)):])
	return strings.Join(lines, "\n")
}
