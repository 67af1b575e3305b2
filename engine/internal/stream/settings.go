package stream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// inputSetting is where a record keeps what its positions are positions of:
// an input has one place, whatever its label. No step has this label.
const inputSetting = "(input)"

// settingKey is where a record keeps the setting of a step.
func settingKey(step *plan.Step) string {
	if step.Plugin.Kind == sdk.KindSource {
		return inputSetting
	}
	return step.Label
}

// settings are what positions, state and hidden rows depend on, by step. They
// hold no secrets, which only the configs of sources and sinks have.
func settings(p *plan.Pipeline) map[string]checkpoint.Setting {
	all := map[string]checkpoint.Setting{}
	for _, step := range p.Steps() {
		s := checkpoint.Setting{Kind: string(step.Plugin.Kind), Plugin: step.Plugin.Name}
		if step.Plugin.Resources != nil {
			s.Resources = step.Plugin.Resources(step.Config)
		}
		if step.Plugin.Kind == sdk.KindTransform && !strings.HasPrefix(step.Plugin.Name, benthosPrefix) {
			s.Config = string(step.Config)
		}
		all[settingKey(step)] = s
	}
	return all
}

// The ways on from a change that is refused.
const (
	orFresh   = "undo the change, or run with --fresh to begin anew"
	orLabel   = "undo the change, give the step another label to begin without its state, or run with --fresh"
	orPutBack = "put it back under that label, or run with --fresh to begin anew"
	orFinish  = "run once as it was until it ends or Ctrl-C stops it, which shows all rows, or run with --fresh"
	fromNowOn = "rows read from here on are treated by it"
)

// settings compares the plan with what the record was made with (rule 15). Every change
// is either kept, which is logged, or refused with the step, the field, both
// values and the way on:
//
//	input       what is read: refused          else kept
//	transform   with state: refused, but for the keys its plugin keeps the state
//	            for; without state: kept
//	sink        what is filled: refused while rows are hidden; else kept
//	step gone   with state or hidden rows: refused; else kept
//	step new    kept
func (o *opener) settings() (map[string]checkpoint.Setting, error) {
	now := settings(o.plan)
	if o.record == nil || len(o.record.Settings) == 0 {
		return now, nil
	}
	for _, step := range o.plan.Steps() {
		was, known := o.record.Settings[settingKey(step)]
		is := now[settingKey(step)]
		if !known || was.Kind != is.Kind {
			o.log.Warn("the step is new: "+fromNowOn, "step", step.Label)
			continue
		}
		if err := o.changed(step, was, is); err != nil {
			return nil, &StepError{o.plan.Name, step, err}
		}
	}
	for _, label := range slices.Sorted(maps.Keys(o.record.Settings)) {
		was := o.record.Settings[label]
		if is, kept := now[label]; kept && is.Kind == was.Kind {
			continue
		}
		if err := o.removed(label, was); err != nil {
			return nil, fmt.Errorf("%s: pipeline %s: %w", o.plan.Input.Where, o.plan.Name, err)
		}
	}
	return now, nil
}

// changed judges a step that has another setting than before.
func (o *opener) changed(step *plan.Step, was, is checkpoint.Setting) error {
	before, after := describe(was), describe(is)
	switch step.Plugin.Kind {
	case sdk.KindSource:
		if before != after {
			return fmt.Errorf("the positions in %s are of %s, now it is %s: give the pipeline "+
				"another name and other outputs, %s",
				o.store.Dir(), before, after, orFresh)
		}
	case sdk.KindSink:
		if before == after {
			return nil
		}
		if err := o.hides(step.Label, was); err != nil {
			return fmt.Errorf("%w, now the output is %s: %s", err, after, orFinish)
		}
		o.drop(step.Label, was, is)
		o.log.Warn("the output is another: "+fromNowOn, "step", step.Label, "was", before, "is", after)
	case sdk.KindTransform:
		return o.changedTransform(step, was, is)
	}
	return nil
}

// drop forgets the handle of an output that fills something else now: all that
// it names is shown, in another folder. Those of topics name their topic.
func (o *opener) drop(label string, was, is checkpoint.Setting) {
	folder := func(resource string) bool { return strings.HasPrefix(resource, "folder:") }
	if was.Plugin != is.Plugin || slices.ContainsFunc(was.Resources, folder) {
		delete(o.record.Handles, label)
	}
}

