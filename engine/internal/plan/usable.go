package plan

import (
	"encoding/json"
	"slices"
	"strings"

	"etlengine/plugins/sdk"
)

// usable is a config by which the columns of a step can be computed although
// something is wrong with it, so that what is wrong behind the step is found in
// the same pass. Only what has no say in the columns is left out: numbers,
// durations, sizes and switches.
func usable(plugin *sdk.Plugin, config []byte, problems []sdk.Problem) (text []byte, ok bool) {
	if sdk.Usable(problems) {
		return config, true
	}
	plain := []string{"int", "number", "duration", "size", "bool", "timestamp"}
	var faulty []string
	for _, p := range sdk.Faults(problems) {
		key, _, _ := strings.Cut(p.Path, ".")
		at := slices.IndexFunc(plugin.Fields, func(f sdk.Field) bool { return f.Name == key })
		if sdk.Usable([]sdk.Problem{p}) {
			continue
		}
		if at < 0 || !slices.Contains(plain, plugin.Fields[at].Type) {
			return nil, false
		}
		faulty = append(faulty, key)
	}
	text = without(config, faulty)
	return text, sdk.Usable(plugin.Check(text))
}

// without leaves keys out of a JSON object.
func without(config []byte, keys []string) []byte {
	text := []byte{'{'}
	d := json.NewDecoder(strings.NewReader(string(config)))
	_, _ = d.Token() // the {; Check has read it all
	for d.More() {
		key, _ := d.Token()
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil
		}
		if slices.Contains(keys, key.(string)) {
			continue
		}
		text = appendKey(text, key.(string), value)
	}
	return append(text, '}')
}
