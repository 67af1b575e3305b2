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

// sink is an opened sink in its place. Its goroutine calls Write and Signal;
// Prepare and Commit run beside it, one after the other.
type sink struct {
	pipeline    string
	step        *plan.Step
	instance    sdk.Sink
	counters    *counters
	epochs      *epochs
	failure     *failure
	sideOutputs *sideOutputs // for the rows that it refuses
	queue       chan sdk.Item
	preparing   sync.WaitGroup // the Prepare under way
	committed   atomic.Uint64  // the newest epoch that it has committed
	busy        busy
}

// queued is how many items wait in front of a branch: enough to keep it busy
// while the step before makes the next, few enough to bound the memory.
const queued = 2

// run processes items until the queue is closed or the pipeline has failed.
func (s *sink) run(ctx context.Context) {
	defer s.preparing.Wait()
	for {
		select {
		case item, ok := <-s.queue:
			if !ok {
				return
			}
			if err := s.busy.during(func() error {
				return guarded(s.pipeline, s.step, func() error { return s.process(ctx, item) })
			}); err != nil {
				s.failure.fail(err)
				return
			}
		case <-s.failure.Done():
			return
		}
	}
}

func (s *sink) process(ctx context.Context, item sdk.Item) error {
	if item.Batch != nil {
		return s.write(ctx, item.Batch)
	}
	if err := s.instance.Signal(ctx, *item.Signal); err != nil {
		return err
	}
	if item.Signal.Kind != sdk.Barrier {
		return nil
	}
	if err := s.sideOutputs.barrier(item.Signal); err != nil {
		return err
	}
	part := part{step: s.step.Label, counts: s.counters.counts()}
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
	s.counters.in.Add(b.NumRows())
	s.counters.out.Add(b.NumRows() - int64(len(rejects)))
	s.counters.rejected.Add(int64(len(rejects)))
	return s.sideOutputs.rejected(s.step, rejects)
}

// prepare makes the epoch that has just ended durable while the next fills. No
// second one can begin: the next barrier waits for this epoch's commit (rule 5).
func (s *sink) prepare(ctx context.Context, epoch uint64, part part) {
	err := guarded(s.pipeline, s.step, func() (err error) {
		part.prepared, err = s.instance.Prepare(ctx, epoch)
		return err
	})
	if err != nil {
		s.failure.fail(err)
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
	transforms  []*transform
	sinks       []*sink
	sideOutputs *sideOutputs
	failure     *failure
	queue       chan sdk.Item // nil if there are no transforms
}

// accept hands an item to the branch, unless the pipeline has failed.
func (b *branch) accept(item sdk.Item) error {
	if b.queue == nil {
		return b.spread(item)
	}
	return send(b.queue, item, b.failure)
}

// spread hands an item to all sinks of the branch.
func (b *branch) spread(item sdk.Item) error {
	for _, s := range b.sinks {
		if err := send(s.queue, item, b.failure); err != nil {
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
				b.failure.fail(err)
				return
			}
		case <-b.failure.Done():
			return
		}
	}
}

func (b *branch) apply(ctx context.Context, item sdk.Item) error {
	if err := chain(ctx, b.transforms, item, b.spread); err != nil {
		return err
	}
	if item.Signal != nil && item.Signal.Kind == sdk.Barrier {
		return b.sideOutputs.barrier(item.Signal)
	}
	return nil
}

// chain pushes an item through steps, depth first: what a step emits has gone
// through all the others before it emits more, so a burst stays small.
func chain(ctx context.Context, steps []*transform, item sdk.Item, last func(sdk.Item) error) error {
	if len(steps) == 0 {
		return last(item)
	}
	return steps[0].process(ctx, item, func(out sdk.Item) error { return chain(ctx, steps[1:], out, last) })
}

func send(queue chan<- sdk.Item, item sdk.Item, f *failure) error {
	select {
	case queue <- item:
		return nil
	case <-f.Done():
		return f.cause()
	}
}
