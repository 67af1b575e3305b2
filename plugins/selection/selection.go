// Package selection is the step named select: which columns go on, under which
// names and of which types.
package selection

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Config is what the YAML says: a list of columns, a map of new names to old
// ones, or these keys. Columns that begin with _ are the engine's: they always go on.
type Config struct {
	Keep   []string                `json:"keep" doc:"Columns that go on, in this order (all)."`
	Drop   []string                `json:"drop" doc:"Columns that do not go on."`
	Rename sdk.Ordered[string]     `json:"rename" doc:"New names of columns, each with the old one."`
	Cast   sdk.Ordered[sdk.Column] `json:"cast" type:"map of type" doc:"New types, by columns' new names."`

	names sdk.Ordered[string] // the short form: new names and old ones
	short bool                // the config is a list
}

var keys = []string{"keep", "drop", "rename", "cast"}

// Short takes a list of columns, and a map that has none of the struct's keys.
func (c *Config) Short(s sdk.Shape) any {
	switch {
	case s.List:
		c.short = true
		return &c.Keep
	case s.Flat && !slices.ContainsFunc(s.Keys, func(k string) bool { return slices.Contains(keys, k) }):
		return &c.names
	}
	return nil
}

// Validate says what can be said without knowing the columns.
func (c *Config) Validate() error {
	var all []error
	if len(c.Keep)+len(c.Drop)+len(c.Rename)+len(c.Cast)+len(c.names) == 0 {
		all = append(all, sdk.Fieldf("", "want columns, such as [a, b], {new: old} or {drop: [a]}"))
	}
	if len(c.Keep) > 0 && len(c.Drop) > 0 {
		all = append(all, sdk.Fieldf("drop", "what is not in keep is dropped already; use one of the two"))
	}
	for i, name := range c.Keep {
		if slices.Contains(c.Keep[:i], name) {
			all = append(all, sdk.Fieldf(c.keepPath(i), "%s is listed twice", name))
		}
		all = append(all, engines(c.keepPath(i), name, "it is always kept; leave it out"))
	}
	for i, name := range c.Drop {
		all = append(all, engines("drop."+strconv.Itoa(i), name, "it is always kept"))
	}
	for _, e := range c.Rename {
		all = append(all, newName("rename."+e.Key, e.Key))
	}
	for _, e := range c.names {
		all = append(all, newName(e.Key, e.Key))
	}
	for _, e := range c.Cast {
		all = append(all, engines("cast."+e.Key, e.Key, "its type stays"))
	}
	return errors.Join(all...)
}

func (c *Config) keepPath(i int) string {
	if c.short {
		return strconv.Itoa(i)
	}
	return "keep." + strconv.Itoa(i)
}

// engines refuses a column that is not the user's.
func engines(path, name, why string) error {
	if strings.HasPrefix(name, "_") {
		return sdk.Fieldf(path, "%s is the engine's: %s", name, why)
	}
	return nil
}

func newName(path, name string) error {
	if name == "" {
		return sdk.Fieldf(path, "want a name for each column, got an empty one")
	}
	if strings.HasPrefix(name, "_") {
		return sdk.Problem{Path: path, Key: true,
			Message: "columns that begin with _ are the engine's; choose another name"}
	}
	return nil
}

// Transform is the select step.
var Transform = sdk.Spec[Config]{
	Kind:    sdk.KindTransform,
	Name:    "select",
	Summary: "Chooses, orders and renames columns and changes their types.",
	Example: `select:
  drop: [demande]
  rename: { priority: priorite }
  cast: { created_at: string }
`,
	Columns: func(c *Config, in *arrow.Schema, d *sdk.Description) {
		p, problems := plan(c, in)
		d.Columns, d.ColumnProblems = p.schema, problems
	},
	Open: func(_ context.Context, c *Config, in *arrow.Schema, _ sdk.Env) (sdk.Instance, error) {
		p, problems := plan(c, in)
		if len(problems) > 0 {
			return nil, problems[0]
		}
		return &transform{planned: p}, nil
	},
}.Plugin()

// output is one column after the step.
type output struct {
	name string
	from int   // index before the step
	cast *cast // or nil
}

// planned is what a config means for the columns there are.
type planned struct {
	columns []output
	schema  *arrow.Schema // nil if something is wrong
}

// plan looks up the columns. It is nothing if there are problems.
func plan(c *Config, in *arrow.Schema) (planned, []sdk.Problem) {
	p := planner{Config: c, in: in}
	p.choose()
	p.rename()
	p.engines()
	fields := p.cast()
	if len(p.problems) > 0 {
		return planned{}, p.problems
	}
	meta := in.Metadata()
	return planned{p.columns, arrow.NewSchema(fields, &meta)}, nil
}

