package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"etlengine/plugins/sdk"
)

// TestDisconnectedStepRewindsThePipeline breaks each call once: the pipeline
// goes on from its record, in this process, and nothing is lost or doubled.
func TestDisconnectedStepRewindsThePipeline(t *testing.T) {
	for _, at := range []string{"count", "add", "raw", "sum prepare", "sum commit"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(10_000)
				w.once[at] = fmt.Errorf("%w: the cable", sdk.ErrDisconnected)
				w.once["open count"] = nil
				r := open(t, w.plan(t.TempDir()))
				defer closeRunner(t, r)
				if err := r.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := w.all("raw"); !slices.Equal(got, upTo(10_000)) {
					t.Errorf("raw: got %d rows, want 10000 in order", len(got))
				}
				if got, want := w.all("sum"), []int64{10_000 * 9_999 / 2}; !slices.Equal(got, want) {
					t.Errorf("sum: got %v, want %v", got, want)
				}
				if s := r.Summary(); s.Imbalance() != "" || s.Pipelines[0].Steps[0].Created != 10_000 {
					t.Errorf("the books: %+v", s)
				}
			})
		})
	}
}

func TestPipelineThatStaysDisconnectedEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(100)
		w.fail["raw"] = fmt.Errorf("%w: the cable", sdk.ErrDisconnected)
		r := open(t, w.plan(t.TempDir()))
		defer closeRunner(t, r)
		err := r.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "pipelines.test.raw: disconnected: the cable") {
			t.Errorf("got %v, want the cause with its step", err)
		}
	})
}

func TestReaderIsDrainedAlsoAfterItWasRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filling, reading := newWorld(100), newWorld(300)
		reading.endless = true
		reading.once["add"] = fmt.Errorf("%w: the cable", sdk.ErrDisconnected)
		upstream, reader := filling.plan("").Pipelines[0], reading.plan("").Pipelines[0]
		upstream.Name, reader.Name = "filler", "reader"
		reader.FilledBy = []string{"filler"}
		r := open(t, planOf(t, upstream, reader))
		defer closeRunner(t, r)
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := reading.all("sum"); !slices.Equal(got, []int64{300 * 299 / 2}) {
			t.Errorf("the reader's sum: got %v, want the sum of all 300", got)
		}
	})
}
