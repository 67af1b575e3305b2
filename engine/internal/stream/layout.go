package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// leftSetting begins where a record keeps the settings of outputs that the
// pipeline fills no more: what they wrote may still be there when a later config
// comes back to the folder. No step has such a label.
const leftSetting = "(left) "

func isLeft(label string) bool { return strings.HasPrefix(label, leftSetting) }

// addLeft adds the outputs with a layout that the new settings do not fill.
func (o *opener) addLeft(now map[string]checkpoint.Setting) {
	filled := map[string]bool{}
	for _, is := range now {
		filled[describe(is)] = filled[describe(is)] || sdk.Kind(is.Kind) == sdk.KindSink
	}
	for _, was := range o.record.Settings {
		if len(was.Columns) > 0 && !filled[describe(was)] {
			now[leftSetting+describe(was)] = was
		}
	}
}

// filledBefore finds the setting with which the pipeline filled before what an
// output fills now, and under which label: labels come and go, folders stay.
func (o *opener) filledBefore(label string, is checkpoint.Setting) (string, checkpoint.Setting, bool) {
	for _, label := range append([]string{label}, slices.Sorted(maps.Keys(o.record.Settings))...) {
		was, known := o.record.Settings[label]
		if known && was.Kind == is.Kind && describe(was) == describe(is) {
			return label, was, true
		}
	}
	return "", checkpoint.Setting{}, false
}

// refilled checks an output that fills what the pipeline has filled before: readers
// find the rows of before and those to come side by side.
func (o *opener) refilled(ctx context.Context, step *plan.Step, is checkpoint.Setting) error {
	label, was, known := o.filledBefore(step.Label, is)
	if !known {
		return nil
	}
	refused, kept := differences(was.Config, is.Config, step.Plugin)
	_, byOrder := columnsOf(step)
	unlike, more := columnDifferences(was.Columns, is.Columns, byOrder)
	refused, kept = append(refused, unlike...), append(kept, more...)
	if len(refused) > 0 {
		if err := o.checkVisible(ctx, step, strings.Join(refused, "; ")); err != nil {
			return err
		}
		if err := o.checkStaged(label, was); err != nil {
			return fmt.Errorf("%w, made with %s: %s", err, strings.Join(refused, "; "), orMove)
		}
	}
	if len(refused) == 0 && len(kept) > 0 {
		o.waiting[step.Label] = waiting{was, o.counters[step.Label].in.Load()}
	}
	o.kept(step, append(refused, kept...))
	return nil
}

// checkVisible returns an error if readers see what an output wrote with another layout.
func (o *opener) checkVisible(ctx context.Context, step *plan.Step, layout string) error {
	if step.Plugin.Inspect == nil {
		return nil
	}
	report, err := step.Plugin.Inspect(ctx, step.Config, o.env(step))
	if err != nil || report.Visible == "" {
		return err
	}
	return fmt.Errorf("the output made %s with %s: %s", report.Visible, layout, orMove)
}

// columnsOf is what a sink writes, and whether nothing but its position says which
// column is which.
func columnsOf(step *plan.Step) (columns []checkpoint.Column, byOrder bool) {
	layout := step.Description.Layout
	if layout == nil {
		return nil, false
	}
	for _, f := range layout.Columns {
		columns = append(columns, checkpoint.Column{Name: f.Name, Type: sdk.FieldType(f)})
	}
	return columns, layout.ByOrder
}

// columnDifferences lists what readers of rows with both columns stumble over (a
// column less, another type under a name; by order also another order), and what
// they are used to: columns more, and another order of those that have names.
func columnDifferences(was, is []checkpoint.Column, byOrder bool) (refused, kept []string) {
	if len(was) == 0 { // an older engine did not record them
		return nil, nil
	}
	types := map[string]string{}
	for _, c := range is {
		types[c.Name] = c.Type
	}
	for _, c := range was {
		if types[c.Name] != c.Type {
			refused = append(refused, fmt.Sprintf("column %s %s, now %s", c.Name, c.Type, given(types[c.Name])))
		}
		delete(types, c.Name)
	}
	for _, c := range is {
		if types[c.Name] != "" {
			kept = append(kept, fmt.Sprintf("column %s left out, now %s", c.Name, c.Type))
		}
	}
	before, after := common(was, is), common(is, was)
	switch {
	case byOrder && !slices.Equal(before, names(is)[:len(before)]):
		refused = append(refused, order(was, is))
	case !slices.Equal(before, after):
		kept = append(kept, order(was, is))
	}
	return refused, kept
}

func names(columns []checkpoint.Column) []string {
	var all []string
	for _, c := range columns {
		all = append(all, c.Name)
	}
	return all
}

func order(was, is []checkpoint.Column) string {
	before, after := strings.Join(names(was), ", "), strings.Join(names(is), ", ")
	return fmt.Sprintf("the order of columns %s, now %s", before, after)
}

// common is the names of some columns that others have too, in their order.
func common(some, others []checkpoint.Column) []string {
	have := names(others)
	return slices.DeleteFunc(names(some), func(name string) bool { return !slices.Contains(have, name) })
}
