package stream

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

func upTo(n int64) []int64 {
	values := make([]int64, n)
	for i := range values {
		values[i] = int64(i)
	}
	return values
}

func TestEveryRowComesOutOnceInOrder(t *testing.T) {
	w := newWorld(20_000)
	r := open(t, w.plan(t.TempDir()))
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(20_000)) {
		t.Errorf("raw: got %d rows, want 20000 in order", len(got))
	}
	want := []int64{20_000 * 19_999 / 2}
	for _, sink := range []string{"sum", "sum2"} {
		if got := w.all(sink); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", sink, got, want)
		}
	}
	s := r.Summary()
	if at := s.Imbalance(); at != "" {
		t.Errorf("the books do not balance at %s: %+v", at, s)
	}
	if !s.Pipelines[0].Ended {
		t.Error("the pipeline is not noted as ended")
	}
}

// TestEpochsCompleteInOrder runs an endless source over several epochs.
func TestEpochsCompleteInOrder(t *testing.T) {
	w := newWorld(200_000)
	p := w.plan(t.TempDir())
	p.Pipelines[0].Interval = time.Millisecond
	r := open(t, p)
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if epochs := r.Summary().Pipelines[0].Epoch; epochs < 3 {
		t.Errorf("got %d epochs, want several", epochs)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(200_000)) {
		t.Errorf("raw: got %d rows, want 200000 in order", len(got))
	}
	for i, event := range w.events {
		if want := "committed " + strconv.Itoa(i+1) + " at"; !strings.HasPrefix(event, want) {
			t.Fatalf("event %d: got %q, want %q …", i, event, want)
		}
	}
}

func TestInterruptedRunGoesOnWhereItWas(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(500)
	w.endless = true
	r := open(t, w.plan(dir))
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- r.Run(ctx) }()
	for len(w.all("raw")) < 500 { // the first epoch is committed
		select {
		case err := <-ran:
			t.Fatalf("the run ended by itself: %v", err)
		default:
		}
	}
	cancel()
	if err := <-ran; !errors.Is(err, ErrInterrupted) {
		t.Fatalf("interrupted run: got %v, want ErrInterrupted", err)
	}
	if got := w.all("sum"); len(got) != 0 {
		t.Errorf("an interrupted run flushed its state: %v", got)
	}
	closeRunner(t, r)

	w.limit, w.endless = 1000, false
	r = open(t, w.plan(dir))
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(1000)) {
		t.Errorf("raw: got %d rows, want 1000 in order", len(got))
	}
	if got, want := w.all("sum"), []int64{1000 * 999 / 2}; !slices.Equal(got, want) {
		t.Errorf("sum: got %v, want %v", got, want)
	}
	if in := r.Summary().Pipelines[0].Steps[1].In; in != 1000 {
		t.Errorf("the books of the run: raw took %d rows, want 1000 across the restart", in)
	}
}

func TestFirstErrorEndsTheRunWithItsStep(t *testing.T) {
	boom := errors.New("boom")
	for _, at := range []string{"count", "add", "raw", "sum prepare", "sum commit", "sum2"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(10_000)
			w.fail[at] = boom
			r := open(t, w.plan(t.TempDir()))
			defer closeRunner(t, r)
			err := r.Run(t.Context())
			step, _, _ := strings.Cut(at, " ")
			if !errors.Is(err, boom) || !strings.Contains(err.Error(), "test.yaml:1:1: pipelines.test."+step+": ") {
				t.Errorf("got %v, want boom with its place", err)
			}
			if s := r.Summary(); s.Pipelines[0].Ended {
				t.Error("the failed pipeline is noted as ended")
			}
		})
	}
}

func TestFailedEpochIsMadeAgain(t *testing.T) {
	for _, at := range []string{"raw", "sum prepare", "raw commit", "add"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			w := newWorld(10_000)
			w.fail[at] = errors.New("boom")
			r := open(t, w.plan(dir))
			if err := r.Run(t.Context()); err == nil {
				t.Fatal("the run went well, want boom")
			}
			closeRunner(t, r)
			delete(w.fail, at)
			r = open(t, w.plan(dir))
			defer closeRunner(t, r)
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.all("raw"); !slices.Equal(got, upTo(10_000)) {
				t.Errorf("raw: got %d rows, want 10000 in order", len(got))
			}
			if got, want := w.all("sum"), []int64{10_000 * 9_999 / 2}; !slices.Equal(got, want) {
				t.Errorf("sum: got %v, want %v", got, want)
			}
		})
	}
}

func TestOpenErrorNamesTheStep(t *testing.T) {
	for _, name := range []string{"count", "add", "raw"} {
		w := newWorld(10)
		w.fail["open "+name] = errors.New("no such host")
		_, err := Open(t.Context(), w.plan(t.TempDir()), Options{})
		if err == nil || !strings.Contains(err.Error(), "pipelines.test."+name+": no such host") {
			t.Errorf("opening %s: got %v", name, err)
		}
	}
}

// TestReaderEndsAfterItsUpstream: what the second pipeline reads has no end of
// its own; it is drained when the first has ended.
func TestReaderEndsAfterItsUpstream(t *testing.T) {
	filling, reading := newWorld(100), newWorld(300)
	reading.endless = true
	upstream, reader := filling.plan("").Pipelines[0], reading.plan("").Pipelines[0]
	upstream.Name, reader.Name = "filler", "reader"
	reader.FilledBy = []string{"filler"}
	r := open(t, &plan.Plan{StateDir: t.TempDir(), Pipelines: []*plan.Pipeline{upstream, reader}})
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := reading.all("sum"); !slices.Equal(got, []int64{300 * 299 / 2}) {
		t.Errorf("the reader's sum: got %v, want the sum of all 300", got)
	}
}

func TestOneFailureStopsTheOthers(t *testing.T) {
	failing, endless := newWorld(100), newWorld(100)
	failing.fail["add"] = errors.New("boom")
	endless.endless = true
	a, b := failing.plan("").Pipelines[0], endless.plan("").Pipelines[0]
	a.Name, b.Name = "a", "b"
	r := open(t, &plan.Plan{StateDir: t.TempDir(), Pipelines: []*plan.Pipeline{a, b}})
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Fatalf("got %v, want boom", err)
	}
	for _, p := range r.Summary().Pipelines {
		if p.Ended {
			t.Errorf("pipeline %s is noted as ended", p.Name)
		}
	}
}

func TestChangedConfigOfAStatefulStepIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(10)
	before, after := w.plan(dir), w.plan(dir)
	configured(before.Pipelines[0].Branches[1].Processors[0], `{"by": "1m", "of": ["n"]}`)
	configured(after.Pipelines[0].Branches[1].Processors[0], `{"by": "2m", "to": 1, "of": ["n"]}`)
	r := open(t, before)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeRunner(t, r)
	_, err := Open(t.Context(), after, Options{})
	want := `pipelines.test.add: the state in ` + dir + ` was made with by "1m", now "2m"; to left out, now 1: `
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

func TestPipelineOfTheSameNameAndAnotherInputIsRefused(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(10)
	r := open(t, w.plan(dir))
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeRunner(t, r)
	other := w.plan(dir)
	input := w.step(sdk.KindSource, "other", func() sdk.Instance { return &script{ends: true} })
	other.Pipelines[0].Input = input
	_, err := Open(t.Context(), other, Options{})
	want := "are of count, now it is other: give the pipeline another name and other outputs"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want both inputs and what to do", err)
	}
}
