package plan

import (
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// standIn is a schema with the columns of one that has faults: what
// names columns can then be checked in the same pass. A column whose type is not
// known is a string; see builder.sure.
func standIn(schema *config.Node) *config.Node {
	edited := config.NewMap()
	for _, name := range schema.Keys() {
		if name == "" || strings.HasPrefix(name, "_") {
			continue
		}
		var column sdk.Column
		value := schema.Get(name)
		if len(sdk.Faults(sdk.Decode(value.JSON(), &column))) > 0 {
			value = config.NewScalar("string")
		}
		edited = edited.With(name, value)
	}
	return edited
}

// withStandIns is a step's config with stand-ins for the schemas written in it
// that have faults, and without faulty types. It is not ok if something else is
// wrong too.
func (b *builder) withStandIns(plugin *sdk.Plugin, s *config.Step, node *config.Node,
	problems []sdk.Problem) (edited *config.Node, ok bool) {
	faulty := map[string]string{} // types of fields by key
	for _, p := range sdk.Faults(problems) {
		key, _, _ := strings.Cut(p.Path, ".")
		at := slices.IndexFunc(plugin.Fields, func(f sdk.Field) bool { return f.Name == key })
		if at < 0 || s.Config.Get(key).Kind() != config.Map {
			return node, false
		}
		faulty[key] = plugin.Fields[at].Type
		if faulty[key] != "schema" && faulty[key] != "map of type" {
			return node, false
		}
	}
	edited = node
	for key, kind := range faulty {
		if kind == "schema" {
			edited = edited.With(key, standIn(node.Get(key)))
		} else {
			edited = edited.Without(key)
		}
	}
	if len(faulty) == 0 || !plugin.Describe(edited.JSON(), nil).Usable {
		return node, false
	}
	b.guessed = true
	return edited, true
}

// sure leaves out what is wrong only if the types of columns are what they stand
// in for.
func (b *builder) sure(problems []sdk.Problem) []sdk.Problem {
	if !b.guessed {
		return problems
	}
	return slices.DeleteFunc(problems, func(p sdk.Problem) bool { return p.Code != sdk.CodeUnknownColumn })
}
