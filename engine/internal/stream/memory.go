package stream

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"time"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// Shares of the memory limit (GOMEMLIMIT) that is live after a collection:
// beyond the limit the collector would take all the time there is, and then the
// system would kill the process without a word.
const (
	warnAt = 0.7
	stopAt = 0.95
)

// memoryEvery is how often the live memory is looked at.
const memoryEvery = time.Second

// memoryWatch knows how much of the limit is live.
type memoryWatch struct {
	limit  int64
	live   func() int64
	warned bool
}

func newMemoryWatch() *memoryWatch {
	return &memoryWatch{limit: debug.SetMemoryLimit(-1), live: liveHeap}
}

// liveHeap is what the last collection found to be in use, in bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// watchMemory looks every second until ctx ends.
func (r *Runner) watchMemory(ctx context.Context) {
	m := newMemoryWatch()
	if m.limit == math.MaxInt64 {
		return
	}
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.checkMemory(m)
		}
	}
}

// held is a step and about how much memory its state takes.
type held struct {
	*pipeline
	step  *plan.Step
	bytes int64
}

// checkMemory warns once, and ends the pipeline with the largest state when the
// limit is near. Its record stays: with more memory it goes on.
func (r *Runner) checkMemory(m *memoryWatch) {
	live := m.live()
	share := float64(live) / float64(m.limit)
	if share < warnAt || m.warned && share < stopAt {
		return
	}
	largest := r.largest()
	text := fmt.Sprintf("%s of the memory limit of %s are in use", megabytes(live), megabytes(m.limit))
	if largest.step != nil && largest.bytes > 0 {
		text += fmt.Sprintf(", %s of them by the state of %s", megabytes(largest.bytes), largest.step.Label)
	}
	if share >= stopAt && largest.pipeline != nil {
		err := fmt.Errorf("stopping before memory ends: %s; give the process more memory, "+
			"or choose shorter windows or fewer groups: the next run goes on from the newest record", text)
		if largest.step != nil {
			err = &StepError{largest.plan.Name, largest.step, err}
		}
		largest.latch.fail(err)
		return
	}
	m.warned = true
	r.log.Warn("memory is getting short: " + text)
}

// largest is the step with the largest state, or any pipeline if none has one.
func (r *Runner) largest() held {
	var all []held
	for _, p := range r.all() {
		all = append(all, held{pipeline: p})
		for _, t := range p.everyTransform() {
			if s, ok := t.instance.(sdk.Sizer); ok {
				all = append(all, held{p, t.step, s.StateBytes()})
			}
		}
	}
	if len(all) == 0 {
		return held{}
	}
	return slices.MaxFunc(all, func(a, b held) int { return cmp.Compare(a.bytes, b.bytes) })
}

// everyTransform lists the transforms of the shared line and of all branches.
func (p *pipeline) everyTransform() []*transform {
	all := slices.Clone(p.transforms)
	for _, b := range p.branches {
		all = append(all, b.transforms...)
	}
	return all
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n/1_000_000) }
