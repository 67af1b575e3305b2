package plan

import (
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// usable is a config by which the columns of a step can be computed although
// something is wrong with it, so that what is wrong behind the step is found in
// the same pass. Only what has no say in the columns is left out: numbers,
// durations, sizes and switches.
func usable(plugin *sdk.Plugin, node *config.Node, problems []sdk.Problem) (edited *config.Node, ok bool) {
	plain := []string{"int", "number", "duration", "size", "bool", "timestamp"}
	var faulty []string
	for _, p := range sdk.Faults(problems) {
		key, _, _ := strings.Cut(p.Path, ".")
		at := slices.IndexFunc(plugin.Fields, func(f sdk.Field) bool { return f.Name == key })
		if sdk.Usable([]sdk.Problem{p}) {
			continue
		}
		if at < 0 || !slices.Contains(plain, plugin.Fields[at].Type) {
			return node, false
		}
		faulty = append(faulty, key)
	}
	edited = node.Without(faulty...)
	return edited, plugin.Describe(edited.JSON(), nil).Usable
}