func (o *opener) changedTransform(step *plan.Step, was, is checkpoint.Setting) error {
	if was.Plugin == is.Plugin && was.Config == is.Config {
		return nil
	}
	stateful, err := o.store.HasState(o.plan.Name, step.Label)
	if err != nil {
		return err
	}
	if was.Plugin != is.Plugin {
		if stateful {
			return fmt.Errorf("the state in %s is of %s, now the step is %s: %s",
				o.store.Dir(), was.Plugin, is.Plugin, orLabel)
		}
		o.log.Warn("the step is another: "+fromNowOn, "step", step.Label, "was", was.Plugin, "is", is.Plugin)
		return nil
	}
	refused, kept := differences(was.Config, is.Config, step.Plugin.Fields)
	if stateful && refused != "" {
		return fmt.Errorf("the state in %s was made with %s: %s", o.store.Dir(), refused, orLabel)
	}
	if refused != "" && kept != "" {
		refused += "; "
	}
	o.log.Warn("the config has changed: "+fromNowOn, "step", step.Label, "changed", refused+kept)
	return nil
}

// removed judges a step that the plan has no more.
func (o *opener) removed(label string, was checkpoint.Setting) error {
	if sdk.Kind(was.Kind) == sdk.KindSink {
		if err := o.hides(label, was); err != nil {
			return fmt.Errorf("%w, now there is no such output: %s", err, orFinish)
		}
		return nil
	}
	stateful, err := o.store.HasState(o.plan.Name, label)
	if err != nil {
		return err
	}
	if stateful && sdk.Kind(was.Kind) == sdk.KindTransform {
		return fmt.Errorf("the step %s (%s) has state in %s and is not in the config any more: %s",
			label, was.Plugin, o.store.Dir(), orPutBack)
	}
	return nil
}

// hides is an error if the newest record holds rows of an output that no reader
// sees yet: only the output as it was can show them.
func (o *opener) hides(label string, was checkpoint.Setting) error {
	handle := o.record.Handles[label]
	if handle == nil {
		return nil
	}
	shown, err := o.store.IsPublished(o.plan.Name, o.record.Epoch)
	if err != nil {
		return err
	}
	find := o.runner.options.Find
	if find == nil {
		find = o.runner.find
	}
	p, ok := find(sdk.KindSink, was.Plugin)
	if !ok || p.Hidden == nil {
		if shown {
			return nil
		}
		return fmt.Errorf("the output %s (%s) holds what is not yet shown", label, describe(was))
	}
	hidden, err := p.Hidden(handle)
	if err != nil {
		return err
	}
	rows := hidden.Rows
	if !shown {
		rows += hidden.Pending
	}
	if rows > 0 {
		return fmt.Errorf("the output %s (%s) holds %d rows that are not yet shown", label, describe(was), rows)
	}
	return nil
}

// find looks for a plugin among those of the plan.
func (r *Runner) find(kind sdk.Kind, name string) (*sdk.Plugin, bool) {
	for _, p := range r.plan.Pipelines {
		for _, step := range p.Steps() {
			if step.Plugin.Kind == kind && step.Plugin.Name == name {
				return step.Plugin, true
			}
		}
	}
	return nil, false
}

// describe is what a step is and what it reads or fills.
func describe(s checkpoint.Setting) string {
	return strings.Join(append([]string{s.Plugin}, s.Resources...), " ")
}

// differences lists the keys in which two configs differ: those that make the
// state useless, and those that its plugin keeps it for.
func differences(before, after string, fields []sdk.Field) (refused, kept string) {
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(before), &was), json.Unmarshal([]byte(after), &is)); err != nil {
		return fmt.Sprintf("%s, now it is %s", before, after), ""
	}
	keep := map[string]bool{}
	for _, f := range fields {
		keep[f.Name] = f.Keep
	}
	all := maps.Clone(was)
	maps.Copy(all, is)
	var bad, good []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if string(was[key]) == string(is[key]) {
			continue
		}
		text := fmt.Sprintf("%s %s, now %s", key, given(was[key]), given(is[key]))
		if keep[key] {
			good = append(good, text)
		} else {
			bad = append(bad, text)
		}
	}
	return strings.Join(bad, "; "), strings.Join(good, "; ")
}

func given(value json.RawMessage) string { return cmp.Or(string(value), "left out") }
