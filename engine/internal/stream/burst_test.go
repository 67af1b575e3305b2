package stream

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// burst makes many batches of one, and sees how many of them no sink has had.
type burst struct {
	sdk.PlainTransform
	out     int64
	had     *atomic.Int64
	waiting *int64
}

func (b *burst) Apply(_ context.Context, _ *sdk.Batch, out sdk.Emitter) error {
	for range 500 {
		if err := out.Emit(&sdk.Batch{Rows: batchOf(b.out)}); err != nil {
			return err
		}
		out.Count(sdk.Counts{Created: 1})
		b.out++
		*b.waiting = max(*b.waiting, b.out-b.had.Load())
	}
	out.Count(sdk.Counts{Absorbed: 10})
	return nil
}

func (b *burst) Close(context.Context) error { return nil }

type recordingSink struct {
	sdk.PlainSink
	had  *atomic.Int64
	rows []int64
}

func (s *recordingSink) Write(_ context.Context, b *sdk.Batch) error {
	s.rows = append(s.rows, valuesOf(b.Rows)...)
	s.had.Add(1)
	return nil
}

func (s *recordingSink) Close(context.Context) error { return nil }

// TestBurstOfAStepIsNotBufferedInMemory: what one batch becomes goes to the outputs
// piecemeal and in order, also on the line that all outputs share.
func TestBurstOfAStepIsNotBufferedInMemory(t *testing.T) {
	w := newWorld(40)
	var had atomic.Int64
	var waiting int64
	sink := &recordingSink{had: &had}
	p := &plan.Pipeline{Name: "test", Interval: firstEpoch, Input: w.source(),
		Processors: []*plan.Step{w.step(sdk.KindTransform, "burst", func() sdk.Instance {
			return &burst{had: &had, waiting: &waiting}
		})},
		Branches: []*plan.Branch{{Sinks: []*plan.Step{w.step(sdk.KindSink, "taker",
			func() sdk.Instance { return sink })}}}}
	if err := runWith(t, planOf(t, p), Options{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sink.rows, upTo(2000)) {
		t.Errorf("got %d rows, want 2000 in order", len(sink.rows))
	}
	if most := int64(2*mostItems + queued + 2); waiting > most {
		t.Errorf("%d batches were held at once, want at most %d", waiting, most)
	}
}