type planner struct {
	*Config
	in       *arrow.Schema
	columns  []output
	problems []sdk.Problem
}

func (p *planner) fail(path, message string) {
	p.problems = append(p.problems, sdk.Problem{Path: path, Message: message})
}

// find is the index of a column, or -1 with a problem.
func (p *planner) find(path, name string) int {
	at, err := sdk.FindColumn(p.in, name)
	if err != nil {
		p.problems = append(p.problems, sdk.ProblemAt(path, err))
	}
	return at
}

// findOld is find for the old name of a column, which may stand where the new
// one belongs.
func (p *planner) findOld(path, name, old string) int {
	at := p.find(path, old)
	if at < 0 && len(p.in.FieldIndices(name)) > 0 {
		p.problems[len(p.problems)-1].Hint = "it is written new: old, so write " + old + ": " + name
	}
	return at
}

// choose lists the columns that go on, under their old names.
func (p *planner) choose() {
	dropped := map[int]bool{}
	for i, name := range p.Drop {
		dropped[p.find("drop."+strconv.Itoa(i), name)] = true
	}
	for i, name := range p.Keep {
		if at := p.find(p.keepPath(i), name); at >= 0 {
			p.columns = append(p.columns, output{name: name, from: at})
		}
	}
	for _, e := range p.names {
		if at := p.findOld(e.Key, e.Key, e.Value); at >= 0 {
			p.columns = append(p.columns, output{name: e.Key, from: at})
		}
	}
	if len(p.Keep)+len(p.names) > 0 {
		return
	}
	for i, f := range p.in.Fields() {
		if !dropped[i] && !strings.HasPrefix(f.Name, "_") {
			p.columns = append(p.columns, output{name: f.Name, from: i})
		}
	}
}

// rename gives columns that go on other names, all at once: two may swap.
func (p *planner) rename() {
	old := make([]string, len(p.columns))
	for i, o := range p.columns {
		old[i] = o.name
	}
	for _, e := range p.Rename {
		path := "rename." + e.Key
		if p.findOld(path, e.Key, e.Value) < 0 {
			continue
		}
		at := slices.Index(old, e.Value)
		if at < 0 && strings.HasPrefix(e.Value, "_") { // the engine's stays as well
			p.columns = append(p.columns, output{name: e.Key, from: p.in.FieldIndices(e.Value)[0]})
		} else if at < 0 {
			p.fail(path, e.Value+" does not go on; keep it, or leave it out here")
		} else if p.columns[at].name != e.Value {
			p.fail(path, e.Value+" is renamed to "+p.columns[at].name+" already")
		} else {
			p.columns[at].name = e.Key
		}
	}
	for _, e := range p.Rename {
		same := func(o output) bool { return o.name == e.Key }
		if first := slices.IndexFunc(p.columns, same); first >= 0 &&
			slices.ContainsFunc(p.columns[first+1:], same) {
			p.fail("rename."+e.Key, "there is a column of this name already; drop it, or choose another")
		}
	}
}

// engines puts the engine's own columns behind the others.
func (p *planner) engines() {
	for i, f := range p.in.Fields() {
		if strings.HasPrefix(f.Name, "_") {
			p.columns = append(p.columns, output{name: f.Name, from: i})
		}
	}
}

// cast finds the new types and returns the columns after the step.
func (p *planner) cast() []arrow.Field {
	fields := make([]arrow.Field, len(p.columns))
	for i, o := range p.columns {
		fields[i] = p.in.Field(o.from)
		fields[i].Name = o.name
	}
	after := arrow.NewSchema(fields, nil)
	for _, e := range p.Cast {
		at, err := sdk.FindColumn(after, e.Key)
		if err != nil {
			problem := sdk.ProblemAt("cast."+e.Key, err)
			problem.Message = p.whereIs(e.Key, problem.Message)
			p.problems = append(p.problems, problem)
			continue
		}
		made, err := newCast(fields[at], e.Value)
		if err != nil {
			p.problems = append(p.problems, sdk.ProblemAt("cast."+e.Key, err))
			continue
		}
		p.columns[at].cast, fields[at] = made, made.field
	}
	return fields
}

// whereIs says what became of a column that is cast by its old name.
func (p *planner) whereIs(name, message string) string {
	for _, o := range p.columns {
		if p.in.Field(o.from).Name == name && o.name != name {
			return name + " is called " + o.name + " here: types are given to the new names"
		}
	}
	return message
}
