package stream

import (
	"context"
	"errors"
	"strings"
	"testing"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

const notVisible = "the output raw (raw folder:) holds 4 rows that are not yet shown, now "

func TestChangesOfTheConfigAreKeptOrRefused(t *testing.T) {
	step := func(p *plan.Pipeline) *plan.Step { return p.Branches[1].Processors[0] }
	tests := []struct {
		name   string
		change func(w *world, p *plan.Pipeline)
		staged bool   // the record has staged rows of raw
		want   string // "": kept
	}{
		{"nothing", func(*world, *plan.Pipeline) {}, true, ""},
		{"a key of a step with state", func(_ *world, p *plan.Pipeline) {
			configured(step(p), `{"by": "2m", "to": 1}`)
		}, false, `pipelines.test.add: the state in DIR was made with by "1m", now "2m"; to left out, now 1: undo`},
		{"a key that the state is kept for", func(_ *world, p *plan.Pipeline) {
			configured(step(p), `{"by": "1m", "on": "x"}`)
		}, false, ""},
		{"another plugin in a step with state", func(w *world, p *plan.Pipeline) {
			step(p).Plugin = w.plugin(sdk.KindTransform, "other", func() sdk.Instance { return &adder{w: w} })
		}, false, "pipelines.test.add: the state in DIR is of add, now the step is other: undo"},
		{"another label of a step with state", func(_ *world, p *plan.Pipeline) {
			step(p).Label = "plus"
		}, false, "the step add (add) has state in DIR and is not in the config any more: put it back"},
		{"another input", func(w *world, p *plan.Pipeline) {
			p.Input = w.step(sdk.KindSource, "other", func() sdk.Instance { return &script{ends: true} })
		}, false, "the positions in DIR are of count topic://old/t, now it is other: give the pipeline another name " +
			"and other outputs, undo the change"},
		{"other names for what the input reads, which prove to be the same", func(w *world, p *plan.Pipeline) {
			p.Input.Description.Resources, p.Input.Description.Proves = []string{"topic://new/t", "topic://new/u"}, true
		}, false, ""},
		{"other names for what the input reads", func(w *world, p *plan.Pipeline) {
			p.Input.Description.Resources, p.Input.Description.Proves = []string{"topic://new/v"}, true
		}, false, "the positions in DIR are of count topic://old/t, now it is count topic://new/v: give"},
		{"another label of the input", func(_ *world, p *plan.Pipeline) { p.Input.Label = "tickets" }, false, ""},
		{"another folder", func(_ *world, p *plan.Pipeline) {
			configured(p.Branches[0].Sinks[0], `{"by": "b"}`)
		}, false, ""},
		{"another folder, rows being staged", func(_ *world, p *plan.Pipeline) {
			configured(p.Branches[0].Sinks[0], `{"by": "b"}`)
		}, true, notVisible + "the output is raw folder:b: run"},
		{"an output less", func(_ *world, p *plan.Pipeline) { p.Branches = p.Branches[1:] }, false, ""},
		{"an output less, rows being staged", func(_ *world, p *plan.Pipeline) {
			p.Branches = p.Branches[1:]
		}, true, notVisible + "there is no such output: run"},
		{"an output more", func(w *world, p *plan.Pipeline) {
			p.Branches = append(p.Branches, &plan.Branch{Sinks: []*plan.Step{w.sink("more")}})
		}, false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWorld(10)
			before, after := w.plan(dir), w.plan(dir)
			for _, p := range []*plan.Plan{before, after} {
				p.Pipelines[0].Input.Description.Resources = []string{"topic://old/t"}
			}
			configured(step(before.Pipelines[0]), `{"by": "1m"}`)
			configured(step(after.Pipelines[0]), `{"by": "1m"}`)
			if err := runWith(t, before, Options{}); err != nil {
				t.Fatal(err)
			}
			if test.staged {
				stageRows(t, dir)
			}
			test.change(w, after.Pipelines[0])
			r, err := Open(t.Context(), after, Options{})
			if err == nil {
				closeRunner(t, r)
			}
			want := strings.ReplaceAll(test.want, "DIR", dir)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// TestNothingIsMadeIfAnyPipelineIsRefused: not even for one that comes before it.
func TestNothingIsMadeIfAnyPipelineIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(10)
	before, after := w.plan(dir), w.plan(dir)
	if err := runWith(t, before, Options{}); err != nil {
		t.Fatal(err)
	}
	first := w.plan(dir).Pipelines[0]
	first.Name = "first"
	made := false
	first.Input.Plugin.Setup = func(context.Context, []byte, sdk.Env) error { made = true; return nil }
	after.Pipelines[0].Input = w.step(sdk.KindSource, "other", func() sdk.Instance { return &script{} })
	after.Pipelines = append([]*plan.Pipeline{first}, after.Pipelines...)
	r, err := Open(t.Context(), after, Options{})
	if err == nil {
		closeRunner(t, r)
	}
	if err == nil || !strings.Contains(err.Error(), "the positions in") || made {
		t.Errorf("got %v, set up: %v; want the second pipeline refused, and nothing set up", err, made)
	}
}

// stageRows gives the record four rows that no reader sees.
func stageRows(t *testing.T, dir string) {
	t.Helper()
	rewrite(t, dir, func(r *checkpoint.Record) {
		r.Committables["raw"], r.Staged["raw"] = []byte(" [1]"), sdk.Staged{Rows: 4}
	})
}

func TestResourcesOfAnotherClusterMayBeTheSame(t *testing.T) {
	tests := []struct {
		was, is  []string
		in, sink bool
	}{
		{[]string{"topic://a:1/t"}, []string{"topic://a:1/t"}, true, true},
		{[]string{"topic://a:1/t"}, []string{"topic://b:2/t"}, true, true},
		{[]string{"topic://a:1/t"}, []string{"topic://a:1/u"}, false, false},
		{[]string{"topic://a:1/t", "topic://a:1/u"}, []string{"topic://a:1/u", "topic://a:1/v"}, true, false},
		{nil, []string{"topic://a:1/u"}, false, false},
	}
	for _, tt := range tests {
		if got := mayBeSame(sdk.KindSource, tt.was, tt.is); got != tt.in {
			t.Errorf("input %v to %v: got %v", tt.was, tt.is, got)
		}
		if got := mayBeSame(sdk.KindSink, tt.was, tt.is); got != tt.sink {
			t.Errorf("output %v to %v: got %v", tt.was, tt.is, got)
		}
	}
}

// TestOutputThatIsNotCommittedCannotGo: the record has rows for it that nobody else would
// make visible.
func TestOutputThatIsNotCommittedCannotGo(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(10)
	w.fail["raw commit"] = errors.New("the cable")
	if err := runWith(t, w.plan(dir), Options{}); err == nil {
		t.Fatal("the commit did not fail")
	}
	delete(w.fail, "raw commit")
	after := w.plan(dir)
	after.Pipelines[0].Branches = after.Pipelines[0].Branches[1:]
	r, err := Open(t.Context(), after, Options{})
	if err == nil {
		closeRunner(t, r)
	}
	if want := "the output raw (raw folder:) holds 10 rows that are not yet shown"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
