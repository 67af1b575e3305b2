package plan

import (
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// role is what a kind of plugin is called in YAML.
var role = map[sdk.Kind]string{sdk.KindSource: "input", sdk.KindTransform: "processor",
	sdk.KindSink: "output", sdk.KindService: "service"}

// unknownPlugin reports a name that no plugin of the kind has, and returns the
// one that it is with one slip in it, or nil.
func (b *builder) unknownPlugin(kind sdk.Kind, s *config.Step) *sdk.Plugin {
	names, hint := b.catalog.Names(kind), "engine list shows all plugins"
	plain := strings.TrimPrefix(s.Plugin, "benthos/")
	if b.components != nil {
		if plain != s.Plugin {
			names = b.components.Names(kind)
		}
		if absent := b.components.Absent(kind, plain); absent != "" {
			hint = absent
		}
	}
	all := names
	if b.components != nil {
		all = slices.Concat(names, b.components.Names(kind))
	}
	near := sdk.Nearest(plain, all)
	message := "no " + role[kind] + " named " + s.Plugin + suggestion(plain, names)
	if near != "" {
		message = "no " + role[kind] + " named " + s.Plugin + ", did you mean " + near + "?"
		hint = strings.TrimPrefix(hint, "Benthos has "+near) // nothing is left of it
	}
	if others := b.catalog.Named(s.Plugin); len(others) > 0 {
		message = s.Plugin + " cannot be an " + role[kind] + ", it is an " + role[others[0].Kind]
		if kind == sdk.KindTransform {
			message = s.Plugin + " cannot be a processor, it is an " + role[others[0].Kind]
		} else if others[0].Kind == sdk.KindTransform || others[0].Kind == sdk.KindService {
			message = s.Plugin + " cannot be an " + role[kind] + ", it is a " + role[others[0].Kind]
		}
		message += " (as " + role[kind] + " have " + strings.Join(names, ", ") + ")"
	}
	b.fail(s.Node.KeyPos(s.Plugin), s.Path, "unknown-plugin", message, hint)
	if b.file.Defaults.Get(near) != nil || !sdk.IsTypo(plain, near) {
		return nil // its config is not whole, or what it is checked as would be a guess
	}
	meant, _ := b.catalog.Find(kind, near)
	return meant
}

func suggestion(name string, names []string) string {
	if near := sdk.Nearest(name, names); near != "" {
		return ", did you mean " + near + "?"
	}
	return " (have " + strings.Join(names, ", ") + ")"
}
