package main

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"sync"
	"time"

	"etlengine/plugins/sdk"
)

// watchedSink is a sink whose calls are seen.
type watchedSink struct {
	wrapped
	own       sync.Mutex // guards what follows
	recovered bool
	barrier   uint64 // the newest one
}

var (
	_ sdk.TwoStep = (*watchedSink)(nil)
	_ sdk.Roller  = (*watchedSink)(nil)
	_ sdk.Fuller  = (*watchedSink)(nil)
)

func (s *watchedSink) two() sdk.TwoStep { return s.Instance.(sdk.TwoStep) }

func (s *watchedSink) Write(ctx context.Context, b *sdk.Batch) error {
	s.own.Lock()
	epoch := max(s.barrier, s.epoch) + 1
	s.own.Unlock()
	return s.around(callWrite, 0, func() error { // whatever its epoch: the clock decides that
		err := s.Instance.(sdk.Sink).Write(ctx, b)
		s.tookRows(epoch)
		return err
	})
}

// tookRows notes rows behind the barrier of the epoch to be killed in.
func (s *watchedSink) tookRows(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target > 0 && epoch == s.target+1 {
		s.wrote[s.name]++
		s.changed.Broadcast()
	}
}

func (s *watchedSink) Signal(ctx context.Context, signal sdk.Signal, out sdk.Emitter) error {
	call := func() error { return s.two().Signal(ctx, signal, out) }
	switch signal.Kind {
	case sdk.Barrier:
		s.own.Lock()
		s.barrier = signal.Epoch
		s.own.Unlock()
		return s.around(callCut, signal.Epoch, call)
	case sdk.End:
		return s.around(callEnd, 0, call)
	}
	return call()
}

func (s *watchedSink) Prepare(ctx context.Context, epoch uint64) ([]byte, error) {
	var handle []byte
	err := s.around(callPrepare, epoch, func() (err error) {
		handle, err = s.two().Prepare(ctx, epoch)
		return err
	})
	return handle, err
}

func (s *watchedSink) Publish(ctx context.Context, epoch uint64, handle []byte) error {
	s.own.Lock()
	again := !s.recovered
	s.own.Unlock()
	call := func() error { return s.two().Publish(ctx, epoch, handle) }
	if again {
		return s.around(callReshow, 0, call)
	}
	return s.around(callPublish, epoch, call)
}

func (s *watchedSink) Recover(ctx context.Context, live []byte) error {
	s.own.Lock()
	s.recovered = true
	s.own.Unlock()
	return s.around(callRecover, 0, func() error { return s.two().Recover(ctx, live) })
}

func (s *watchedSink) RollDue(now time.Time) bool {
	due := false
	_ = s.around(callDue, 0, func() error {
		if r, ok := s.Instance.(sdk.Roller); ok {
			due = r.RollDue(now)
		}
		return nil
	})
	return due
}

func (s *watchedSink) Full() bool {
	f, ok := s.Instance.(sdk.Fuller)
	return ok && f.Full()
}

// watchedStep is a stateful step whose calls are seen.
type watchedStep struct {
	wrapped
	sdk.Stateful
}

var (
	_ sdk.Transform = (*watchedStep)(nil)
	_ sdk.Listener  = (*watchedStep)(nil)
	_ sdk.Stateful  = (*watchedStep)(nil)
	_ sdk.Clearer   = (*watchedStep)(nil)
	_ sdk.Sizer     = (*watchedStep)(nil)
	_ sdk.Holder    = (*watchedStep)(nil)
	_ sdk.Waiter    = (*watchedStep)(nil)
)

func (s *watchedStep) Apply(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	return s.Instance.(sdk.Transform).Apply(ctx, b, out)
}

func (s *watchedStep) Signal(ctx context.Context, signal sdk.Signal, out sdk.Emitter) error {
	call := func() error { return s.Instance.(sdk.Listener).Signal(ctx, signal, out) }
	switch signal.Kind {
	case sdk.Barrier:
		return s.around(callPassed, signal.Epoch, call)
	case sdk.End:
		return s.around(callEnd, 0, call)
	}
	return call()
}

func (s *watchedStep) Snapshot(ctx context.Context, epoch uint64, put func(key, value []byte) error) error {
	return s.around(callSnapshot, epoch, func() error { return s.Stateful.Snapshot(ctx, epoch, put) })
}

func (s *watchedStep) Restore(ctx context.Context, state iter.Seq2[[]byte, []byte]) error {
	return s.around(callRestore, 0, func() error { return s.Stateful.Restore(ctx, state) })
}

func (s *watchedStep) Cleared() [][]byte {
	if c, ok := s.Instance.(sdk.Clearer); ok {
		return c.Cleared()
	}
	return nil
}

func (s *watchedStep) Holding() bool {
	h, ok := s.Instance.(sdk.Holder)
	return ok && h.Holding()
}

func (s *watchedStep) Waiting() []sdk.Waiting {
	if w, ok := s.Instance.(sdk.Waiter); ok {
		return w.Waiting()
	}
	return nil
}

func (s *watchedStep) StateBytes() int64 {
	if z, ok := s.Instance.(sdk.Sizer); ok {
		return z.StateBytes()
	}
	return 0
}

// hidesNothing panics if an instance has a method that its wrapper lacks: the
// engine would not find the optional interface it belongs to, and what the tests
// see would not be what users run.
func hidesNothing(outer, inner sdk.Instance) sdk.Instance {
	has := reflect.TypeOf(outer)
	for m := range reflect.TypeOf(inner).Methods() {
		if _, ok := has.MethodByName(m.Name); !ok {
			panic(fmt.Sprintf("the wrapper %T of crash tests hides the method %s of %T", outer, m.Name, inner))
		}
	}
	return outer
}
