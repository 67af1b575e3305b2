package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/catalog"
	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// New plans a file. It returns all that is wrong at once; the plan is whole
// only if no problem but warnings is among them. Components may be nil.
func New(f *config.File, c *catalog.Catalog, components Components) (*Plan, []config.Problem) {
	b := &builder{file: f, catalog: c, components: components,
		plan: &Plan{Paths: f.Paths, StateDir: f.StateDir}, badSchemas: map[string]bool{}}
	b.schemas()
	b.defaults()
	b.resources()
	for _, p := range f.Pipelines {
		b.plan.Pipelines = append(b.plan.Pipelines, b.pipeline(p))
	}
	b.services()
	b.unused()
	b.link()
	b.noFiles()
	b.ends()
	if f.HTTP != "" {
		b.fail(f.Root.KeyPos("http"), "http", "unsupported", "metrics and health over HTTP are not supported "+
			"by this version", "leave http out")
	}
	return b.plan, b.problems
}

type builder struct {
	file       *config.File
	catalog    *catalog.Catalog
	components Components
	plan       *Plan
	problems   []config.Problem
	badSchemas map[string]bool
	messages   bool // rows of the pipeline that is planned have a MessageColumn
	unsure     bool // the step that is planned may be longer, were the next one's name right
	guessed    bool // types of the pipeline's columns are stand-ins for faulty ones
}

func (b *builder) fail(at config.Position, path, code, message, hint string) {
	b.problems = append(b.problems, config.Problem{Position: at, Path: path, Code: code,
		Message: message, Hint: hint})
}

// schemas checks every named schema once, used or not.
func (b *builder) schemas() {
	for _, name := range b.file.Schemas.Keys() {
		node := b.file.Schemas.Get(name)
		var s sdk.Schema
		problems := sdk.Decode(node.JSON(), &s)
		if len(problems) == 0 && len(s) == 0 {
			problems = []sdk.Problem{{Message: "a schema needs at least one column"}}
		}
		for _, p := range problems {
			b.badSchemas[name] = true
			b.fail(node.Locate(p.Path, p.Key), joined("schemas."+name, p.Path), schemaCode(p), p.Message, p.Hint)
		}
	}
}

