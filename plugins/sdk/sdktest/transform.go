package sdktest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func transformChecks() []check {
	checks := []check{
		{"BooksBalance", rowsBalance},
		{"InputIsNotChanged", inputIsNotChanged},
		{"LentBatchesAreNotKept", lentBatchesAreNotKept},
		{"EmittedBatchesAreLeftAlone", emittedBatchesAreLeftAlone},
		{"SnapshotsRestoreEverything", snapshotsRestoreEverything},
		{"EmptyStateIsAFreshStart", emptyStateIsAFreshStart},
		{"EmittersErrorIsPassedOn", emittersErrorIsPassedOn},
		{"CloseWithoutApply", closeWithoutApply},
	}
	for _, shape := range shapes() {
		checks = append(checks, check{"SameResult/" + shape.name, func(t testing.TB, s *suite) {
			want, got := s.transform(t, plain, nil), s.transform(t, shape.give, nil)
			s.sameText(t, "fed batches "+shape.name, got.text(), want.text())
		}})
	}
	return checks
}

// stage is a transform being fed.
type stage struct {
	sdk.Transform
	t     testing.TB
	out   sdk.Emitter
	epoch uint64
}

// openStage opens the transform with state, which may be nil, and announces
// the partitions.
func (s *suite) openStage(t testing.TB, out sdk.Emitter, state map[string][]byte) (*stage, *closer) {
	t.Helper()
	env := s.world(t)
	if state != nil {
		env.State = pairs(state)
	}
	instance, closer := open[sdk.Transform](t, s, s.config, env)
	g := &stage{Transform: instance, t: t, out: out}
	g.signal(sdk.Signal{Kind: sdk.Partitions, Partitions: s.partitions()})
	return g, closer
}

// pairs yields state in the order of keys, from memory that is used again.
func pairs(state map[string][]byte) func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(state)) {
			k, v := []byte(key), slices.Clone(state[key])
			more := yield(k, v)
			fill(k)
			fill(v)
			if !more {
				return
			}
		}
	}
}

// partitions is the partitions of the input, in order of appearance.
func (s *suite) partitions() []string {
	var names []string
	for _, b := range s.Input {
		if !slices.Contains(names, b.Partition) {
			names = append(names, b.Partition)
		}
	}
	return names
}

func (g *stage) signal(signal sdk.Signal) {
	g.t.Helper()
	if _, err := g.Signal(g.t.Context(), signal, g.out); err != nil {
		g.t.Fatalf("signal %s: %v", signal.Kind, err)
	}
}

func (g *stage) apply(b *sdk.Batch) {
	g.t.Helper()
	if err := g.Apply(g.t.Context(), b, g.out); err != nil {
		g.t.Fatalf("applying a batch of %d rows: %v", b.NumRows(), err)
	}
}

// barrier ends an epoch and adds what changed in it to state.
func (g *stage) barrier(state map[string][]byte) {
	g.t.Helper()
	g.epoch++
	g.signal(sdk.Signal{Kind: sdk.Barrier, Epoch: g.epoch, Time: wallClock(g.epoch)})
	if err := g.Snapshot(g.t.Context(), g.epoch, &stateWriter{stage: g, state: state}); err != nil {
		g.t.Fatalf("snapshot of epoch %d: %v", g.epoch, err)
	}
}

// stateWriter changes a state in memory, and compares the order of changes with what
// sdk.StateWriter asks for.
type stateWriter struct {
	*stage
	state         map[string][]byte
	put, prefixes []string
}

func (w *stateWriter) Clear(prefix []byte) error {
	w.t.Helper()
	if len(w.put) > 0 {
		w.t.Errorf("snapshot of epoch %d: cleared %q after a put", w.epoch, prefix)
	}
	if n := len(w.prefixes); n > 0 && (string(prefix) <= w.prefixes[n-1] ||
		strings.HasPrefix(string(prefix), w.prefixes[n-1])) {
		w.t.Errorf("cleared %q after %q: want each prefix once, in order, none within another",
			prefix, w.prefixes[n-1])
	}
	w.prefixes = append(w.prefixes, string(prefix))
	maps.DeleteFunc(w.state, func(key string, _ []byte) bool { return strings.HasPrefix(key, string(prefix)) })
	return nil
}

func (w *stateWriter) Put(key, value []byte) error {
	w.t.Helper()
	if n := len(w.put); n > 0 && string(key) <= w.put[n-1] {
		w.t.Errorf("snapshot of epoch %d: put key %q after %q: want each key once, in order", w.epoch, key, w.put[n-1])
	}
	w.put = append(w.put, string(key))
	if value == nil {
		delete(w.state, string(key))
	} else {
		w.state[string(key)] = bytes.Clone(value)
	}
	return nil
}

// wallClock is the time of a barrier: the same in every run.
func wallClock(epoch uint64) time.Time {
	return time.Date(2026, 1, 1, 0, 0, int(epoch), 0, time.UTC)
}

