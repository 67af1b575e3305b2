package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
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

// settings are what positions, state, staged rows and files depend on, by step.
// They hold no secrets, which only the configs of sources, sinks and Benthos's
// steps have.
func settings(p *plan.Pipeline) map[string]checkpoint.Setting {
	all := map[string]checkpoint.Setting{}
	for _, step := range p.Steps() {
		s := checkpoint.Setting{Kind: string(step.Plugin.Kind), Plugin: step.Plugin.Name,
			Resources: step.Description.Resources}
		switch {
		case step.Description.Secrets:
			s.Sum = checksum(step.Description.Canonical)
		case step.Plugin.Kind == sdk.KindTransform:
			s.Config = string(step.Config)
		default:
			s.Config = recorded(step.Config, step.Plugin.Fields)
		}
		s.Columns, _ = columnsOf(step)
		all[settingKey(step)] = s
	}
	return all
}

// checksum is 16 bits of one of a config that may be a secret.
func checksum(canonical map[string]string) uint16 {
	text, _ := json.Marshal(canonical) // in the order of keys
	return uint16(crc32.ChecksumIEEE(text))
}

// recorded is the part of a config that a record holds: the keys that its plugin
// says something of; "" if there is none.
func recorded(config []byte, fields []sdk.Field) string {
	said := map[string]bool{}
	for _, f := range fields {
		if f.Keep || f.Layout {
			said[f.Name] = true
		}
	}
	var keys map[string]json.RawMessage
	if len(said) == 0 || json.Unmarshal(config, &keys) != nil {
		return ""
	}
	maps.DeleteFunc(keys, func(key string, _ json.RawMessage) bool { return !said[key] })
	text, _ := json.Marshal(keys) // what was JSON is JSON
	return string(text)
}

// The ways on from a change that is refused.
const (
	orFresh   = "undo the change, or run with --fresh to begin anew"
	orLabel   = "undo the change, give the step another label to begin without its state, or run with --fresh"
	orPutBack = "put it back under that label, or run with --fresh to begin anew"
	orMove    = "undo the change, choose another path, or run with --fresh to begin anew"
	orFinish  = "run once as it was until it ends or Ctrl-C stops it, which shows all rows, or run with --fresh"
	fromNowOn = "rows read from here on are treated by it"
)

// settings compares the plan with what the record was made with (rule 15). Every change
// is either kept, which is logged, or refused with the step, the field, both
// values and the way on:
//
//	input       what is read: refused, unless it proves to be the same; else kept
//	transform   with state: refused, but for the keys its plugin keeps the state
//	            for; without state: kept
//	sink        what is filled: refused while rows are staged; else kept
//	            its layout: refused while rows of the old one are visible or staged
//	step gone   with state or staged rows: refused; else kept
//	step new    kept
func (o *opener) settings(ctx context.Context) (map[string]checkpoint.Setting, error) {
	now := settings(o.plan)
	if o.record == nil || len(o.record.Settings) == 0 {
		return now, nil
	}
	for _, step := range o.plan.Steps() {
		was, known := o.record.Settings[settingKey(step)]
		is := now[settingKey(step)]
		var err error
		if !known || was.Kind != is.Kind {
			o.warn("the step is new: "+fromNowOn, "step", step.Label)
		} else {
			err = o.changed(step, was, is)
		}
		if err == nil && step.Plugin.Kind == sdk.KindSink {
			err = o.refilled(ctx, step, is)
		}
		if err != nil {
			return nil, &StepError{o.plan.Name, step, err}
		}
	}
	for _, label := range slices.Sorted(maps.Keys(o.record.Settings)) {
		was := o.record.Settings[label]
		if is, kept := now[label]; isLeft(label) || kept && is.Kind == was.Kind {
			continue
		}
		if err := o.removed(label, was, now); err != nil {
			return nil, fmt.Errorf("%s: pipeline %s: %w", o.plan.Input.Where, o.plan.Name, err)
		}
	}
	o.addLeft(now)
	return now, nil
}

// changed compares the setting of a step with the recorded one.
func (o *opener) changed(step *plan.Step, was, is checkpoint.Setting) error {
	if was.Plugin == is.Plugin && was.Sum != 0 && was.Sum != is.Sum {
		o.kept(step, []string{"what is not recorded, since it may hold secrets"})
	}
	before, after := describe(was), describe(is)
	switch step.Plugin.Kind {
	case sdk.KindSource:
		if before != after && !o.rename(step, was, is) {
			return fmt.Errorf("the positions in %s are of %s, now it is %s: give the pipeline "+
				"another name and other outputs, %s",
				o.store.Dir(), before, after, orFresh)
		}
		others, kept := differences(was.Config, is.Config, step.Plugin)
		o.kept(step, append(others, kept...))
	case sdk.KindSink:
		if before == after || o.rename(step, was, is) {
			return nil
		}
		if err := o.checkStaged(step.Label, was); err != nil {
			return fmt.Errorf("%w, now the output is %s: %s", err, after, orFinish)
		}
		o.drop(step.Label, was, is)
		o.warn("the output is another: "+fromNowOn, "step", step.Label, "was", before, "is", after)
	case sdk.KindTransform:
		return o.changedTransform(step, was, is)
	}
	return nil
}