// defaults refuses settings for plugins that do not exist.
func (b *builder) defaults() {
	for _, name := range b.file.Defaults.Keys() {
		if len(b.catalog.Named(name)) > 0 {
			continue
		}
		var names []string
		for _, p := range b.catalog.All() {
			if !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
		hint := "defaults are for the plugins of this engine"
		if b.components != nil {
			hint = cmp.Or(b.components.Absent(sdk.KindSource, name), hint)
		}
		b.fail(b.file.Defaults.KeyPos(name), "defaults."+name, "unknown-plugin",
			"no plugin named "+name+suggestion(name, names), hint)
	}
}

func (b *builder) pipeline(f *config.Pipeline) *Pipeline {
	p := &Pipeline{Name: f.Name, Interval: f.CheckpointInterval}
	b.messages, b.guessed = b.passesMessages(f), false
	var columns *arrow.Schema
	if f.Input != nil {
		p.Input = b.step(sdk.KindSource, f.Input, nil)
		if p.Input.Out != nil {
			p.Input.Out = withPosition(p.Input.Out)
		}
		columns = p.Input.Out
	}
	p.Processors = b.steps(f.Processors, columns)
	columns = after(p.Processors, columns)
	for _, o := range f.Outputs {
		branch := &Branch{Processors: b.steps(o.Processors, columns)}
		last := withoutPosition(after(branch.Processors, columns))
		for _, s := range o.Steps {
			branch.Sinks = append(branch.Sinks, b.step(sdk.KindSink, s, last))
		}
		for _, s := range slices.Concat(branch.Processors, branch.Sinks) {
			if s.Label != o.Label { // else it is the output itself
				s.Branch = o.Node.Get("label").Text()
			}
		}
		p.Branches = append(p.Branches, branch)
	}
	b.sideOutputs(p, f)
	return p
}

func (b *builder) steps(steps []*config.Step, columns *arrow.Schema) []*Step {
	var planned []*Step
	for len(steps) > 0 {
		n := max(1, b.run(steps))
		b.unsure = n < len(steps) && !b.known(steps[n])
		step := b.step(sdk.KindTransform, steps[0], columns, steps[1:n]...)
		columns, steps = step.Out, steps[n:]
		planned = append(planned, step)
	}
	return planned
}

// after is the columns behind some steps.
func after(steps []*Step, columns *arrow.Schema) *arrow.Schema {
	if len(steps) > 0 {
		return steps[len(steps)-1].Out
	}
	return columns
}

// step finds the plugin, checks its config and computes its columns. Out is nil
// if they are not known because something is wrong, here or before. More is
// what a Benthos processor is one step with.
func (b *builder) step(kind sdk.Kind, s *config.Step, in *arrow.Schema, more ...*config.Step) *Step {
	b.misplacedBatch(kind, append([]*config.Step{s}, more...))
	if _, ok := b.component(kind, s); ok {
		return b.benthos(kind, append([]*config.Step{s}, more...), in)
	}
	step := &Step{Label: s.Label, Path: s.Path, Where: s.Node.KeyPos(s.Plugin).String(), In: in}
	plugin, ok := b.catalog.Find(kind, s.Plugin)
	if !ok {
		if plugin = b.unknownPlugin(kind, s); plugin == nil {
			step.Plugin, step.faulty = &sdk.Plugin{Kind: kind, Name: s.Plugin}, true
			if s.Schema != nil {
				step.Out = b.declared(s, kind, in, nil)
			}
			return step
		}
	}
	step.Plugin = plugin
	node, named, ok := b.config(plugin, s)
	step.Config, step.faulty = node.JSON(), !ok
	if !ok {
		return step
	}
	step.Description = plugin.Describe(step.Config, in)
	problems := step.Description.Problems
	step.faulty = len(sdk.Faults(problems)) > 0
	b.add(s, named, problems)
	if in == nil && kind != sdk.KindSource {
		return step
	}
	d := step.Description
	if !d.Usable {
		if node, ok = usable(plugin, node, problems); !ok {
			node, ok = b.withStandIns(plugin, s, node, problems)
		}
		if ok {
			d = plugin.Describe(node.JSON(), in)
		}
	}
	step.Out = d.Columns // some plugins know them all the same
	if !d.Usable {
		return step
	}
	b.add(s, named, b.sure(d.ColumnProblems))
	if len(sdk.Faults(d.ColumnProblems)) > 0 {
		step.faulty = true
		return step
	}
	step.Out = b.declared(s, kind, in, d.Columns)
	if kind == sdk.KindSink {
		step.Out = in
	}
	return step
}

// declared compares the columns written beside a step with those the plugin
// computes from the ones before it, and stands in for them where it does not.
func (b *builder) declared(s *config.Step, kind sdk.Kind, in, computed *arrow.Schema) *arrow.Schema {
	if s.Schema == nil {
		if computed == nil && !b.unsure {
			hint := "write them beside it: schema: NAME, or schema: {column: type}"
			if kind == sdk.KindTransform {
				hint += "; schema: same if it changes none"
			}
			b.fail(s.Node.KeyPos(s.Plugin), s.Path, "schema-missing", "the columns after this step are not known", hint)
		}
		return computed
	}
	if b.isSame(s) {
		return b.unchanged(s, kind, in, computed)
	}
	node, path := b.schemaNode(s)
	if node == nil {
		b.unknownSchema(s.Schema, s.Path, s.Schema.Text())
		return nil
	}
	var declared sdk.Schema
	if problems := sdk.Decode(node.JSON(), &declared); len(problems) > 0 {
		if s.Schema.Kind() != config.Scalar { // a named one has been reported
			for _, p := range problems {
				b.fail(node.Locate(p.Path, p.Key), joined(path, p.Path), schemaCode(p), p.Message, p.Hint)
			}
		}
		return nil
	}
	columns := declared.Arrow()
	if computed == nil {
		return columns
	}
	if own := withoutPosition(computed); !own.Equal(columns) {
		b.fail(s.Schema.Pos(), path, "schema-mismatch", "the step gives other columns: "+describe(own),
			"leave schema out here; "+s.Plugin+" knows its columns")
	}
	return computed
}

// schemaNode is what the schema beside a step holds, or names, and its path.
func (b *builder) schemaNode(s *config.Step) (node *config.Node, path string) {
	if s.Schema.Kind() == config.Scalar {
		name := s.Schema.Text()
		return b.file.Schemas.Get(name), "schemas." + name
	}
	return s.Schema, strings.TrimSuffix(s.Path, s.Plugin) + "schema"
}

func describe(s *arrow.Schema) string {
	columns := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		columns[i] = f.Name + " " + sdk.TypeName(f.Type)
	}
	return strings.Join(columns, ", ")
}

