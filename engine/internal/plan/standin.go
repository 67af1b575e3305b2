package plan

import (
	"encoding/json"
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// standIn is a schema with the columns of one that has faults, as JSON: what
// names columns can then be checked in the same pass. A column whose type is not
// known is a string; see builder.sure.
func standIn(schema *config.Node) []byte {
	text := []byte{'{'}
	for _, name := range schema.Keys() {
		if name == "" || strings.HasPrefix(name, "_") {
			continue
		}
		var column sdk.Column
		value := schema.Get(name).JSON()
		if len(sdk.Faults(sdk.Decode(value, &column))) > 0 {
			value = []byte(`"string"`)
		}
		text = appendKey(text, name, value)
	}
	return append(text, '}')
}

// withStandIns is a step's config with stand-ins for the schemas written in it
// that have faults, and without faulty types. It is not ok if something else is
// wrong too.
func (b *builder) withStandIns(plugin *sdk.Plugin, s *config.Step, problems []sdk.Problem) (text []byte, ok bool) {
	faulty := map[string]string{} // types of fields by key
	for _, p := range sdk.Faults(problems) {
		key, _, _ := strings.Cut(p.Path, ".")
		at := slices.IndexFunc(plugin.Fields, func(f sdk.Field) bool { return f.Name == key })
		if at < 0 || s.Config.Get(key).Kind() != config.Map {
			return nil, false
		}
		faulty[key] = plugin.Fields[at].Type
		if faulty[key] != "schema" && faulty[key] != "map of type" {
			return nil, false
		}
	}
	text = []byte{'{'}
	for _, key := range s.Config.Keys() {
		value := s.Config.Get(key)
		switch {
		case faulty[key] == "map of type":
		case faulty[key] == "schema":
			text = appendKey(text, key, standIn(value))
		case !b.foreign(plugin, s, key):
			text = appendKey(text, key, value.JSON())
		}
	}
	text = append(text, '}')
	if len(faulty) == 0 || !sdk.Usable(plugin.Check(text)) {
		return nil, false
	}
	b.guessed = true
	return text, true
}

// sure leaves out what is wrong only if the types of columns are what they stand
// in for.
func (b *builder) sure(problems []sdk.Problem) []sdk.Problem {
	if !b.guessed {
		return problems
	}
	return slices.DeleteFunc(problems, func(p sdk.Problem) bool { return p.Code != sdk.CodeUnknownColumn })
}

// appendKey adds a key to the beginning of a JSON object.
func appendKey(text []byte, key string, value []byte) []byte {
	if len(text) > 1 {
		text = append(text, ',')
	}
	quoted, _ := json.Marshal(key) // a string always encodes
	return append(append(append(text, quoted...), ':'), value...)
}