// rename keeps what is recorded of a step that names otherwise what it reads or fills,
// if the step can prove that it is the same.
func (o *opener) rename(step *plan.Step, was, is checkpoint.Setting) bool {
	if was.Plugin != is.Plugin || !step.Description.Proves || !mayBeSame(step.Plugin.Kind, was.Resources, is.Resources) {
		return false
	}
	o.renamed[step.Label] = was.Resources
	o.warn("another name for what the step reads or fills: kept where it proves to be the same",
		"step", step.Label, "was", describe(was), "is", describe(is))
	return true
}

// mayBeSame reports whether resources may be what others were, in a cluster of another
// name: of a source some of them, since its positions name what they are of; of a sink
// the one that it fills.
func mayBeSame(kind sdk.Kind, was, is []string) bool {
	if kind == sdk.KindSink && (len(was) != 1 || len(is) != 1) {
		return false
	}
	inCluster := func(resource string) string { // without the cluster's name
		scheme, path, _ := strings.Cut(resource, "://")
		_, name, _ := strings.Cut(path, "/")
		return scheme + "/" + name
	}
	return slices.ContainsFunc(was, func(before string) bool {
		return slices.ContainsFunc(is, func(now string) bool { return inCluster(before) == inCluster(now) })
	})
}

// drop forgets the committable of an output that fills something else now: all that
// it names is visible, in another folder. Those of topics name their topic.
func (o *opener) drop(label string, was, is checkpoint.Setting) {
	folder := func(resource string) bool { return strings.HasPrefix(resource, "folder:") }
	if was.Plugin != is.Plugin || slices.ContainsFunc(was.Resources, folder) {
		delete(o.record.Committables, label)
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
		o.warn("the step is another: "+fromNowOn, "step", step.Label, "was", was.Plugin, "is", is.Plugin)
		return nil
	}
	refused, kept := differences(was.Config, is.Config, step.Plugin)
	if stateful && len(refused) > 0 {
		return fmt.Errorf("the state in %s was made with %s: %s",
			o.store.Dir(), strings.Join(refused, "; "), orLabel)
	}
	o.kept(step, append(refused, kept...))
	return nil
}

// kept logs the changes that do not invalidate what is recorded.
func (o *opener) kept(step *plan.Step, changes []string) {
	if len(changes) > 0 {
		o.warn("the config has changed: "+fromNowOn, "step", step.Label,
			"changed", strings.Join(changes, "; "))
	}
}

// removed checks a step that the plan no longer has under its label. now is what the plan
// has, by label.
func (o *opener) removed(label string, was checkpoint.Setting, now map[string]checkpoint.Setting) error {
	if sdk.Kind(was.Kind) == sdk.KindSink {
		if err := o.checkStaged(label, was); err != nil {
			return fmt.Errorf("%w, now there is no such output: %s", err, orFinish)
		}
		for _, other := range slices.Sorted(maps.Keys(now)) {
			_, known := o.record.Settings[other]
			if is := now[other]; !known && is.Kind == was.Kind && describe(is) == describe(was) {
				o.warn("the output has another label", "step", other, "was", label)
				return nil
			}
		}
		o.warn("the output is gone: it gets no more rows", "step", label, "was", describe(was))
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
	o.warn("the step is gone: rows read from here on go without it", "step", label, "was", was.Plugin)
	return nil
}

// checkStaged returns an error if the newest record has staged rows of an output, which no
// reader sees yet: only the output as it was can commit them.
func (o *opener) checkStaged(label string, was checkpoint.Setting) error {
	committable := o.record.Committables[label]
	if committable == nil {
		return nil
	}
	committed, err := o.store.IsCommitted(o.plan.Name, o.record.Epoch)
	if err != nil {
		return err
	}
	staged, counted := o.record.Staged[label]
	if !counted { // an older engine did not
		return fmt.Errorf("the output %s (%s) may hold what is not yet shown", label, describe(was))
	}
	rows := staged.Rows
	if !committed {
		rows += staged.Pending
	}
	if rows > 0 {
		return fmt.Errorf("the output %s (%s) holds %d rows that are not yet shown", label, describe(was), rows)
	}
	return nil
}

// describe is what a step is and what it reads or fills, in whatever order.
func describe(s checkpoint.Setting) string {
	return strings.Join(append([]string{s.Plugin}, slices.Sorted(slices.Values(s.Resources))...), " ")
}

// differences lists the keys in which two configs differ: those that make
// useless what the step has made, and those that its plugin keeps it for. Of
// what an older engine did not record nothing is known.
func differences(before, after string, p *sdk.Plugin) (refused, kept []string) {
	if before == "" {
		return nil, nil
	}
	var was, is map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(before), &was), json.Unmarshal([]byte(after), &is)); err != nil {
		return []string{fmt.Sprintf("%s, now it is %s", before, after)}, nil
	}
	keep := map[string]bool{}
	for _, f := range p.Fields {
		keep[f.Name] = f.Keep
	}
	meant, means := p.Describe([]byte(before), nil).Canonical, p.Describe([]byte(after), nil).Canonical
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		_, known := meant[key]
		if known && meant[key] == means[key] || string(was[key]) == string(is[key]) {
			continue
		}
		text := fmt.Sprintf("%s %s, now %s", key, given(string(was[key])), given(string(is[key])))
		if keep[key] {
			kept = append(kept, text)
		} else {
			refused = append(refused, text)
		}
	}
	return refused, kept
}

func given(value string) string { return cmp.Or(value, "left out") }
