package stream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// pipeline is an opened pipeline. Its goroutines are the source's, Benthos's
// two (steps and outputs), one for each branch with steps, one for each sink.
type pipeline struct {
	plan       *plan.Pipeline
	number     checkpoint.Run
	store      *checkpoint.Store
	log        *slog.Logger
	source     *source
	transforms []*transform
	branches   []*branch
	late, dead *sideOutput  // nil without such an output
	steps      *sideOutputs // of the goroutine that runs the transforms
	epochs     *epochs
	failure    *failure
	counters   map[string]*counters
	surveys    map[string]*sdk.Survey // of the rows that this process decoded, by step
	memory     map[string]*sdk.Gauge  // of the state, by step
	before     int64                  // rows read in this run before this process
	watermark  atomic.Int64
	done       atomic.Bool // the input came to its end and all is committed
	closed     atomic.Bool // the source is not to be called any more

	stopOnce  sync.Once
	stop      chan struct{}
	instances []opened // in the order they were opened
}

// opened is an instance to be closed.
type opened struct {
	step     *plan.Step
	instance sdk.Instance
}

// interrupt ends the run of the pipeline before its input ends: what was read still
// comes out, windows stay open for the next run.
func (p *pipeline) interrupt() {
	p.stopOnce.Do(func() { close(p.stop) })
}

// run runs the pipeline, from its first batch to the commit of its last epoch. It returns
// the first error of any step.
func (p *pipeline) run() error {
	// Steps do not see the caller's context: a signal ends the input, and what
	// has been read still goes through.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()

	var reader, watcher, branches, sinks, dead sync.WaitGroup
	ended := make(chan struct{})
	watcher.Go(func() {
		select {
		case <-p.stop:
			stopReading()
		case <-p.failure.Done():
			cancel()
		case <-ended:
		}
	})
	p.source.begin()
	reader.Go(func() { p.source.read(reading) })
	for _, b := range p.branches {
		if b.queue != nil {
			branches.Go(func() { b.run(ctx) })
		}
	}
	for _, s := range p.sinks() {
		if p.isDead(s) {
			dead.Go(func() { s.run(ctx) })
		} else {
			sinks.Go(func() { s.run(ctx) })
		}
	}

	p.flow()

	for _, b := range p.branches {
		if b.queue != nil {
			close(b.queue)
		}
	}
	branches.Wait()
	for _, s := range p.sinks() {
		if !p.isDead(s) {
			close(s.queue)
		}
	}
	sinks.Wait()
	if p.dead != nil { // last: the other sinks hand it what they refuse
		close(p.dead.sink.queue)
	}
	dead.Wait()
	p.epochs.wait.Wait()
	close(ended)
	watcher.Wait()
	stopReading()
	p.closeSource()
	reader.Wait()
	return p.finish()
}

// flow runs the Benthos stream until the source has no more to give.
func (p *pipeline) flow() {
	c := &components{next: p.source.next, steps: p.transforms, accept: p.accept,
		sideOutputs: p.steps, failure: p.failure}
	if err := c.run(context.Background()); err != nil {
		p.failure.fail(fmt.Errorf("pipeline %s: running the stream: %w", p.plan.Name, err))
	}
}

// accept hands an item to all branches.
func (p *pipeline) accept(item sdk.Item) error {
	for _, b := range p.branches {
		if err := b.accept(item); err != nil {
			return err
		}
	}
	return nil
}

// finish records that a run came to its end.
func (p *pipeline) finish() error {
	if err := p.failure.cause(); err != nil {
		return err
	}
	if !p.source.ended {
		return nil
	}
	if err := p.store.EndRun(p.plan.Name, p.number); err != nil {
		return err
	}
	p.done.Store(true)
	return nil
}

func (p *pipeline) sinks() []*sink {
	var sinks []*sink
	for _, b := range p.branches {
		sinks = append(sinks, b.sinks...)
	}
	for _, s := range []*sideOutput{p.late, p.dead} {
		if s != nil {
			sinks = append(sinks, s.sink)
		}
	}
	return sinks
}

func (p *pipeline) isDead(s *sink) bool { return p.dead != nil && s == p.dead.sink }

// closeSource makes a blocked read return.
func (p *pipeline) closeSource() {
	p.closed.Store(true)
	first := p.instances[0] // the source is opened first
	p.instances = p.instances[1:]
	if err := closeStep(p.plan.Name, first); err != nil {
		p.failure.fail(err)
	}
}

// closeWithin bounds how long closing a step may take.
const closeWithin = 10 * time.Second

// close frees every instance that is still open, the last opened first.
func (p *pipeline) close() error {
	var first error
	for len(p.instances) > 0 {
		last := p.instances[len(p.instances)-1]
		p.instances = p.instances[:len(p.instances)-1]
		if err := closeStep(p.plan.Name, last); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func closeStep(pipeline string, o opened) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	return guarded(pipeline, o.step, func() error { return o.instance.Close(ctx) })
}

// counts are the counters by step: as they stand, or, if the pipeline has failed,
// as the newest record has them, since nothing behind it has come out.
func (p *pipeline) counts() map[string]checkpoint.Counts {
	if r := p.epochs.newest(); p.failure.failed() && r != nil && r.Run == p.number.Number {
		return r.Counts
	}
	counts := map[string]checkpoint.Counts{}
	for label, b := range p.counters {
		if !p.failure.failed() {
			counts[label] = b.counts()
		}
	}
	return counts
}

// staged is how many rows that a failed pipeline has recorded no reader sees yet, by output:
// of an epoch that could not be committed, or of files that have not been rolled.
func (p *pipeline) staged() map[string]int64 {
	r, rows := p.epochs.newest(), map[string]int64{}
	if !p.failure.failed() || r == nil {
		return rows
	}
	for _, s := range p.sinks() {
		staged := r.Staged[s.step.Label]
		rows[s.step.Label] = staged.Rows
		if s.committed.Load() < r.Epoch {
			rows[s.step.Label] += staged.Pending
		}
	}
	return rows
}

// summary is the pipeline's row accounting.
func (p *pipeline) summary() PipelineSummary {
	s := PipelineSummary{Name: p.plan.Name, Run: p.number.Number, Ended: p.done.Load(),
		Guarantee: p.plan.Guarantee(), Before: p.before}
	if r := p.epochs.newest(); r != nil {
		s.Epoch = r.Epoch
	}
	if err := p.failure.cause(); err != nil {
		s.Failed = err.Error()
	}
	from, counts, staged := upstreamLabels(p.plan), p.counts(), p.staged()
	for _, step := range p.plan.Steps() {
		one := StepSummary{Label: step.Label, Branch: step.Branch, Plugin: step.Plugin.Name,
			Kind: step.Plugin.Kind, From: from[step.Label], Counts: counts[step.Label]}
		one.Staged = min(staged[step.Label], one.Out)
		one.Out -= one.Staged
		survey := p.surveys[step.Label]
		one.Missing, one.Unknown, one.Lines = survey.Missing(), survey.Unknown(), survey.Lines()
		if s.Ended && p.source.bounded {
			one.Waiting = survey.Waiting()
		}
		switch step {
		case p.plan.Late:
			one.Receives = "late"
		case p.plan.DeadLetters:
			one.Receives = "rejected"
		}
		s.Steps = append(s.Steps, one)
	}
	return s
}
