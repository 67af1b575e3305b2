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

func (s *script) Committed(context.Context, uint64, map[string][]byte) error { return nil }
func (s *script) Close(context.Context) error                                { return nil }

func idle(partition string) sdk.Item {
	return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: partition}}
}

func batch(partition string, values ...int64) sdk.Item {
	return sdk.Item{Batch: &sdk.Batch{Rows: batchOf(values...), Partition: partition, Cursor: []byte("c")}}
}

// scripted starts a source in a bubble of virtual time. Its epochs never
// complete by themselves: another step, which is not there, is missing.
func scripted(t *testing.T, s sdk.Source, interval time.Duration) *source {
	t.Helper()
	w := newWorld(0)
	l := newLatch()
	src := &source{pipeline: "test", step: w.source(), instance: s, books: &books{}, latch: l,
		sides: &sides{}, interval: interval, stop: make(chan struct{}), epoch: 1,
		items: make(chan sdk.Item, readAhead), positions: map[string][]byte{}, idle: idleSince{}}
	src.epochs = &epochs{steps: 2, source: src, latch: l}
	ctx, cancel := context.WithCancel(t.Context())
	src.begin()
	done := make(chan struct{})
	go func() { defer close(done); src.read(ctx) }()
	t.Cleanup(func() { cancel(); <-done; src.tick.Stop(); src.barrier.Stop() })
	return src
}

// TestIdleIsToldAgainAsTimePasses: steps never look at the clock; how long a
// partition has been silent comes to them in the stream.
func TestIdleIsToldAgainAsTimePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{items: []sdk.Item{idle("a"), idle("b"), batch("b", 1)}}, time.Hour)
		var told []time.Duration
		for len(told) < 4 {
			item, ok := s.next()
			if !ok {
				t.Fatal(s.latch.failure())
			}
			if item.Signal != nil && item.Signal.Kind == sdk.Idle && item.Signal.Partition == "a" {
				told = append(told, item.Signal.For)
			}
			if item.Signal != nil && item.Signal.Partition == "b" && item.Signal.For > 0 {
				t.Fatalf("b is said to be idle for %v after its batch", item.Signal.For)
			}
		}
		told = slices.Compact(told)
		if told[0] != 0 || told[len(told)-1] < time.Second {
			t.Errorf("idle for: got %v, want it to grow from 0", told)
		}
		synctest.Wait()
	})
}

func TestFilledSourceIsNeverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(t, &script{items: []sdk.Item{idle("a"), batch("b", 1)}}, time.Hour)
		s.fillers.Store(1)
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
				t.Fatal(s.latch.failure())
			}
			if item.Signal.Kind == sdk.Barrier {
				at = append(at, time.Since(began))
				close(s.epochs.current.published) // as the sinks would
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

// TestNextBarrierWaitsForThePublish: rows go on meanwhile.
func TestNextBarrierWaitsForThePublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := &script{}
		s := scripted(t, feed, 200*time.Millisecond)
		first, _ := s.next()
		if first.Signal.Kind != sdk.Barrier {
			t.Fatalf("got %v, want the first barrier", first.Signal.Kind)
		}
		published := s.epochs.current.published
		go func() {
			<-time.After(time.Minute) // of virtual time
			close(published)
		}()
		began := time.Now()
		second, _ := s.next()
		if second.Signal.Kind != sdk.Barrier || time.Since(began) < time.Minute {
			t.Errorf("the second barrier came %v after the first, before its publish", time.Since(began))
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
				t.Fatal(s.latch.failure())
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

func TestCutHasNoEnd(t *testing.T) {
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