// transform feeds all the input, given by a shape, and then the end. after, if
// any, is called when a batch has been applied, while it is still known.
func (s *suite) transform(t testing.TB, give func(*sdk.Batch) []*sdk.Batch, after func(*sdk.Batch)) *Emitter {
	t.Helper()
	out := NewEmitter(s.in(), s.out(t))
	g, closer := s.openStage(t, out, nil)
	rows := int64(0)
	for i, given := range s.Input {
		for _, b := range give(given) {
			g.apply(b)
			if after != nil {
				after(b)
			}
			rows += b.NumRows()
			if err := out.Balance(rows); err != nil {
				t.Fatalf("after batch %d: %v", i+1, err)
			}
		}
	}
	g.signal(sdk.Signal{Kind: sdk.End})
	if err := out.Balance(rows); err != nil {
		t.Fatalf("at the end: %v", err)
	}
	closer.mustClose(t)
	return out
}

func rowsBalance(t testing.TB, s *suite) {
	out := s.transform(t, plain, nil)
	if len(out.Rows)+len(out.LateRows)+len(out.Rejected) == 0 {
		t.Error("nothing came out of the input: this suite would prove nothing")
	}
}

func inputIsNotChanged(t testing.TB, s *suite) {
	var before []uint64
	at := 0
	give := func(b *sdk.Batch) []*sdk.Batch {
		copied := withRows(b, sliced(b.Rows))
		before = append(before, sum(copied.Rows))
		return []*sdk.Batch{copied}
	}
	s.transform(t, give, func(b *sdk.Batch) {
		if sum(b.Rows) != before[at] {
			t.Errorf("batch %d was changed by Apply: others read it too", at+1)
		}
		at++
	})
}

func lentBatchesAreNotKept(t testing.TB, s *suite) {
	want := s.transform(t, plain, nil)
	got := s.transform(t, plain, func(b *sdk.Batch) { mangle(b.Rows) })
	s.sameText(t, "with each batch overwritten after Apply", got.text(), want.text())
}

func emittedBatchesAreLeftAlone(t testing.TB, s *suite) {
	if at := s.transform(t, plain, nil).changed(); at > 0 {
		t.Errorf("emitted batch %d was changed later: it belongs to others once Emit has been called", at)
	}
}

// snapshotsRestoreEverything cuts the input at every batch: what comes out
// before and after must be what comes out without a cut.
func snapshotsRestoreEverything(t testing.TB, s *suite) {
	want := s.transform(t, plain, nil)
	for done := range len(s.Input) + 1 {
		out := NewEmitter(s.in(), s.out(t))
		state := map[string][]byte{}
		g, closer := s.openStage(t, out, nil)
		g.barrier(state) // an epoch of nothing
		for _, b := range s.Input[:done] {
			g.apply(plain(b)[0])
			g.barrier(state)
		}
		closer.mustClose(t)
		out.Came = time.Time{} // a restart may repeat its watermark
		epoch := g.epoch
		g, closer = s.openStage(t, out, state)
		g.epoch = epoch
		for _, b := range s.Input[done:] {
			g.apply(plain(b)[0])
			g.barrier(state)
		}
		g.signal(sdk.Signal{Kind: sdk.End})
		closer.mustClose(t)
		s.sameText(t, fmt.Sprintf("restored after %d of %d batches", done, len(s.Input)), out.text(), want.text())
	}
}

func emptyStateIsAFreshStart(t testing.TB, s *suite) {
	out := NewEmitter(s.in(), s.out(t))
	g, closer := s.openStage(t, out, map[string][]byte{})
	g.signal(sdk.Signal{Kind: sdk.End})
	if err := out.Balance(0); err != nil {
		t.Error(err)
	}
	closer.mustClose(t)
}

// refusing is an emitter behind which nothing works any more.
type refusing struct{ *Emitter }

var errRefused = errors.New("the steps behind have failed")

func (refusing) Emit(*sdk.Batch) error { return errRefused }

func emittersErrorIsPassedOn(t testing.TB, s *suite) {
	if len(s.transform(t, plain, nil).Rows) == 0 {
		return
	}
	out := refusing{NewEmitter(s.in(), s.out(t))}
	g, _ := s.openStage(t, out, nil)
	for _, b := range s.Input {
		if err := g.Apply(t.Context(), plain(b)[0], out); errors.Is(err, errRefused) {
			return
		} else if err != nil {
			t.Fatalf("the emitter refused: want its error passed on, got %v", err)
		}
	}
	if _, err := g.Signal(t.Context(), sdk.Signal{Kind: sdk.End}, out); errors.Is(err, errRefused) {
		return
	}
	t.Error("the emitter refused every batch and nobody said so")
}

func closeWithoutApply(t testing.TB, s *suite) {
	_, closer := open[sdk.Transform](t, s, s.config, s.world(t))
	s.soon(t, "closing before the first batch", func() { closer.mustClose(t) })
}
