package benthos

import (
	"regexp"
	"slices"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/yamlfix"
)

// wrongKinds finds the values that Benthos's linter says to be of the wrong kind. Of
// these it knows the line where they begin, which holds others too.
type wrongKinds struct {
	values []yamlfix.Value
	lists  map[string]bool // fields that are lists
	found  map[int]bool    // indexes of values that have a problem
}

func newWrongKinds(values []yamlfix.Value, known *vocabulary) *wrongKinds {
	return &wrongKinds{values: values, lists: known.lists, found: map[int]bool{}}
}

// explain says of a problem what was wanted and which value came, and points at its key.
func (w *wrongKinds) explain(p *PlainProblem, l service.Lint) {
	got := ""
	fits := func(yamlfix.Value) bool { return false }
	switch l.Type {
	case service.LintExpectedArray:
		p.Message, p.Hint = "want a list", "begin each item with a -"
		fits = func(v yamlfix.Value) bool { return v.Tag != "!!seq" && w.lists[v.Key] }
	case service.LintExpectedObject:
		p.Message, got = "want a map", anyTag.FindString(l.What)
		fits = func(v yamlfix.Value) bool { return v.Tag == got }
	case service.LintExpectedScalar:
		p.Message = "want a single value"
		fits = func(v yamlfix.Value) bool { return v.Tag == "!!map" || v.Tag == "!!seq" }
	}
	for i, v := range slices.Backward(w.values) { // inner ones first: outer ones are components
		if v.ValueLine == l.Line && !w.found[i] && fits(v) {
			w.found[i] = true
			p.Line, p.Column, got = v.Line, v.Column, v.Tag
			break
		}
	}
	if got != "" {
		p.Message += ", got " + yamlKinds.Replace(got)
	}
}

var anyTag = regexp.MustCompile(`!![a-z]+`)
