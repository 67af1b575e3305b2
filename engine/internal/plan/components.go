package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// Components are Benthos's, which may stand where a plugin may. A plan without
// them is New(file, catalog, nil).
type Components interface {
	// Names lists the components that can be a step of a kind.
	Names(kind sdk.Kind) []string
	// Absent says why there is no component of a name, as a hint; "" if
	// nothing is known of it.
	Absent(kind sdk.Kind, name string) string
	// Plugin makes a plugin of one input or output, or of a run of processors.
	// The config is {"components": [{NAME: …}, …], "labels": [LABEL, …], "schema": {…},
	// "batch": 1, "messages": true}; labels are "" where none is given; with messages its rows have a MessageColumn.
	Plugin(kind sdk.Kind, config []byte) *sdk.Plugin
	// Messages reports whether a step of that config gives its rows metadata or
	// batches, and whether its result depends on those of its rows.
	Messages(kind sdk.Kind, config []byte) (gives, reads bool)
	// Resources returns everything wrong with the resources that components
	// share: a JSON object with cache_resources and the like.
	Resources(config []byte) []sdk.Problem
}

// Columns is what a step whose columns are declared gives: those, and the
// engine's own columns of the step's input, which follow their rows.
func Columns(declared sdk.Schema, in *arrow.Schema) *arrow.Schema {
	columns := declared.Arrow()
	if in == nil {
		return columns
	}
	fields := slices.Clone(columns.Fields())
	for _, f := range in.Fields() {
		if strings.HasPrefix(f.Name, "_") {
			f.Nullable = true // a step may make rows that come from none
			fields = append(fields, f)
		}
	}
	if len(fields) == columns.NumFields() {
		return columns
	}
	return arrow.NewSchema(fields, nil)
}

// component is the name of the Benthos component that a step uses. Our own
// plugins of the same name win, unless it is written benthos/NAME.
func (b *builder) component(kind sdk.Kind, s *config.Step) (string, bool) {
	if b.components == nil {
		return "", false
	}
	name, explicit := strings.CutPrefix(s.Plugin, "benthos/")
	if _, ours := b.catalog.Find(kind, name); ours && !explicit {
		return "", false
	}
	return name, slices.Contains(b.components.Names(kind), name)
}

// run counts the Benthos processors that steps begin with and that make one
// step. The columns are known again where a schema stands beside one of them.
func (b *builder) run(steps []*config.Step) int {
	for i, s := range steps {
		if _, ok := b.component(sdk.KindTransform, s); !ok {
			return i
		}
		if s.Schema != nil {
			return i + 1
		}
	}
	return len(steps)
}

// known reports whether there is a processor of the step's name.
func (b *builder) known(s *config.Step) bool {
	_, ours := b.catalog.Find(sdk.KindTransform, s.Plugin)
	_, theirs := b.component(sdk.KindTransform, s)
	return ours || theirs
}

// benthos plans a step of one or several components.
func (b *builder) benthos(kind sdk.Kind, run []*config.Step, in *arrow.Schema) *Step {
	first, last := run[0], run[len(run)-1]
	step := &Step{Label: first.Label, Path: first.Path, Where: first.Node.KeyPos(first.Plugin).String(), In: in}
	node := b.componentsOf(kind, run)
	beside := b.schemaBeside(last, in)
	if beside != nil && kind != sdk.KindSink {
		node = node.With("schema", beside)
	}
	if b.messages && kind != sdk.KindSink {
		node = node.With("messages", config.NewScalar("true"))
	}
	step.Config = node.JSON()
	step.Plugin = b.components.Plugin(kind, step.Config)
	step.Description = step.Plugin.Describe(step.Config, in)
	problems := step.Description.Problems
	for _, p := range problems {
		b.addToComponent(run, p)
	}
	if kind == sdk.KindSink {
		if in != nil {
			step.Out = b.declared(last, kind, in, in)
		}
		return step
	}
	columns := b.declared(last, kind, in, nil)
	if columns == nil || len(sdk.Faults(problems)) > 0 || in == nil && kind != sdk.KindSource {
		return step
	}
	var schema sdk.Schema
	sdk.Decode(beside.JSON(), &schema) // declared has said what is wrong with it
	step.Out = Columns(schema, in)
	if b.messages {
		step.Out = WithMessages(step.Out)
	}
	return step
}

// addToComponent adds a problem of a run to the component that it is about.
func (b *builder) addToComponent(run []*config.Step, p sdk.Problem) {
	remaining, ok := strings.CutPrefix(p.Path, "components.")
	if !ok {
		return // of the schema, which declared reports
	}
	number, remaining, _ := strings.Cut(remaining, ".")
	at, err := strconv.Atoi(number)
	if err != nil || at >= len(run) {
		at = 0
	}
	_, p.Path, _ = strings.Cut(remaining, ".") // the component's name
	b.add(run[at], nil, []sdk.Problem{p})
}

// resources checks what the components of the file share.
func (b *builder) resources() {
	if b.components == nil || b.file.Resources == nil {
		return
	}
	for _, p := range b.components.Resources(b.file.Resources.Native().JSON()) {
		b.problems = append(b.problems, config.Problem{Position: b.file.Resources.Locate(p.Path, p.Key),
			Path: p.Path, Code: code(p), Message: p.Message, Hint: p.Hint, Warning: p.Warning})
	}
}