func (b *builder) unknownSchema(at *config.Node, path, name string) {
	message := "no schema named " + name
	if known := b.file.Schemas.Keys(); len(known) > 0 {
		message += suggestion(name, known)
	}
	b.fail(at.Pos(), path, "unknown-schema", message, "schemas are defined at the top of the file, under schemas:")
}

// config is a step's config as the plugin decodes it: named schemas are written
// out, and defaults that are meant for another kind of the same plugin are left
// out. named is the name of the schema that a field holds, by field.
func (b *builder) config(plugin *sdk.Plugin, s *config.Step) (edited *config.Node, named map[string]string, ok bool) {
	if s.Config.Kind() != config.Map {
		return s.Config, nil, true
	}
	edited, ok, named = s.Config, true, map[string]string{}
	for _, key := range s.Config.Keys() {
		if b.foreign(plugin, s, key) {
			edited = edited.Without(key)
			continue
		}
		value, at := s.Config.Get(key), fieldOf(plugin, key)
		if at < 0 || plugin.Fields[at].Type != "schema" || value.Kind() != config.Scalar {
			continue
		}
		name := value.Text()
		if value = b.file.Schemas.Get(name); value == nil {
			b.unknownSchema(s.Config.Get(key), s.Path+"."+key, name)
			ok = false
			continue
		}
		named[key] = name
		if b.badSchemas[name] {
			b.guessed = true
			value = standIn(value)
		}
		edited = edited.With(key, value)
	}
	return edited, named, ok
}

// fieldOf is the index of the field that a key means, misspelt or not; or -1.
func fieldOf(plugin *sdk.Plugin, key string) int {
	names := make([]string, len(plugin.Fields))
	for i, f := range plugin.Fields {
		names[i] = f.Name
	}
	if at := slices.Index(names, key); at >= 0 {
		return at
	}
	if near := sdk.Nearest(key, names); sdk.IsTypo(key, near) {
		return slices.Index(names, near)
	}
	return -1
}

// foreign reports whether a key comes from the defaults and means something to a
// plugin of the same name and another kind only.
func (b *builder) foreign(plugin *sdk.Plugin, s *config.Step, key string) bool {
	fromDefaults := b.file.Defaults.Get(s.Plugin)
	if fromDefaults.Get(key) == nil || fromDefaults.KeyPos(key) != s.Config.KeyPos(key) {
		return false
	}
	knows := func(p *sdk.Plugin) bool {
		return slices.ContainsFunc(p.Fields, func(f sdk.Field) bool { return f.Name == key })
	}
	return !knows(plugin) && slices.ContainsFunc(b.catalog.Named(s.Plugin), knows)
}

// add reports a plugin's problems at their positions in the file.
func (b *builder) add(s *config.Step, named map[string]string, problems []sdk.Problem) {
	for _, p := range problems {
		at, path := s.Config.Locate(p.Path, p.Key), joined(s.Path, p.Path)
		if inside, ok := b.file.Inside(s.Config.Find(p.Path), p.Offset); ok && p.Offset > 0 {
			at = inside
		} else if p.Offset > 0 {
			p.Message = fmt.Sprintf("at character %d: %s", p.Offset+1, p.Message)
		}
		field, below, _ := strings.Cut(p.Path, ".")
		if name, ok := named[field]; ok && below != "" {
			at, path = b.file.Schemas.Get(name).Locate(below, p.Key), "schemas."+name+"."+below
		}
		if at.Line == 0 && at.Text == "" {
			at = s.Node.KeyPos(s.Plugin)
		}
		b.problems = append(b.problems, config.Problem{Position: at, Path: path, Code: code(p),
			Message: p.Message, Hint: p.Hint, Warning: p.Warning})
	}
}

func code(p sdk.Problem) string {
	switch {
	case p.Code != "":
		return p.Code
	case p.Key:
		return "unknown-field"
	case p.Warning:
		return "doubtful"
	}
	return "invalid-config"
}

// schemaCode is the code of a problem of a schema that stands by itself.
func schemaCode(p sdk.Problem) string {
	if p.Code == "" || p.Code == sdk.CodeBadValue {
		return "schema"
	}
	return p.Code
}

func joined(path, below string) string {
	if below == "" {
		return path
	}
	return path + "." + below
}
