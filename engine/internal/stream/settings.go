package stream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// inputSetting is where a record keeps what its positions are positions of. No
// step has this label.
const inputSetting = "(input)"

// settings are what positions and state depend on: what the source reads, and
// the config of every transform that may have state here. They hold no secrets,
// which only sources and sinks have.
func settings(p *plan.Pipeline) map[string]string {
	all := map[string]string{}
	for _, step := range p.Steps() {
		switch {
		case step.Plugin.Kind == sdk.KindSource:
			reads := step.Plugin.Resources(step.Config)
			all[inputSetting] = strings.Join(append([]string{step.Plugin.Name}, reads...), " ")
		case step.Plugin.Kind == sdk.KindTransform && !strings.HasPrefix(step.Plugin.Name, benthosPrefix):
			all[step.Label] = string(step.Config)
		}
	}
	return all
}

// settings are those of the plan. A record that was made with others is refused.
func (o *opener) settings() (map[string]string, error) {
	now := settings(o.plan)
	if o.record == nil {
		return now, nil
	}
	const anew = "or set another state_dir"
	for _, step := range o.plan.Steps() {
		label, hint := step.Label, "undo the change, give the step a new label to begin without its state, "
		if step == o.plan.Input {
			label, hint = inputSetting, "give the pipeline another name, undo the change, "
		}
		before, known := o.record.Settings[label]
		if after := now[label]; known && before != after {
			return nil, &StepError{o.plan.Name, step, fmt.Errorf("the state in %s was made with %s: %s%s",
				o.store.Dir(), change(before, after), hint, anew)}
		}
	}
	return now, nil
}

// change says in what two settings differ: the keys, if both are configs.
func change(before, after string) string {
	var old, new map[string]json.RawMessage
	if json.Unmarshal([]byte(before), &old) != nil || json.Unmarshal([]byte(after), &new) != nil {
		return fmt.Sprintf("%s, now it is %s", before, after)
	}
	var keys []string
	all := maps.Clone(old)
	maps.Copy(all, new)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if was, is := string(old[key]), string(new[key]); was != is {
			keys = append(keys, fmt.Sprintf("%s %s, now %s", key, given(was), given(is)))
		}
	}
	return strings.Join(keys, "; ")
}

func given(value string) string {
	if value == "" {
		return "left out"
	}
	return value
}
