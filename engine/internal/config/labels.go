package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// nameForm is for pipelines and labels, which become parts of file names,
// metrics and dotted paths.
var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

const nameWanted = "want letters, digits, _ and -, at most 64, beginning with a letter"

func (r *reader) givenLabel(n *Node, path string) string {
	text, ok := r.text(n, "label", path)
	if !ok || text == "" { // Benthos's own examples write label: ''
		return ""
	}
	if !nameForm.MatchString(text) {
		r.fail(n.Get("label").pos, join(path, "label"), "bad-name", nameWanted, "a label cannot be %q", text)
		return ""
	}
	return text
}

// labelled is a step or a branch on its way to a label.
type labelled struct {
	label *string
	base  string // what it is called if nothing is given
	node  *Node
	path  string
}

// targets lists what gets a label, in the order of the file.
func (p *Pipeline) targets() []labelled {
	var targets []labelled
	add := func(steps ...*Step) {
		for _, s := range steps {
			base := s.Plugin[strings.LastIndexByte(s.Plugin, '/')+1:]
			targets = append(targets, labelled{&s.Label, base, s.Node, s.Path})
		}
	}
	if p.Input != nil {
		add(p.Input)
	}
	add(p.Processors...)
	for _, o := range p.Outputs {
		if !o.plain() {
			targets = append(targets, labelled{&o.Label, "branch", o.Node, o.Path})
		}
		add(slices.Concat(o.Processors, o.Steps)...)
	}
	if p.Late != nil {
		targets = append(targets, labelled{&p.Late.Label, "late", p.Late.Node, p.Late.Path})
	}
	if p.DeadLetters != nil {
		d := p.DeadLetters
		targets = append(targets, labelled{&d.Label, "dead_letters", d.Node, d.Path})
	}
	return targets
}

// plain reports whether an output is one step, and no branch.
func (o *Output) plain() bool {
	return len(o.Steps) == 1 && o.Steps[0].Node == o.Node
}

// label gives every step and branch a name of its own: the one given, or what
// it is, numbered if that is in use.
func (r *reader) label(p *Pipeline) {
	targets := p.targets()
	used := map[string]Position{}
	for _, at := range targets {
		name, pos := *at.label, at.node.Get("label").Pos()
		if name == "" {
			continue
		}
		if first, twice := used[name]; twice {
			r.fail(pos, at.path, "duplicate-label", "labels are unique in a pipeline",
				"the label %s is given twice, first at %s", name, first)
			continue
		}
		used[name] = pos
	}
	count := map[string]int{}
	for _, at := range targets {
		for *at.label == "" {
			name := at.base
			if count[at.base]++; count[at.base] > 1 {
				name = fmt.Sprintf("%s_%d", at.base, count[at.base])
			}
			if _, exists := used[name]; !exists {
				*at.label, used[name] = name, at.node.Pos()
			}
		}
	}
	for _, o := range p.Outputs {
		if o.plain() {
			o.Label = o.Steps[0].Label
		}
	}
}
