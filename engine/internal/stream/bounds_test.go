package stream

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"etlengine/engine/internal/plan"
)

func planOf(t *testing.T, pipelines ...*plan.Pipeline) *plan.Plan {
	return &plan.Plan{StateDir: t.TempDir(), Pipelines: pipelines}
}

func runWith(t *testing.T, p *plan.Plan, o Options) error {
	t.Helper()
	r, err := Open(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeRunner(t, r)
	return r.Run(t.Context())
}

// TestEachRunHasABudget: a run of 30 rows ends after them, keeps its windows,
// and the next one has another 30.
func TestEachRunHasABudget(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(1000)
	for run := range int64(3) {
		w.limit = 1000
		if err := runWith(t, w.plan(dir), Options{Bounds: Bounds{Records: 30}}); err != nil {
			t.Fatal(err)
		}
		if got := w.all("raw"); !slices.Equal(got, upTo(30*(run+1))) {
			t.Errorf("after run %d: got %v", run, got)
		}
		if got := w.all("sum"); len(got) > 0 {
			t.Errorf("run %d: the windows were flushed: %v", run, got)
		}
	}
	w.limit = 1000
	if err := runWith(t, w.plan(dir), Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := w.all("sum"), []int64{1000 * 999 / 2}; !slices.Equal(got, want) {
		t.Errorf("sum of all runs: got %v, want %v", got, want)
	}
}

func TestRunUntilNowEndsAndKeepsItsWindows(t *testing.T) {
	w := newWorld(50)
	w.endless = true
	if err := runWith(t, w.plan(t.TempDir()), Options{Bounds: Bounds{UntilNow: true}}); err != nil {
		t.Fatal(err)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(50)) {
		t.Errorf("raw: got %v, want all 50", got)
	}
	if got := w.all("sum"); len(got) > 0 {
		t.Errorf("the windows were flushed: %v", got)
	}
}

func TestRunForATimeIsInterrupted(t *testing.T) {
	w := newWorld(50)
	w.endless = true
	err := runWith(t, w.plan(t.TempDir()), Options{Bounds: Bounds{For: 50 * time.Millisecond}})
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v, want ErrInterrupted", err)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(50)) {
		t.Errorf("raw: got %v, want all 50", got)
	}
}

func TestBoundsThatNoInputCanHaveAreRefused(t *testing.T) {
	w := newWorld(50)
	filled := w.plan("").Pipelines[0]
	filled.FilledBy = []string{"other"}
	tests := []struct {
		name   string
		plan   *plan.Plan
		bounds Bounds
		want   string
	}{
		{"only filled topics", planOf(t, filled), Bounds{UntilNow: true}, "end with them"},
		{"an input without offsets", w.plan(t.TempDir()), Bounds{Ends: map[string]int64{"p": 5}}, "no input of this"},
	}
	for _, test := range tests {
		_, err := Open(t.Context(), test.plan, Options{Bounds: test.bounds})
		if _, ok := errors.AsType[*BoundsError](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}
