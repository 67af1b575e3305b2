package stream

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// transform is an opened transform in its place. One goroutine calls it.
type transform struct {
	pipeline    string
	step        *plan.Step
	instance    sdk.Transform
	counters    *counters
	epochs      *epochs
	watermark   *atomic.Int64 // µs; the pipeline's, for the progress display
	sideOutputs *sideOutputs  // of the goroutine that calls
	busy        busy
	empty       arrow.RecordBatch // of its columns, made when first needed
}

// process applies the step to one item; its results go to next in order.
func (t *transform) process(ctx context.Context, item sdk.Item, next func(sdk.Item) error) error {
	out := &emitter{transform: t, next: func(item sdk.Item) error {
		return t.busy.pause(func() error { return next(item) })
	}}
	if item.Batch != nil {
		out.partition, out.time = item.Batch.Partition, item.Batch.Time
		out.known = item.Batch.Rows
		t.counters.in.Add(item.Batch.NumRows())
		err := t.busy.during(func() error {
			return guarded(t.pipeline, t.step, func() error { return t.instance.Apply(ctx, item.Batch, out) })
		})
		if err != nil || out.passed {
			return err
		}
		return t.passEmpty(item.Batch, next)
	}
	var holds bool
	err := t.busy.during(func() error {
		return guarded(t.pipeline, t.step, func() (err error) {
			holds, err = t.instance.Signal(ctx, *item.Signal, out)
			return err
		})
	})
	if err != nil {
		return err
	}
	switch item.Signal.Kind {
	case sdk.Watermark:
		if t.step.Description.Watermarks {
			return nil // what the step still keeps may be earlier: it gives its own
		}
	case sdk.Barrier:
		if err := t.snapshot(ctx, item.Signal.Epoch); err != nil {
			return err
		}
	case sdk.Idle, sdk.End:
		if holds { // its rows would be late for the steps behind when they come
			pending := *item.Signal
			pending.Pending = true
			item = sdk.Item{Signal: &pending}
		}
	}
	return next(item)
}

// passEmpty passes on a batch of which the step has passed nothing, without rows: a
// partition that has rows is not idle, also if a filter drops them, and the steps
// behind would go on taking it for idle and close the windows of what it brings next.
// Behind a step with watermarks of its own rows have no partition, or come later.
func (t *transform) passEmpty(b *sdk.Batch, next func(sdk.Item) error) error {
	if t.step.Description.Watermarks || b.Partition == "" {
		return nil
	}
	if t.empty == nil {
		t.empty = sdk.EmptyRows(t.step.Out)
	}
	return next(sdk.Item{Batch: &sdk.Batch{Rows: t.empty, Partition: b.Partition, Time: b.Time}})
}

func (t *transform) snapshot(ctx context.Context, epoch uint64) error {
	part := part{step: t.step.Label, counts: t.counters.counts()}
	if !part.counts.Balanced() {
		return &StepError{t.pipeline, t.step, fmt.Errorf("the books do not balance: %+v", part.counts)}
	}
	part.changes = t.epochs.store.NewChanges(t.pipeline, t.step.Label)
	err := guarded(t.pipeline, t.step, func() error { return t.instance.Snapshot(ctx, epoch, part.changes) })
	if err != nil {
		return err
	}
	t.epochs.deliver(epoch, part)
	return nil
}

// emitter is what a transform sees of the steps behind it.
type emitter struct {
	*transform
	next      func(sdk.Item) error
	partition string            // of the batch that is applied
	time      time.Time         // when the engine read it from its source
	known     arrow.RecordBatch // what the step was given, or nil
	passed    bool              // a batch has been emitted
}

var _ sdk.Emitter = (*emitter)(nil)

func (e *emitter) Emit(b *sdk.Batch) error {
	if err := sameColumns(e.step, b.Rows.Schema()); err != nil {
		return err
	}
	rows, bad, err := gate(b, e.known)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		fitting := *b
		fitting.Rows, b = rows, &fitting
	}
	ensureNullCounts(b.Rows)
	if err := e.Reject(slices.Concat(b.Rejected, bad)...); err != nil {
		return err
	}
	e.counters.out.Add(b.NumRows())
	e.passed = true
	if b.Time.IsZero() && b.Partition != "" && b.Partition == e.partition {
		dated := *b // a step need not know of clocks for those behind it to
		dated.Time = e.time
		b = &dated
	}
	return e.next(sdk.Item{Batch: b})
}

func (e *emitter) Late(l sdk.Late) error {
	e.counters.late.Add(l.Rows.NumRows())
	return e.sideOutputs.tooLate(e.step, l)
}

func (e *emitter) Reject(rows ...sdk.Reject) error {
	e.counters.rejected.Add(int64(len(rows)))
	return e.sideOutputs.rejected(e.step, rows)
}

func (e *emitter) Watermark(at time.Time) error {
	e.watermark.Store(at.UnixMicro())
	return e.next(sdk.Item{Signal: &sdk.Signal{Kind: sdk.Watermark, Time: at}})
}

func (e *emitter) Count(c sdk.Counts) {
	e.counters.dropped.Add(c.Dropped)
	e.counters.absorbed.Add(c.Absorbed)
	e.counters.created.Add(c.Created)
	e.counters.partial.Add(c.Partial)
}

// rejection is the error of a row that has nowhere to go.
func rejection(r sdk.Reject) error {
	if text := rowStart(r); len(text) > 0 {
		return fmt.Errorf("%s: %s: %q (%s)", rowOrigin(r), r.Reason, text, keepThem)
	}
	return fmt.Errorf("%s: %s (%s)", rowOrigin(r), r.Reason, keepThem)
}

const keepThem = "to go on and keep such rows, give the pipeline a dead_letters output"

// sameColumns holds a step to the columns it was planned with. Comparing the
// pointers first keeps the check free for steps that keep one schema.
func sameColumns(step *plan.Step, got *arrow.Schema) error {
	if got == step.Out || got.Equal(step.Out) {
		return nil
	}
	return fmt.Errorf("the step gave columns %s, planned were %s", got, step.Out)
}
