// Package plan turns a config file and a catalog into a plan: pipelines whose
// every step has its plugin, a checked config and known columns. A plan cannot
// fail to parse; what is left to go wrong is the world outside.
package plan

import (
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Plan is what a run executes.
type Plan struct {
	Paths     []string // the files it came from
	StateDir  string
	Services  []*Service
	Pipelines []*Pipeline // upstreams before their readers
}

// Names lists the pipelines.
func (p *Plan) Names() []string {
	names := make([]string, len(p.Pipelines))
	for i, line := range p.Pipelines {
		names[i] = line.Name
	}
	return names
}

// Service is a helper that some steps need.
type Service struct {
	Plugin *sdk.Plugin
	Config []byte
}

// Pipeline is a tree: an input, steps that all outputs share, and branches.
type Pipeline struct {
	Name       string
	Interval   time.Duration // longest epoch
	Input      *Step
	Processors []*Step
	Branches   []*Branch
	FilledBy   []string // pipelines of the file that fill what the input reads
	// Late and DeadLetters get the rows that leave the main stream; nil if
	// there is no such output. Their columns are LateColumns and DeadColumns.
	Late, DeadLetters *Step
}

// Branch is an output: steps of its own, then one sink or several.
type Branch struct {
	Processors []*Step
	Sinks      []*Step
}

// Step is a plugin in its place.
type Step struct {
	Label  string // unique in the pipeline
	Branch string // the label that was given to the branch it is in; ""
	Path   string // where it stands: pipelines.report.output.0.csv
	Where  string // file:line:column
	Plugin *sdk.Plugin
	Config []byte        // a JSON object, keys in the order of the YAML
	In     *arrow.Schema // nil for a source
	Out    *arrow.Schema // a sink's is its In

	Description sdk.Description // of Plugin with Config and In

	faulty bool // something is wrong with it: what depends on its config is unknown
}

// Steps lists the steps of a pipeline in the way of the data.
func (p *Pipeline) Steps() []*Step {
	var steps []*Step
	if p.Input != nil { // while a file with faults is planned
		steps = append(steps, p.Input)
	}
	steps = append(steps, p.Processors...)
	for _, b := range p.Branches {
		steps = append(steps, b.Processors...)
		steps = append(steps, b.Sinks...)
	}
	return append(steps, p.SideOutputs()...)
}

// Uses reports whether a step reads or writes a standard stream: "stdin", "stdout".
func (p *Plan) Uses(stream string) bool {
	for _, line := range p.Pipelines {
		for _, s := range line.Steps() {
			if slices.Contains(s.Description.Streams, stream) {
				return true
			}
		}
	}
	return false
}

// SideOutputs lists the outputs for late rows and dead letters, if there are any.
func (p *Pipeline) SideOutputs() []*Step {
	var outputs []*Step
	for _, s := range []*Step{p.Late, p.DeadLetters} {
		if s != nil {
			outputs = append(outputs, s)
		}
	}
	return outputs
}

// Guarantee is what the pipeline promises of its outputs: "exactly-once", or
// "at-least-once" and because of which step.
func (p *Pipeline) Guarantee() string {
	for _, s := range p.Steps() {
		if why := s.Description.AtLeastOnce; why != "" {
			return "at-least-once because of " + s.Label + ": " + why
		}
	}
	return "exactly-once"
}
