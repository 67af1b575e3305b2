package stream

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"etlengine/plugins/sdk"
)

// script is a source that gives its items and then blocks.
type script struct {
	sdk.PlainSource
	items []sdk.Item
	ends  bool
}

func (s *script) Next(ctx context.Context) (sdk.Item, error) {
	if len(s.items) == 0 {
		if s.ends {
			return sdk.Item{}, io.EOF
		}
		<-ctx.Done()
		return sdk.Item{}, ctx.Err()
	}
	item := s.items[0]
	s.items = s.items[1:]
	return item, nil
}

func (s *script) Close(context.Context) error { return nil }

func idle(partition string) sdk.Item {
	return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: partition}}
}

func idleAt(partition string, asked time.Time) sdk.Item {
	return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: partition, Time: asked}}
}

func batch(partition string, values ...int64) sdk.Item {
	return sdk.Item{Batch: &sdk.Batch{Rows: batchOf(values...), Partition: partition, Cursor: []byte("c")}}
}

// scripted starts a source in a bubble of virtual time. Its epochs never
// complete by themselves: another step, which is not there, is missing.
func scripted(t *testing.T, s sdk.Source, interval time.Duration) *source {
	t.Helper()
	w := newWorld(0)
	l := newFailure()
	src := &source{pipeline: "test", step: w.source(), instance: s, counters: &counters{}, failure: l,
		sideOutputs: &sideOutputs{}, interval: interval, stop: make(chan struct{}), epoch: 1,
		items: make(chan sdk.Item, readAhead), positions: map[string][]byte{}, idle: silences{}}
	src.epochs = &epochs{steps: 2, source: src, failure: l, serving: t.Context()}
	ctx, cancel := context.WithCancel(t.Context())
	src.begin()
	done := make(chan struct{})
	go func() { defer close(done); src.read(ctx) }()
	t.Cleanup(func() { cancel(); <-done; src.barrier.Stop() })
	return src
}

// idleFor is for how long a partition is said to be idle, until it has been said
// so often.
func idleFor(t *testing.T, s *source, partition string, times int) (all []time.Duration) {
	t.Helper()
	for len(all) < times {
		item, ok := s.next()
		if !ok {
			t.Fatal(s.failure.cause())
		}
		if item.Signal != nil && item.Signal.Kind == sdk.Idle && item.Signal.Partition == partition {
			all = append(all, item.Signal.For)
		}
	}
	return all
}

// TestSilenceIsCountedByWhenTheSourceAsked: a process that is stopped for a minute
// between two questions, or after one was asked, learns nothing from the clock.
func TestSilenceIsCountedByWhenTheSourceAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		asked := func(after time.Duration) sdk.Item { return idleAt("a", began.Add(after)) }
		s := scripted(t, &script{items: []sdk.Item{asked(0), asked(2 * time.Second), asked(time.Second),
			batch("a", 1), asked(70 * time.Second), asked(75 * time.Second)}}, time.Hour)
		s.length, s.barrier = time.Hour, time.NewTimer(time.Hour)
		time.Sleep(time.Minute)
		want := []time.Duration{0, 2 * time.Second, 2 * time.Second, 0, 5 * time.Second}
		if got := idleFor(t, s, "a", 5); !slices.Equal(got, want) {
			t.Errorf("idle for: got %v, want %v", got, want)
		}
	})
}

// TestSilenceGoesOnAcrossRuns: a partition that was at its end when it was recorded,
// and is found there by a later process, was silent in between. One that is not
// found there is not said to be idle.
func TestSilenceGoesOnAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		for _, bounded := range []bool{false, true} {
			s := scripted(t, &script{items: []sdk.Item{idleAt("a", began), batch("c", 1), idleAt("c", began)}}, time.Hour)
			s.idle = recordedSilences(map[string]time.Time{"a": began.Add(-24 * time.Hour),
				"b": began.Add(-time.Hour), "c": began.Add(-time.Hour)}, true)
			s.bounded = bounded
			for _, want := range []time.Duration{24 * time.Hour, -1, 0} {
				item, _ := s.next()
				if want < 0 {
					continue // the batch of c
				}
				if g := item.Signal; g.For != want || g.Again != (bounded && g.Partition == "a") {
					t.Errorf("bounded %v: got %+v, want idle for %v", bounded, g, want)
				}
			}
			if since := s.idle.since(); !since["a"].Equal(began.Add(-24 * time.Hour)) {
				t.Errorf("to be recorded: got %v, want a to be idle for a day", since)
			}
		}
	})
}

func TestFilledSourceIsNeverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{items: []sdk.Item{idle("a"), batch("b", 1)}}, time.Hour)
		s.upstreams.Store(1)
		if item, ok := s.next(); !ok || item.Batch == nil {
			t.Errorf("got %+v, want the batch and no idle signal", item.Signal)
		}
	})
}

// TestBarriersComeByTheClock: 200 ms, then twice as long each time, also when
// the source is silent.
func TestBarriersComeByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{}, time.Second)
		began := time.Now()
		var at []time.Duration
		for len(at) < 5 {
			item, ok := s.next()
			if !ok {
				t.Fatal(s.failure.cause())
			}
			if item.Signal.Kind == sdk.Barrier {
				at = append(at, time.Since(began))
				close(s.epochs.current.committed) // as the sinks would
			}
		}
		want := []time.Duration{200, 600, 1400, 2400, 3400}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(at, want) {
			t.Errorf("barriers: got %v, want %v", at, want)
		}
	})
}

// TestNextBarrierWaitsForTheCommit: rows go on meanwhile.
func TestNextBarrierWaitsForTheCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := &script{}
		s := scripted(t, feed, 200*time.Millisecond)
		first, _ := s.next()
		if first.Signal.Kind != sdk.Barrier {
			t.Fatalf("got %v, want the first barrier", first.Signal.Kind)
		}
		committed := s.epochs.current.committed
		go func() {
			<-time.After(time.Minute) // of virtual time
			close(committed)
		}()
		began := time.Now()
		second, _ := s.next()
		if second.Signal.Kind != sdk.Barrier || time.Since(began) < time.Minute {
			t.Errorf("the second barrier came %v after the first, before its commit", time.Since(began))
		}
	})
}

func TestEndComesBeforeTheLastBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{items: []sdk.Item{batch("a", 1)}, ends: true}, time.Hour)
		var got []string
		for range 3 {
			item, ok := s.next()
			switch {
			case !ok:
				t.Fatal(s.failure.cause())
			case item.Batch != nil:
				got = append(got, "batch")
			default:
				got = append(got, item.Signal.Kind.String())
				if item.Signal.Kind == sdk.Barrier && !item.Signal.Roll {
					t.Error("the last barrier does not roll")
				}
			}
		}
		if want := []string{"batch", "end", "barrier"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestInterruptedRunHasNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{}, time.Hour)
		stop := make(chan struct{})
		s.stop = stop
		close(stop)
		item, ok := s.next()
		if !ok || item.Signal == nil || item.Signal.Kind != sdk.Barrier || !item.Signal.Roll {
			t.Errorf("got %+v, want a barrier that rolls", item.Signal)
		}
	})
}

// TestSilentInputHurriesTheBarrier: once, and only if something has come.
func TestSilentInputHurriesTheBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{items: []sdk.Item{batch("a", 1)}}, 200*time.Millisecond)
		s.step.Description.Patience = 50 * time.Millisecond
		began := time.Now()
		var at []time.Duration
		for len(at) < 2 {
			item, ok := s.next()
			if !ok {
				t.Fatal(s.failure.cause())
			}
			if item.Signal != nil && item.Signal.Kind == sdk.Barrier {
				at = append(at, time.Since(began))
				close(s.epochs.current.committed)
			}
		}
		if at[0] != 50*time.Millisecond || at[1] != 250*time.Millisecond {
			t.Errorf("barriers: got %v, want one 50ms behind the batch, the next by the clock", at)
		}
	})
}
