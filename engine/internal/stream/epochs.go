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
// sinks publish, the source is told. One epoch is open at a time: the barrier of
// the next waits for the publish of the one before (rule 5).
type epochs struct {
	pipeline string
	store    *checkpoint.Store
	sinks    []*sink
	source   *source
	steps    int
	run      uint64
	settings map[string]checkpoint.Setting
	waiting  map[string]waiting // by step
	latch    *latch
	log      *slog.Logger
	serving  context.Context // ends when a service fails that steps need
	wait     sync.WaitGroup  // the commit under way

	mu      sync.Mutex // guards what follows
	current *epoch
	last    *checkpoint.Record
	told    bool // that the source refused a commit
}

type epoch struct {
	number    uint64
	record    *checkpoint.Record
	changes   []*checkpoint.Changes
	missing   int
	published chan struct{} // closed when all sinks have published
}

// begin opens an epoch whose barrier is about to enter the stream.
func (e *epochs) begin(number uint64, positions map[string][]byte, idle map[string]time.Time,
	source checkpoint.Counts) <-chan struct{} {
	e.mu.Lock()
	e.current = &epoch{
		number: number,
		record: &checkpoint.Record{Run: e.run, Epoch: number, Positions: maps.Clone(positions), Idle: idle,
			Handles: map[string][]byte{}, Staged: map[string]sdk.Staged{}, Books: map[string]checkpoint.Counts{}},
		missing:   e.steps,
		published: make(chan struct{}),
	}
	published := e.current.published
	e.mu.Unlock()
	e.deliver(number, part{step: e.source.step.Label, counts: source})
	return published
}

// deliver takes a step's part; the last one completes the epoch.
func (e *epochs) deliver(number uint64, p part) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.current
	if c == nil || c.number != number {
		e.latch.fail(fmt.Errorf("pipeline %s: %s delivered for epoch %d, which is not open",
			e.pipeline, p.step, number))
		return
	}
	c.record.Books[p.step] = p.counts
	if p.prepared.Committable != nil {
		c.record.Handles[p.step], c.record.Staged[p.step] = p.prepared.Committable, p.prepared.Staged
	}
	if p.changes != nil {
		c.changes = append(c.changes, p.changes)
	}
	c.missing--
	if c.missing == 0 && !e.latch.closed() { // rule 4
		c.record.Settings = e.madeWith(c.record.Books)
		e.wait.Go(func() { e.commit(c) })
	}
}

// waiting is an output with another layout than before, until it gets a row: what
// it has written was made with the one of before, which can still be gone back to.
type waiting struct {
	was checkpoint.Setting
	in  int64 // rows when it was opened
}

// madeWith is the settings that all of a record with these books was made with.
func (e *epochs) madeWith(books map[string]checkpoint.Counts) map[string]checkpoint.Setting {
	made := maps.Clone(e.settings)
	for label, w := range e.waiting {
		if counts, counted := books[label]; !counted || counts.In == w.in {
			made[label] = w.was
		}
	}
	return made
}

// commit makes the epoch true: the record is the moment, and nothing shows
// before it (rule 1).
func (e *epochs) commit(c *epoch) {
	// Not the caller's context: an epoch that has begun to commit is finished,
	// unless what it would be published to has failed. The next run publishes it.
	ctx := e.serving
	if err := e.store.Save(e.pipeline, c.record, c.changes...); err != nil {
		e.latch.fail(err)
		return
	}
	e.mu.Lock()
	e.last = c.record
	e.mu.Unlock()
	var publishing sync.WaitGroup
	for _, s := range e.sinks {
		publishing.Go(func() {
			if err := s.commit(ctx, c.number, c.record.Handles[s.step.Label]); err != nil {
				e.latch.fail(err)
				return
			}
			s.published.Store(c.number)
		})
	}
	publishing.Wait()
	if e.latch.closed() {
		return
	}
	if err := e.store.Published(e.pipeline, c.number); err != nil {
		e.latch.fail(err)
		return
	}
	e.log.Debug("epoch published", "epoch", c.number)
	e.tell(c)
	close(c.published)
}

// tell lets the source know; that it fails costs lag tools their figure only.
func (e *epochs) tell(c *epoch) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := e.source.instance.Committed(ctx, c.number, c.record.Positions)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil && !e.told {
		e.told = true
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
