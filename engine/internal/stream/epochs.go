package stream

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"etlengine/engine/internal/checkpoint"
	"etlengine/plugins/sdk"
)

// part is what one step hands in for an epoch.
type part struct {
	step     string
	counts   checkpoint.Counts
	changes  *checkpoint.Changes // transforms
	prepared sdk.Prepared        // sinks
}

// epochs completes the epochs of a pipeline. An epoch is complete when every
// step has delivered its part (rule 3 of DESIGN.md); then the record is saved, the
// sinks commit, the source is notified. One epoch is open at a time: the barrier of
// the next waits for the commit of the one before (rule 5).
type epochs struct {
	pipeline string
	store    *checkpoint.Store
	sinks    []*sink
	source   *source
	steps    int
	run      uint64
	settings map[string]checkpoint.Setting
	waiting  map[string]waiting // by step
	failure  *failure
	log      *slog.Logger
	serving  context.Context // ends when a service fails that steps need
	wait     sync.WaitGroup  // the commit under way

	mu      sync.Mutex // guards what follows
	current *epoch
	last    *checkpoint.Record
	warned  bool // a commit that the source refused has been logged
}

type epoch struct {
	number    uint64
	record    *checkpoint.Record
	changes   []*checkpoint.Changes
	missing   int
	committed chan struct{} // closed when all sinks have committed
}

// begin opens an epoch whose barrier is about to enter the stream.
func (e *epochs) begin(number uint64, positions map[string][]byte, idle map[string]time.Time,
	source checkpoint.Counts) <-chan struct{} {
	e.mu.Lock()
	e.current = &epoch{
		number: number,
		record: &checkpoint.Record{Run: e.run, Epoch: number, Positions: maps.Clone(positions), Idle: idle,
			Committables: map[string][]byte{}, Staged: map[string]sdk.Staged{},
			Counts: map[string]checkpoint.Counts{}},
		missing:   e.steps,
		committed: make(chan struct{}),
	}
	committed := e.current.committed
	e.mu.Unlock()
	e.deliver(number, part{step: e.source.step.Label, counts: source})
	return committed
}

// deliver adds a step's part; the last one completes the epoch.
func (e *epochs) deliver(number uint64, p part) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.current
	if c == nil || c.number != number {
		e.failure.fail(fmt.Errorf("pipeline %s: %s delivered for epoch %d, which is not open",
			e.pipeline, p.step, number))
		return
	}
	c.record.Counts[p.step] = p.counts
	if p.prepared.Committable != nil {
		c.record.Committables[p.step], c.record.Staged[p.step] = p.prepared.Committable, p.prepared.Staged
	}
	if p.changes != nil {
		c.changes = append(c.changes, p.changes)
	}
	c.missing--
	if c.missing == 0 && !e.failure.failed() { // rule 4
		c.record.Settings = e.madeWith(c.record.Counts)
		e.wait.Go(func() { e.commit(c) })
	}
}

// waiting is an output with another layout than before, until it gets a row: what
// it has written was made with the one of before, which can still be gone back to.
type waiting struct {
	was checkpoint.Setting
	in  int64 // rows when it was opened
}

// madeWith is the settings that all of a record with these counts was made with.
func (e *epochs) madeWith(counts map[string]checkpoint.Counts) map[string]checkpoint.Setting {
	made := maps.Clone(e.settings)
	for label, w := range e.waiting {
		if counts, counted := counts[label]; !counted || counts.In == w.in {
			made[label] = w.was
		}
	}
	return made
}

// commit saves the record of an epoch and then commits it in all sinks: nothing is
// visible before the record is durable (rule 1).
func (e *epochs) commit(c *epoch) {
	// Not the caller's context: an epoch that has begun to commit is finished,
	// unless the service it would be committed to has failed. The next run commits it.
	ctx := e.serving
	if err := e.store.Save(e.pipeline, c.record, c.changes...); err != nil {
		e.failure.fail(err)
		return
	}
	e.mu.Lock()
	e.last = c.record
	e.mu.Unlock()
	var committing sync.WaitGroup
	for _, s := range e.sinks {
		committing.Go(func() {
			if err := s.commit(ctx, c.number, c.record.Committables[s.step.Label]); err != nil {
				e.failure.fail(err)
				return
			}
			s.committed.Store(c.number)
		})
	}
	committing.Wait()
	if e.failure.failed() {
		return
	}
	if err := e.store.MarkCommitted(e.pipeline, c.number); err != nil {
		e.failure.fail(err)
		return
	}
	e.log.Debug("epoch published", "epoch", c.number)
	e.notifySource(c)
	close(c.committed)
}

// notifySource passes the committed positions to the source. A failure is logged only:
// lag tools miss a figure, nothing else does.
func (e *epochs) notifySource(c *epoch) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := e.source.instance.Committed(ctx, c.number, c.record.Positions)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && !e.warned {
		e.warned = true
		e.log.Warn("the source could not note what is committed", "step", e.source.step.Label, "error", err)
	}
}

// newest is the record that was saved last, or nil.
func (e *epochs) newest() *checkpoint.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}

// reached is the epoch of the newest record.
func (e *epochs) reached() uint64 {
	if r := e.newest(); r != nil {
		return r.Epoch
	}
	return 0
}
