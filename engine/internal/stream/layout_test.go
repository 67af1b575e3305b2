package stream

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// schemaOf makes a schema: "n int64, s string".
func schemaOf(t *testing.T, text string) *arrow.Schema {
	t.Helper()
	var fields []arrow.Field
	for column := range strings.SplitSeq(text, ", ") {
		name, typed, _ := strings.Cut(column, " ")
		of, err := sdk.TypeOf(typed)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, arrow.Field{Name: name, Type: of})
	}
	return arrow.NewSchema(fields, nil)
}

// openLogged opens a plan and closes it again; it returns what was logged.
func openLogged(t *testing.T, p *plan.Plan) (logged string, err error) {
	t.Helper()
	var log bytes.Buffer
	r, err := Open(t.Context(), p, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err == nil {
		closeRunner(t, r)
	}
	return strings.ReplaceAll(log.String(), `\"`, `"`), err
}

// rewrite changes the record as it lies in the state directory.
func rewrite(t *testing.T, dir string, change func(r *checkpoint.Record)) {
	t.Helper()
	store, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Load("test")
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	if err := store.Save("test", r); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLayoutOfAnOutputIsKeptOrRefused(t *testing.T) {
	const way = ": undo the change, choose another path, or run with --fresh to begin anew"
	is := func(config, in string) func(*testing.T, *plan.Step) {
		return func(t *testing.T, s *plan.Step) {
			s.In = schemaOf(t, in)
			configured(s, config)
		}
	}
	named, byPosition := is(`{"as": "a"}`, "n int64, s string"), is(`{"as": "order"}`, "n int64, s string")
	nothingVisible := func(_ *testing.T, w *world, _ string) { clear(w.visible) }
	tests := []struct {
		name          string
		before, after func(t *testing.T, s *plan.Step)
		between       func(t *testing.T, w *world, dir string)
		refused, kept string
	}{
		{"nothing", named, named, nil, "", ""},
		{"a key", named, is(`{"as": "b"}`, "n int64, s string"), nil, `the output made rows of raw with as "a", now "b"` + way, ""},
		{"a key, nothing being visible", named, is(`{"as": "b"}`, "n int64, s string"), nothingVisible, "", `as "a", now "b"`},
		{"a key, rows being staged", named, is(`{"as": "b"}`, "n int64, s string"),
			func(t *testing.T, w *world, dir string) { clear(w.visible); stageRows(t, dir) },
			`holds 4 rows that are not yet shown, made with as "a", now "b"` + way, ""},
		{"a key and the label", named, func(t *testing.T, s *plan.Step) {
			is(`{"as": "b"}`, "n int64, s string")(t, s)
			s.Label = "files"
		}, nil, `with as "a", now "b"` + way, ""},
		{"a key and the folder", named, is(`{"as": "b", "by": "b"}`, "n int64, s string"), nil,
			"", "is=\"raw folder:b\""},
		{"a default that is written out", named, is(`{"as": "a", "on": ""}`, "n int64, s string"), nil, "", ""},
		{"a key that is kept", named, is(`{"as": "a", "on": "x"}`, "n int64, s string"), nil,
			"", `on left out, now "x"`},
		{"a column more", named, is(`{"as": "a"}`, "more bool, n int64, s string"), nil,
			"", "column more left out, now bool"},
		{"a column less", named, is(`{"as": "a"}`, "n int64"), nil, "with column s string, now left out" + way, ""},
		{"another name", named, is(`{"as": "a"}`, "n int64, t string"), nil, "with column s string, now left out" + way, ""},
		{"another type", named, is(`{"as": "a"}`, "n string, s string"), nil, "with column n int64, now string" + way, ""},
		{"another order", named, is(`{"as": "a"}`, "s string, n int64"), nil,
			"", "the order of columns n, s, now s, n"},
		{"by order, another order", byPosition, is(`{"as": "order"}`, "s string, n int64"), nil,
			"with the order of columns n, s, now s, n" + way, ""},
		{"by order, a column more", byPosition, is(`{"as": "order"}`, "n int64, s string, more bool"), nil,
			"", "column more left out, now bool"},
		{"by order, a column more in front", byPosition, is(`{"as": "order"}`, "more bool, n int64, s string"), nil,
			"with the order of columns n, s, now more, n, s" + way, ""},
		{"all of it, after an older engine", named, is(`{"as": "b"}`, "s int64"), func(t *testing.T, _ *world, dir string) {
			rewrite(t, dir, func(r *checkpoint.Record) {
				for label, s := range r.Settings {
					s.Config, s.Columns = "", nil
					r.Settings[label] = s
				}
			})
		}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, w := t.TempDir(), newWorld(10)
			before, after := w.plan(dir), w.plan(dir)
			test.before(t, before.Pipelines[0].Branches[0].Sinks[0])
			test.after(t, after.Pipelines[0].Branches[0].Sinks[0])
			if err := runWith(t, before, Options{}); err != nil {
				t.Fatal(err)
			}
			if test.between != nil {
				test.between(t, w, dir)
			}
			logged, err := openLogged(t, after)
			if (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Fatalf("got %v, want %q", err, test.refused)
			}
			if err == nil && (test.kept == "") != (logged == "") || !strings.Contains(logged, test.kept) {
				t.Errorf("got the log %q, want %q", logged, test.kept)
			}
		})
	}
}

// TestKeptLayoutCanBeUndoneUntilItHasRows: the folder holds what was made before.
func TestKeptLayoutCanBeUndoneUntilItHasRows(t *testing.T) {
	dir, w := t.TempDir(), newWorld(10)
	with := func(schema string) *plan.Plan {
		p := w.plan(dir)
		sink := p.Pipelines[0].Branches[0].Sinks[0]
		sink.In = schemaOf(t, schema)
		configured(sink, "{}")
		return p
	}
	for _, schema := range []string{"n int64", "n int64, more bool", "n int64"} {
		if err := runWith(t, with(schema), Options{}); err != nil { // the first has all rows
			t.Fatalf("%s: %v", schema, err)
		}
	}
	w.limit = 20
	if err := runWith(t, with("n int64, more bool"), Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := openLogged(t, with("n int64"))
	if want := "with column more bool, now left out"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with rows of both: got %v, want %q", err, want)
	}
}

// TestFolderIsKnownWhenAnOutputComesBackToIt: what it holds was made before the
// output went elsewhere.
func TestFolderIsKnownWhenAnOutputComesBackToIt(t *testing.T) {
	dir, w := t.TempDir(), newWorld(10)
	filling := func(config string) *plan.Plan {
		p := w.plan(dir)
		configured(p.Pipelines[0].Branches[0].Sinks[0], config)
		return p
	}
	for _, config := range []string{`{"as": "a"}`, `{"as": "b", "by": "elsewhere"}`, `{"as": "b", "by": "further"}`} {
		if err := runWith(t, filling(config), Options{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := openLogged(t, filling(`{"as": "b"}`))
	if want := `with as "a", now "b"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("back in the first folder: got %v, want %q", err, want)
	}
	if _, err := openLogged(t, filling(`{"as": "a"}`)); err != nil {
		t.Errorf("back as it was: got %v", err)
	}
}

func TestKeptChangesAreLogged(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *world, p *plan.Pipeline)
		want   string
	}{
		{"nothing", func(*world, *plan.Pipeline) {}, ""},
		{"a key of the input", func(_ *world, p *plan.Pipeline) {
			configured(p.Input, `{"on": "x", "as": "y", "of": ["secret"]}`)
		}, `step=count changed="as left out, now "y"; on left out, now "x""`},
		{"a key that no record holds", func(_ *world, p *plan.Pipeline) {
			configured(p.Input, `{"of": ["secret"]}`)
		}, ""},
		{"the config of Benthos's step", func(_ *world, p *plan.Pipeline) {
			configured(p.Processors[0], `{"of": ["secret"]}`).Description.Secrets = true
		}, `step=mapping changed="what is not recorded, since it may hold secrets"`},
		{"a step less", func(_ *world, p *plan.Pipeline) { p.Processors = nil },
			`msg="the step is gone: rows read from here on go without it" pipeline=test step=mapping`},
		{"an output less", func(_ *world, p *plan.Pipeline) { p.Branches = p.Branches[1:] },
			`msg="the output is gone: it gets no more rows" pipeline=test step=raw was="raw folder:"`},
		{"an output under another label", func(_ *world, p *plan.Pipeline) { p.Branches[0].Sinks[0].Label = "other" },
			`msg="the output has another label" pipeline=test step=other was=raw`},
		{"an output more", func(w *world, p *plan.Pipeline) {
			p.Branches = append(p.Branches, &plan.Branch{Sinks: []*plan.Step{w.sink("more")}})
		}, "the step is new"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, w := t.TempDir(), newWorld(10)
			planned := func() *plan.Plan {
				p := w.plan(dir)
				step := w.step(sdk.KindTransform, "mapping", func() sdk.Instance { return passer{} })
				step.Plugin.Name, step.Description.Secrets = "benthos/mapping", true
				p.Pipelines[0].Processors = []*plan.Step{step}
				return p
			}
			if err := runWith(t, planned(), Options{}); err != nil {
				t.Fatal(err)
			}
			after := planned()
			test.change(w, after.Pipelines[0])
			logged, err := openLogged(t, after)
			if err != nil || (test.want == "") != (logged == "") || !strings.Contains(logged, test.want) {
				t.Errorf("got the log %q, %v, want %q", logged, err, test.want)
			}
		})
	}
}

// TestRecordHoldsNoSecrets: of inputs, outputs and Benthos's steps it knows what
// their plugin says is none.
func TestRecordHoldsNoSecrets(t *testing.T) {
	w := newWorld(10)
	p := w.plan(t.TempDir()).Pipelines[0]
	step := w.step(sdk.KindTransform, "mapping", func() sdk.Instance { return passer{} })
	step.Plugin.Name = "benthos/mapping"
	p.Processors = []*plan.Step{step}
	for _, s := range []*plan.Step{p.Input, step, p.Branches[0].Sinks[0]} {
		configured(s, `{"of": ["secret"], "on": "x"}`)
		s.Description.Secrets = s == step
		if got := settings(p)[settingKey(s)].Config; strings.Contains(got, "secret") {
			t.Errorf("%s: got %s", s.Label, got)
		}
	}
}

// passer is a transform that hands on what it gets.
type passer struct{ sdk.PlainTransform }

func (passer) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error { return out.Emit(b) }
