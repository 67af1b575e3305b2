package stream

import (
	"context"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

// hearing is a transform that passes rows on and keeps the watermarks it hears.
type hearing struct {
	sdk.PlainTransform
	emits bool // a watermark of its own with each batch
	heard []time.Time
}

func (h *hearing) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	if err := out.Emit(b); err != nil || !h.emits {
		return err
	}
	return out.Watermark(time.UnixMicro(7))
}

func (h *hearing) Signal(_ context.Context, s sdk.Signal, _ sdk.Emitter) (bool, error) {
	if s.Kind == sdk.Watermark {
		h.heard = append(h.heard, s.Time)
	}
	return false, nil
}

// TestWatermarkEndsAtTheStepThatListens: behind the second of three windows the
// promise of the first does not hold, since the second still has rows.
func TestWatermarkEndsAtTheStepThatListens(t *testing.T) {
	w := newWorld(50)
	first, second, third := &hearing{emits: true}, &hearing{}, &hearing{}
	p := w.plan(t.TempDir())
	for i, h := range []*hearing{first, second, third} {
		name := []string{"first", "second", "third"}[i]
		step := w.step(sdk.KindTransform, name, func() sdk.Instance { return h })
		step.Description.Watermarks = true
		p.Pipelines[0].Processors = append(p.Pipelines[0].Processors, step)
	}
	r := open(t, p)
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(second.heard) != 5 {
		t.Errorf("the second step heard %d watermarks of the first, want 5", len(second.heard))
	}
	if len(third.heard) != 0 {
		t.Errorf("the third step heard %v of the first", third.heard)
	}
}

// sieve drops all rows but those of a partition.
type sieve struct {
	sdk.PlainTransform
	keeps string
}

func (s *sieve) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	if b.Partition == s.keeps {
		return out.Emit(&sdk.Batch{Rows: b.Rows, Partition: b.Partition})
	}
	out.Count(sdk.Counts{Dropped: b.NumRows()})
	return nil
}

// TestBatchWithoutRowsLeftIsPassedOn: a partition whose rows a filter drops is not idle,
// and a step need not know of clocks for those behind it to.
func TestBatchWithoutRowsLeftIsPassedOn(t *testing.T) {
	w := newWorld(0)
	readAt := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	step := &transform{pipeline: "test", step: w.adder(), instance: &sieve{keeps: "a"}, counters: &counters{},
		sideOutputs: &sideOutputs{}}
	for partition, want := range map[string]int64{"a": 3, "b": 0} {
		var got []*sdk.Batch
		item := sdk.Item{Batch: &sdk.Batch{Rows: batchOf(1, 2, 3), Partition: partition, Time: readAt}}
		err := step.process(t.Context(), item, func(item sdk.Item) error {
			got = append(got, item.Batch)
			return nil
		})
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: got %d batches, %v, want one", partition, len(got), err)
		}
		if b := got[0]; b.NumRows() != want || b.Partition != partition || !b.Time.Equal(readAt) {
			t.Errorf("%s: got %d rows of %q at %v, want %d of %s at %v", partition, b.NumRows(), b.Partition, b.Time,
				want, partition, readAt)
		}
	}
}
