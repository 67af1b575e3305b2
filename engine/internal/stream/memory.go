package stream

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"time"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// Shares of the memory limit (GOMEMLIMIT) that is live after a collection:
// beyond the limit the collector would use all the time there is, and then the
// system would kill the process without a word.
const (
	warnAt = 0.7
	stopAt = 0.95
)

// Shares of the limit that the process uses, live or not. The collector keeps it
// below 1 while it can; beyond, what is live has grown since it last knew. By default
// the limit is 75 % of what there is: the system would kill the process at 1.33.
const (
	overAt = 1.15 // stop
	exitAt = 1.25 // a step makes more while it is asked to stop: its call cannot be interrupted
)

// memoryEvery is how often memory is read at least; each collection that ends is a
// reason too. Reading takes some microseconds, and a process fills a few megabytes in a
// millisecond.
const memoryEvery = 10 * time.Millisecond

// memoryWatch knows how much of the limit is live.
type memoryWatch struct {
	limit  int64
	live   func() int64
	used   func() int64 // memory that the process uses, in bytes
	warned bool
	failed error // why the run was asked to stop
}

func newMemoryWatch() *memoryWatch {
	return &memoryWatch{limit: debug.SetMemoryLimit(-1), live: liveHeap, used: usedMemory}
}

// usedMemory is what the runtime has of the system and counts against the limit, in bytes.
func usedMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// liveHeap is what the last collection found to be in use, in bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// watchMemory checks memory after each collection, and every memoryEvery, until ctx ends.
func (r *Runner) watchMemory(ctx context.Context) {
	m := newMemoryWatch()
	if m.limit == math.MaxInt64 {
		return
	}
	collected := make(chan struct{}, 1)
	afterCollections(ctx, collected)
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-collected:
		case <-ticker.C:
		}
		r.checkMemory(m)
	}
}

// GuardMemory calls abort when the process uses far more than its memory limit,
// until the function that it returns is called. It is for what happens before a run: a
// mapping's constants are computed while the config is read, and may be of any size.
func GuardMemory(abort func(reason error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	m := newMemoryWatch()
	if m.limit == math.MaxInt64 {
		return cancel
	}
	go m.guard(ctx, abort)
	return cancel
}

func (m *memoryWatch) guard(ctx context.Context, abort func(reason error)) {
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if used := m.used(); float64(used) >= exitAt*float64(m.limit) {
			abort(fmt.Errorf("reading the config: stopping before memory ends: %s of the memory limit of %s are in use; "+
				"does a mapping make a large value, as range or repeat do?", megabytes(used), megabytes(m.limit)))
			return
		}
	}
}

// afterCollections signals when a collection has ended, until ctx has. It is called
// by the collector, by way of an object that nobody holds.
func afterCollections(ctx context.Context, collected chan struct{}) {
	// Large enough to be allocated by itself, so that it dies alone.
	runtime.AddCleanup(new([64]byte), func(struct{}) {
		if ctx.Err() != nil {
			return
		}
		select {
		case collected <- struct{}{}:
		default:
		}
		afterCollections(ctx, collected)
	}, struct{}{})
}

// usage is a step, about how much memory it holds, and since when it is at work.
type usage struct {
	*pipeline
	step  *plan.Step
	bytes int64
	busy  time.Duration
}

// checkMemory warns once, and ends the pipeline whose step is to blame when the
// limit is near. Its record stays: with more memory it goes on.
func (r *Runner) checkMemory(m *memoryWatch) {
	live, used := m.live(), float64(m.used())/float64(m.limit)
	if used >= overAt {
		live = max(live, int64(used*float64(m.limit)))
	}
	if m.failed == nil {
		r.stopForMemory(m, live)
	}
	if m.failed != nil && used >= exitAt && r.options.Abort != nil {
		r.options.Abort(m.failed)
	}
}

func (r *Runner) stopForMemory(m *memoryWatch, live int64) {
	share := float64(live) / float64(m.limit)
	if share < warnAt || m.warned && share < stopAt {
		return
	}
	blamed := r.blamed(live, time.Now())
	text := fmt.Sprintf("%s of the memory limit of %s are in use", megabytes(live), megabytes(m.limit))
	switch {
	case blamed.step == nil:
	case blamed.bytes > 0:
		text += fmt.Sprintf(", %s of them by %s", megabytes(blamed.bytes), blamed.step.Label)
	default:
		text += fmt.Sprintf(", %s has been at work on its rows for %s", blamed.step.Label,
			blamed.busy.Round(time.Millisecond))
	}
	if share < stopAt || blamed.pipeline == nil {
		m.warned = true
		r.log.Warn("memory is getting short: " + text)
		return
	}
	err := fmt.Errorf("stopping before memory ends: %s; give the process more memory%s: "+
		"the next run goes on from the newest record", text, advice(blamed))
	if blamed.step != nil {
		err = &StepError{blamed.plan.Name, blamed.step, err}
	}
	m.failed = err
	blamed.failure.fail(err)
}

// advice is what else helps, by what kind of step holds the memory.
func advice(u usage) string {
	switch {
	case u.step == nil:
		return ""
	case u.step.Plugin.Kind == sdk.KindSink:
		return ", or let this output hold less at a time (fewer partitions, smaller values)"
	case u.bytes > 0:
		return ", or choose shorter windows or fewer groups"
	}
	return ", or let this step make less of a row"
}

// blamed is the step that holds the most memory; if none knows of a good part of
// what is live, the one that is at work: a transform rather than a sink, and that
// which has been for the longest time. Or any pipeline.
func (r *Runner) blamed(live int64, now time.Time) usage {
	var all []usage
	for _, p := range r.all() {
		all = append(all, p.usages(now)...)
	}
	if len(all) == 0 {
		return usage{}
	}
	const goodPart = 4 // of what is live, as a divisor
	largest := slices.MaxFunc(all, func(a, b usage) int { return cmp.Compare(a.bytes, b.bytes) })
	if largest.bytes > live/goodPart {
		return largest
	}
	transform := func(u usage) int {
		if u.busy > 0 && u.step.Plugin.Kind == sdk.KindTransform {
			return 1
		}
		return 0
	}
	longest := slices.MaxFunc(all, func(a, b usage) int {
		return cmp.Or(cmp.Compare(transform(a), transform(b)), cmp.Compare(a.busy, b.busy))
	})
	if longest.busy > 0 {
		longest.bytes = 0
		return longest
	}
	if largest.bytes > 0 {
		return largest
	}
	return usage{pipeline: all[0].pipeline}
}

// usages lists the steps of a pipeline.
func (p *pipeline) usages(now time.Time) []usage {
	var all []usage
	add := func(step *plan.Step, busy time.Duration) {
		all = append(all, usage{pipeline: p, step: step, busy: busy, bytes: p.memory[step.Label].Value()})
	}
	add(p.source.step, 0) // it waits in its plugin's code
	for _, t := range p.everyTransform() {
		add(t.step, t.busy.length(now))
	}
	for _, s := range p.sinks() {
		add(s.step, s.busy.length(now))
	}
	return all
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
