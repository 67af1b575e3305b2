package main

import (
	"context"
	"fmt"
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

var _ sdk.Sink = (*watchedSink)(nil)

func (s *watchedSink) inner() sdk.Sink { return s.Instance.(sdk.Sink) }

func (s *watchedSink) Write(ctx context.Context, b *sdk.Batch) error {
	s.own.Lock()
	epoch := max(s.barrier, s.epoch) + 1
	s.own.Unlock()
	return s.around(callWrite, 0, func() error { // whatever its epoch: the clock decides that
		err := s.inner().Write(ctx, b)
		s.countRows(epoch)
		return err
	})
}

// countRows counts rows behind the barrier of the epoch to be killed in.
func (s *watchedSink) countRows(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target > 0 && epoch == s.target+1 {
		s.wrote[s.name]++
		s.changed.Broadcast()
	}
}

func (s *watchedSink) Signal(ctx context.Context, signal sdk.Signal) error {
	call := func() error { return s.inner().Signal(ctx, signal) }
	switch signal.Kind {
	case sdk.Barrier:
		s.own.Lock()
		s.barrier = signal.Epoch
		s.own.Unlock()
		return s.around(callBarrier, signal.Epoch, call)
	case sdk.End:
		return s.around(callEnd, 0, call)
	}
	return call()
}

func (s *watchedSink) Prepare(ctx context.Context, epoch uint64) (prepared sdk.Prepared, err error) {
	err = s.around(callPrepare, epoch, func() (err error) {
		prepared, err = s.inner().Prepare(ctx, epoch)
		return err
	})
	return prepared, err
}

func (s *watchedSink) Commit(ctx context.Context, epoch uint64, committable []byte) error {
	s.own.Lock()
	again := !s.recovered
	s.own.Unlock()
	call := func() error { return s.inner().Commit(ctx, epoch, committable) }
	if again {
		return s.around(callCommitAgain, 0, call)
	}
	return s.around(callCommit, epoch, call)
}

func (s *watchedSink) Recover(ctx context.Context, live []byte) error {
	s.own.Lock()
	s.recovered = true
	s.own.Unlock()
	return s.around(callRecover, 0, func() error { return s.inner().Recover(ctx, live) })
}

func (s *watchedSink) Due(now time.Time) (due sdk.Due) {
	_ = s.around(callDue, 0, func() error {
		due = s.inner().Due(now)
		return nil
	})
	return due
}

// watchedStep is a stateful step whose calls are seen.
type watchedStep struct{ wrapped }

var _ sdk.Transform = (*watchedStep)(nil)

func (s *watchedStep) inner() sdk.Transform { return s.Instance.(sdk.Transform) }

func (s *watchedStep) Apply(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	return s.inner().Apply(ctx, b, out)
}

func (s *watchedStep) Signal(ctx context.Context, signal sdk.Signal, out sdk.Emitter) (holds bool, err error) {
	call := func() (err error) {
		holds, err = s.inner().Signal(ctx, signal, out)
		return err
	}
	switch signal.Kind {
	case sdk.Barrier:
		return holds, s.around(callPassed, signal.Epoch, call)
	case sdk.End:
		err = s.around(callEnd, 0, call)
		return holds, err
	}
	err = call()
	return holds, err
}

func (s *watchedStep) Snapshot(ctx context.Context, epoch uint64, state sdk.StateWriter) error {
	return s.around(callSnapshot, epoch, func() error { return s.inner().Snapshot(ctx, epoch, state) })
}

// hidesNothing panics if an instance has a method that its wrapper lacks: what the tests
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
