package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"etlengine/plugins/sdk"
)

// stepKeys may stand beside the plugin's name in a step.
var stepKeys = []string{"label", "schema", "batch"}

// steps are all steps of the pipeline in the order of the file.
func (p *Pipeline) steps() []*Step {
	var steps []*Step
	if p.Input != nil {
		steps = append(steps, p.Input)
	}
	steps = append(steps, p.Processors...)
	for _, o := range p.Outputs {
		steps = append(append(steps, o.Processors...), o.Steps...)
	}
	for _, s := range [...]*Step{p.Late, p.DeadLetters} {
		if s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// pipeline reads one pipeline; nil if there is nothing of it.
func (r *reader) pipeline(name string, at Position, n *Node) *Pipeline {
	path := join("pipelines", name)
	if !nameForm.MatchString(name) {
		r.fail(at, path, "bad-name", nameWanted, "a pipeline cannot be named %q", name)
	}
	if n.Kind() != Map {
		r.fail(at, path, "wrong-kind", "write input: and output: under it",
			"want a map with input and output, got %s", n.describe())
		return nil
	}
	for _, key := range n.Keys() {
		if !slices.Contains(pipelineKeys, key) {
			r.unknown(n, join(path, key), key, pipelineKeys, inPipeline)
		}
	}
	r.raiseKeys(n, path)
	p := &Pipeline{Name: name, Node: n, CheckpointInterval: r.interval(n, path, r.file.CheckpointInterval)}
	if r.has(n, "input", at, path) {
		p.Input = r.step(n.Get("input"), n.KeyPos("input"), join(path, "input"))
	}
	p.Processors = r.processors(n, path)
	if r.has(n, "output", at, path) {
		for _, item := range r.items(n.Get("output"), n.KeyPos("output"), join(path, "output")) {
			if o := r.output(item); o != nil {
				p.Outputs = append(p.Outputs, o)
			}
		}
	}
	p.Late, p.DeadLetters = r.side(n, "late", path), r.side(n, "dead_letters", path)
	r.label(p)
	return p
}

// raiseKeys reports keys of the pipeline that are indented under its input or an
// output, and reads them as the pipeline's: what stands under them is checked.
func (r *reader) raiseKeys(n *Node, path string) {
	for _, around := range []string{"input", "output"} {
		nodes := []*Node{n.Get(around)}
		if nodes[0].Kind() == List {
			nodes = nodes[0].values
		}
		for _, step := range nodes {
			for _, key := range step.Keys() {
				if key != "late" && key != "dead_letters" && key != "checkpoint_interval" {
					continue
				}
				pos := step.KeyPos(key)
				r.fail(pos, join(join(path, around), key), "misplaced-key",
					fmt.Sprintf("unindent it: write %s: below the pipeline's name, as %s: is", key, around),
					"%s belongs to the pipeline, not to its %s", key, around)
				value := step.remove(key)
				if n.index(key) < 0 {
					n.addKey(mapKey{key, pos}, value)
				}
			}
		}
	}
}

// side reads an output for rows that leave the main stream; nil if there
// is none.
func (r *reader) side(n *Node, key, path string) *Step {
	if n.Get(key).Kind() == Null {
		return nil
	}
	return r.step(n.Get(key), n.KeyPos(key), join(path, key))
}

// has reports a key that is missing or empty.
func (r *reader) has(n *Node, key string, at Position, path string) bool {
	if n.Get(key).Kind() != Null {
		return true
	}
	if n.Get(key) != nil {
		at = n.KeyPos(key)
	}
	if !r.meant[join(path, key)] {
		r.fail(at, path, "missing-key", fmt.Sprintf("write %s: {PLUGIN: {…}}", key), "%s is missing", key)
	}
	return false
}

// item is a node where a step is wanted.
type item struct {
	node *Node
	pos  Position // of the key or the dash
	path string
}

// items are the steps of an output: one, or a list.
func (r *reader) items(n *Node, at Position, path string) []item {
	if n.Kind() != List {
		return []item{{n, at, path}}
	}
	if len(n.values) == 0 {
		r.fail(n.pos, path, "missing-key", "", "want at least one step, got an empty list")
	}
	return listItems(n, path)
}

func listItems(n *Node, path string) []item {
	var items []item
	for i, value := range n.Items() {
		items = append(items, item{value, value.Pos(), join(path, fmt.Sprint(i))})
	}
	return items
}

func (r *reader) processors(in *Node, path string) []*Step {
	n, path := in.Get("processors"), join(path, "processors")
	if n.Kind() == Null {
		return nil
	}
	if n.Kind() != List {
		r.fail(n.pos, path, "wrong-kind", "begin each step with a -",
			"want a list of steps, got %s", n.describe())
		return nil
	}
	var steps []*Step
	for _, at := range listItems(n, path) {
		if s := r.step(at.node, at.pos, at.path); s != nil {
			steps = append(steps, s)
		}
	}
	return steps
}

// output reads a plain output or a branch.
func (r *reader) output(at item) *Output {
	if at.node.Get("processors") == nil && at.node.Get("output") == nil {
		s := r.step(at.node, at.pos, at.path)
		if s == nil {
			return nil
		}
		return &Output{Label: s.Label, Node: s.Node, Path: at.path, Steps: []*Step{s}}
	}
	known := []string{"label", "processors", "output"}
	for _, key := range at.node.Keys() {
		if slices.Contains(known, key) {
			continue
		}
		pos, path := at.node.KeyPos(key), join(at.path, key)
		isOutput := inPipeline[key] == "output" || sdk.Nearest(key, known) != ""
		if at.node.Get("output") == nil && !isOutput {
			r.meant[join(at.path, "output")] = true
			r.fail(pos, path, "misplaced-step", "write output: under processors:, and "+key+": under output:",
				"an output with processors has its plugin under its own output")
			continue
		}
		r.unknown(at.node, path, key, known, inPipeline)
	}
	o := &Output{Node: at.node, Path: at.path, Label: r.givenLabel(at.node, at.path)}
	o.Processors = r.processors(at.node, at.path)
	if !r.has(at.node, "output", at.pos, at.path) {
		return o
	}
	for _, inner := range r.items(at.node.Get("output"), at.node.KeyPos("output"), join(at.path, "output")) {
		if pos := inner.node.KeyPos("processors"); inner.node.Get("processors") != nil {
			r.fail(pos, inner.path, "nested-branch",
				"give the outer output another branch, or use a topic in between",
				"a branch cannot have branches of its own")
		} else if s := r.step(inner.node, inner.pos, inner.path); s != nil {
			o.Steps = append(o.Steps, s)
		}
	}
	return o
}

// step reads one step; nil if it is not clear which plugin it uses.
func (r *reader) step(n *Node, at Position, path string) *Step {
	if n.Kind() != Map {
		hint := "write PLUGIN: {…}"
		if n.Kind() == Scalar && nameForm.MatchString(n.text) {
			hint = fmt.Sprintf("write %s: {}", n.text)
		} else if n.Kind() == List {
			hint = "this place takes one step, without a -"
		}
		if n.Kind() != Null {
			at = n.pos
		}
		r.fail(at, path, "wrong-kind", hint, "want a map with the name of a plugin, got %s", n.describe())
		return nil
	}
	plugin, ok := r.plugin(n, at, path)
	if !ok {
		return nil
	}
	config := n.Get(plugin)
	if config.Kind() == Null {
		config = &Node{pos: n.KeyPos(plugin)}
	}
	s := &Step{Label: r.givenLabel(n, path), Plugin: plugin, Node: n, Path: join(path, plugin),
		Config: configOver(r.file.Defaults.Get(plugin), config)}
	if n.Get("schema").Kind() != Null {
		s.Schema = n.Get("schema")
	}
	s.Batch = r.batch(n, path)
	return s
}

// batch is how many rows Benthos's components get at a time; 0 if nothing is
// said.
func (r *reader) batch(n *Node, path string) int {
	text, ok := r.text(n, "batch", path)
	if !ok {
		return 0
	}
	rows, err := strconv.Atoi(text)
	if err != nil || rows < 1 || rows > mostBatchRows {
		r.fail(n.Get("batch").pos, join(path, "batch"), "bad-number", "",
			"want a number of rows from 1 to %d, got %q", mostBatchRows, text)
		return 0
	}
	return rows
}

// mostBatchRows bounds what is collected in memory for one batch.
const mostBatchRows = 100_000

// plugin is the one key of a step that is not one of its neighbours.
func (r *reader) plugin(n *Node, at Position, path string) (string, bool) {
	names := stepWords(n)
	if len(names) > 1 { // then some of them may be misspelt neighbours
		names = slices.DeleteFunc(names, func(key string) bool {
			known := []string{"label", "schema"} // path, a common slip, is near to batch
			near := sdk.Nearest(key, known)
			if near != "" {
				r.unknown(n, join(path, key), key, known, nil)
			}
			return near != ""
		})
	}
	switch len(names) {
	case 1:
		return names[0], true
	case 0:
		if len(n.keys) > 0 {
			at = n.keys[0].pos
		}
		r.fail(at, path, "no-plugin", "write PLUGIN: {…} beside it", "a step without the name of a plugin")
		return "", false
	}
	first, second := names[0], names[1]
	value := n.Get(first)
	hint := "give each its own - in a list"
	switch {
	case value.Kind() == Null:
		hint = fmt.Sprintf("indent %s below %s", second, first)
	case slices.Contains(names, "processors") && strings.HasSuffix(path, ".input"):
		hint = "move them to the pipeline's processors, or keep them with their input in a " +
			"broker: { inputs: [ { …, processors: […] } ] }"
		r.fail(n.KeyPos("processors"), path, "two-plugins", hint, "an input of a pipeline has no processors of its own")
		return "", false
	case value.Kind() == Scalar && slices.Contains([]string{"type", "plugin", "name"}, first):
		hint = fmt.Sprintf("write %s: { %s: … }", value.text, second)
	}
	r.fail(n.KeyPos(second), path, "two-plugins", hint,
		"a step has one plugin, this one has %s", strings.Join(names, ", "))
	return "", false
}
