package stream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// sink is an opened sink in its place. Its goroutine writes and tells it of
// signals; Prepare and Publish run beside it, one after the other.
type sink struct {
	pipeline  string
	step      *plan.Step
	instance  sdk.Sink
	books     *books
	epochs    *epochs
	latch     *latch
	sides     *sides // for the rows that it refuses
	queue     chan sdk.Item
	preparing sync.WaitGroup // the Prepare under way
	published atomic.Uint64  // the newest epoch that it has shown
	busy      busy
}

// queued is how many items wait in front of a branch: enough to keep it busy
// while the step before makes the next, few enough to bound the memory.
const queued = 2

// run takes items until the queue is closed or the latch is.
func (s *sink) run(ctx context.Context) {
	defer s.preparing.Wait()
	for {
		select {
		case item, ok := <-s.queue:
			if !ok {
				return
			}
			if err := s.busy.during(func() error {
				return guarded(s.pipeline, s.step, func() error { return s.take(ctx, item) })
			}); err != nil {
				s.latch.fail(err)
				return
			}
		case <-s.latch.Done():
			return
		}
	}
}

func (s *sink) take(ctx context.Context, item sdk.Item) error {
	if item.Batch != nil {
		return s.write(ctx, item.Batch)
	}
	if err := s.instance.Signal(ctx, *item.Signal); err != nil {
		return err
	}
	if item.Signal.Kind != sdk.Barrier {
		return nil
	}
	if err := s.sides.barrier(item.Signal); err != nil {
		return err
	}
	part := part{step: s.step.Label, counts: s.books.counts()}
	s.preparing.Go(func() { s.prepare(ctx, item.Signal.Epoch, part) })
	return nil
}

// write hands a batch to the sink, and the rows that it refuses to the dead letters.
func (s *sink) write(ctx context.Context, b *sdk.Batch) error {
	err := s.instance.Write(ctx, withoutPositions(b, s.step.In))
	refused, some := errors.AsType[*sdk.RefusedError](err)
	if err != nil && !some {
		return located(b, err)
	}
	var rejects []sdk.Reject
	if some {
		for _, r := range refused.Rows {
			rejects = append(rejects, jsonrows.Reject(b, r.Row, r.Reason))
		}
	}
	s.books.in.Add(b.NumRows())
	s.books.out.Add(b.NumRows() - int64(len(rejects)))
	s.books.rejected.Add(int64(len(rejects)))
	return s.sides.rejected(s.step, rejects)
}

// prepare makes the epoch that has just ended durable while the next fills. No
// second one can begin: the next barrier waits for this epoch's publish (rule 5).
func (s *sink) prepare(ctx context.Context, epoch uint64, part part) {
	err := guarded(s.pipeline, s.step, func() (err error) {
		part.prepared, err = s.instance.Prepare(ctx, epoch)
		return err
	})
	if err != nil {
		s.latch.fail(err)
		return
	}
	s.epochs.deliver(epoch, part)
}

// commit makes visible what the sink prepared for an epoch.
func (s *sink) commit(ctx context.Context, epoch uint64, committable []byte) error {
	if committable == nil {
		return nil
	}
	return guarded(s.pipeline, s.step, func() error { return s.instance.Commit(ctx, epoch, committable) })
}

// branch is an output: steps of its own in one goroutine, then its sinks, each
// in theirs.
type branch struct {
	transforms []*transform
	sinks      []*sink
	sides      *sides
	latch      *latch
	queue      chan sdk.Item // nil if there are no transforms
}

// accept hands an item to the branch, unless the pipeline has failed.
func (b *branch) accept(item sdk.Item) error {
	if b.queue == nil {
		return b.spread(item)
	}
	return send(b.queue, item, b.latch)
}

// spread hands an item to all sinks of the branch.
func (b *branch) spread(item sdk.Item) error {
	for _, s := range b.sinks {
		if err := send(s.queue, item, b.latch); err != nil {
			return err
		}
	}
	return nil
}

// run applies the steps of the branch until its queue is closed.
func (b *branch) run(ctx context.Context) {
	for {
		select {
		case item, ok := <-b.queue:
			if !ok {
				return
			}
			if err := b.apply(ctx, item); err != nil {
				b.latch.fail(err)
				return
			}
		case <-b.latch.Done():
			return
		}
	}
}

func (b *branch) apply(ctx context.Context, item sdk.Item) error {
	if err := chain(ctx, b.transforms, item, b.spread); err != nil {
		return err
	}
	if item.Signal != nil && item.Signal.Kind == sdk.Barrier {
		return b.sides.barrier(item.Signal)
	}
	return nil
}

// chain pushes an item through steps, depth first: what a step emits has gone
// through all the others before it emits more, so a burst stays small.
func chain(ctx context.Context, steps []*transform, item sdk.Item, last func(sdk.Item) error) error {
	if len(steps) == 0 {
		return last(item)
	}
	return steps[0].take(ctx, item, func(out sdk.Item) error { return chain(ctx, steps[1:], out, last) })
}

func send(queue chan<- sdk.Item, item sdk.Item, l *latch) error {
	select {
	case queue <- item:
		return nil
	case <-l.Done():
		return l.failure()
	}
}
