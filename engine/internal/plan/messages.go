package plan

import (
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// WithMessages is the columns of a step of components, with the one that keeps
// the rows' metadata and batches for components further on.
func WithMessages(s *arrow.Schema) *arrow.Schema {
	if s.HasField(sdk.MessageColumn) {
		return s
	}
	fields := append(slices.Clone(s.Fields()), arrow.Field{Name: sdk.MessageColumn,
		Type: arrow.BinaryTypes.String, Nullable: true})
	return arrow.NewSchema(fields, nil)
}

// passesMessages reports whether a step of components gives its rows something that
// another one behind it reads. Only then do rows have a MessageColumn: writing
// and reading it costs about as much as a mapping.
func (b *builder) passesMessages(f *config.Pipeline) bool {
	if b.components == nil {
		return false
	}
	given := false
	passes := func(kind sdk.Kind, steps []*config.Step) bool {
		for len(steps) > 0 {
			n := 1
			if kind == sdk.KindTransform {
				n = max(1, b.run(steps))
			}
			if _, ok := b.component(kind, steps[0]); ok {
				gives, reads := b.components.Messages(kind, b.componentsOf(kind, steps[:n]).JSON())
				if given && reads {
					return true
				}
				given = given || gives
			}
			steps = steps[n:]
		}
		return false
	}
	if f.Input != nil {
		passes(sdk.KindSource, []*config.Step{f.Input}) // nothing is before it
	}
	if passes(sdk.KindTransform, f.Processors) {
		return true
	}
	before := given
	for _, o := range f.Outputs {
		given = before
		if passes(sdk.KindTransform, o.Processors) || passes(sdk.KindSink, o.Steps) {
			return true
		}
	}
	return false
}

// componentsOf is the config of a step of components without its schema.
func (b *builder) componentsOf(kind sdk.Kind, run []*config.Step) *config.Node {
	var components, labels []*config.Node
	given := false
	for _, s := range run {
		name, _ := b.component(kind, s)
		components = append(components, config.NewMap().With(name, s.Config.Native()))
		label := ""
		if s.Node.Get("label").Text() != "" {
			label, given = s.Label, true
		}
		labels = append(labels, config.NewScalar(label))
	}
	node := config.NewMap().With("components", config.NewList(components...))
	if given && kind == sdk.KindTransform {
		node = node.With("labels", config.NewList(labels...))
	}
	if rows := run[0].Batch; rows > 0 {
		node = node.With("batch", config.NewScalar(strconv.Itoa(rows)))
	}
	return node
}

// misplacedBatch refuses a batch where nothing would read it.
func (b *builder) misplacedBatch(kind sdk.Kind, run []*config.Step) {
	fail := func(s *config.Step, message, hint string) {
		b.fail(s.Node.KeyPos("batch"), s.Path, "misplaced-batch", message, hint)
	}
	_, theirs := b.component(kind, run[0])
	switch {
	case run[0].Batch == 0:
	case !theirs:
		fail(run[0], "batch is for Benthos's components; "+run[0].Plugin+" is none", "leave batch out")
	case kind == sdk.KindSource:
		fail(run[0], "an input of Benthos's makes its own batches", "wrap it: batched: { child: …, "+
			"policy: { count: …, period: 1s } }, or write batch beside the step that needs it")
	}
	for _, s := range run[1:] {
		if s.Batch > 0 {
			fail(s, "these processors are one step, and "+run[0].Plugin+" is its first",
				"write batch beside "+run[0].Plugin+", or a schema beside the processor before "+s.Plugin)
		}
	}
}
