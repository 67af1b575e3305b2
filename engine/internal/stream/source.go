package stream

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// readAhead is how many items the source may be ahead of the stream.
const readAhead = 2

// firstEpoch is the length of the first epoch; each one after it is twice as
// long, up to the pipeline's interval.
const firstEpoch = 200 * time.Millisecond

// source reads ahead in a goroutine of its own and puts barriers, idle signals
// and the end between what it has read. Only next is called by the stream.
type source struct {
	pipeline    string
	step        *plan.Step
	instance    sdk.Source
	counters    *counters
	epochs      *epochs
	failure     *failure
	sinks       []*sink
	sideOutputs *sideOutputs
	interval    time.Duration
	stop        <-chan struct{} // closed: end the run here, the input has not ended
	upstreams   atomic.Int32    // pipelines still filling what is read; while there are, nothing is idle

	first       read // what was read when the pipeline was opened
	items       chan sdk.Item
	epoch       uint64            // the one being filled
	positions   map[string][]byte // cursor by partition, up to here
	positioned  bool              // batches get a column of their rows' positions
	idle        silences
	length      time.Duration   // of this epoch
	barrier     *time.Timer     // its end
	uncommitted <-chan struct{} // closed when the epoch before is committed; nil if none
	state       sourceState
	pending     []sdk.Item // to be given before anything else
	ended       bool       // the input came to its end by itself
	fresh       bool       // a batch has come since the last barrier
	budget      int64      // records of this run; 0: any number
	bounded     bool       // the input was given an end that is not its own
}

type sourceState uint8

const (
	reading  sourceState = iota
	due                  // a barrier waits for the epoch before to be committed
	closing              // the last barrier waits for that
	finished             // the last barrier has been given
)

// read is what the plugin gave.
type read struct {
	item sdk.Item
	err  error
}

// call asks the plugin for its next item.
func (s *source) call(ctx context.Context) (item sdk.Item, err error) {
	err = guarded(s.pipeline, s.step, func() (err error) {
		item, err = s.instance.Next(ctx)
		return err
	})
	return item, err
}

// read calls the plugin until its end, the first error, or ctx.
func (s *source) read(ctx context.Context) {
	defer close(s.items)
	for {
		item, err := s.first.item, s.first.err
		if s.first = (read{}); item == (sdk.Item{}) && err == nil {
			item, err = s.call(ctx)
		}
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return
		}
		if err != nil {
			s.failure.fail(err)
			return
		}
		select {
		case s.items <- item:
		case <-ctx.Done():
			return
		}
	}
}

// begin starts the clocks of the first epoch.
func (s *source) begin() {
	s.length = min(firstEpoch, s.interval)
	s.barrier = time.NewTimer(s.length)
}

// next blocks for the next item of the stream. It returns false when the last
// epoch is committed, or the pipeline has failed.
func (s *source) next() (sdk.Item, bool) {
	for {
		if len(s.pending) > 0 {
			item := s.pending[0]
			s.pending = s.pending[1:]
			return item, true
		}
		switch s.state {
		case reading:
			s.wait(nil)
		case due: // more is read while the epoch before is being committed
			if s.uncommitted == nil {
				s.inject()
			} else {
				s.wait(s.uncommitted)
			}
		case closing:
			if !s.awaitCommit() {
				return sdk.Item{}, false
			}
			s.inject()
		case finished:
			s.awaitCommit()
			return sdk.Item{}, false
		}
		if s.failure.failed() {
			return sdk.Item{}, false
		}
	}
}

// wait handles the next event while the input is read: a barrier that is due
// enters when committed is closed.
func (s *source) wait(committed <-chan struct{}) {
	select { // an interrupt must not wait behind a source that is never silent
	case <-s.stop:
		s.state = closing
		return
	default:
	}
	hurry, calm := s.hurry()
	defer calm()
	select {
	case item, ok := <-s.items:
		if !ok {
			s.end()
			return
		}
		s.accept(item)
		if s.full() {
			s.state = due
		}
	case <-s.barrier.C:
		s.state = due
	case <-hurry:
		s.state = due
	case <-committed:
		s.inject()
	case <-s.stop:
		s.state = closing
	case <-s.failure.Done():
	}
}

// end follows the last item. A run that was interrupted, or has read what it was to
// read, has no End: the windows stay open for the next one.
func (s *source) end() {
	s.state = closing
	select {
	case <-s.stop:
		return
	default:
	}
	s.ended = true
	if !s.spent() {
		s.pending = append(s.pending, sdk.Item{Signal: &sdk.Signal{Kind: sdk.End}})
	}
}

// full reports whether a sink wants the epoch to end. While the epoch before is
// being committed none can.
func (s *source) full() bool {
	select {
	case <-s.uncommitted:
	default:
		if s.uncommitted != nil {
			return false
		}
	}
	now := time.Now()
	return slices.ContainsFunc(s.sinks, func(sink *sink) bool { return sink.instance.Due(now).Full })
}

// accept counts an item and passes it on.
func (s *source) accept(item sdk.Item) {
	if b := item.Batch; b != nil {
		if b.Cursor != nil {
			s.positions[b.Partition] = b.Cursor
		}
		s.fresh = true
		delete(s.idle, b.Partition)
		rejects := int64(len(b.Rejected))
		s.counters.created.Add(b.NumRows() + rejects)
		s.counters.rejected.Add(rejects)
		s.counters.out.Add(b.NumRows())
		if err := s.pass(b); err != nil {
			s.failure.fail(&StepError{s.pipeline, s.step, err})
		}
		return
	}
	switch item.Signal.Kind {
	case sdk.Idle:
		s.idle.found(item.Signal.Partition, item.Signal.Time)
		s.signalIdle(item.Signal.Partition)
	case sdk.Partitions:
		s.idle.only(item.Signal.Partitions)
		s.pending = append(s.pending, item)
	default:
		s.failure.fail(&StepError{s.pipeline, s.step,
			errors.New("a source may not send the signal " + item.Signal.Kind.String())})
	}
}

// pass hands a batch to the stream and its rejects to the dead letters. The
// plugin's batch is not changed: whoever made it may still read it.
func (s *source) pass(b *sdk.Batch) error {
	passed := &sdk.Batch{Rows: b.Rows, Partition: b.Partition, Time: time.Now()}
	if s.positioned {
		passed.Rows = positioned(s.step.Out, b)
	}
	if err := sameColumns(s.step, passed.Rows.Schema()); err != nil {
		return err
	}
	rows, bad, err := gate(passed, nil)
	if err != nil {
		return err
	}
	passed.Rows = rows
	s.counters.rejected.Add(int64(len(bad)))
	s.counters.out.Add(-int64(len(bad)))
	ensureNullCounts(passed.Rows)
	for i := range b.Rejected {
		if b.Rejected[i].Partition == "" {
			b.Rejected[i].Partition = b.Partition
		}
	}
	s.pending = append(s.pending, sdk.Item{Batch: passed})
	return s.sideOutputs.rejected(s.step, slices.Concat(b.Rejected, bad))
}

// positioned adds the column of positions to a batch.
func positioned(schema *arrow.Schema, b *sdk.Batch) arrow.RecordBatch {
	var column arrow.Array
	if int64(len(b.Positions)) == b.NumRows() {
		builder := array.NewInt64Builder(memory.DefaultAllocator)
		builder.AppendValues(b.Positions, nil)
		column = builder.NewArray()
	} else {
		column = array.MakeArrayOfNull(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64, int(b.NumRows()))
	}
	columns := append(slices.Clone(b.Rows.Columns()), column)
	return array.NewRecordBatch(schema, columns, b.NumRows())
}

// awaitCommit waits for the epoch before to be committed; false if that failed.
func (s *source) awaitCommit() bool {
	if s.uncommitted == nil {
		return true
	}
	select {
	case <-s.uncommitted:
		return true
	case <-s.failure.Done():
		return false
	}
}

// inject ends the epoch: its positions are those of the items given so far. One
// barrier ends it for all sinks (rule 6), and a roll is decided for all (rule 13).
func (s *source) inject() {
	now := time.Now()
	last := s.state == closing
	roll := last
	for _, sink := range s.sinks {
		roll = sink.instance.Due(now).Roll || roll
	}
	s.signalAllIdle()
	s.uncommitted = s.epochs.begin(s.epoch, s.positions, s.idle.since(), s.counters.counts())
	barrier := &sdk.Signal{Kind: sdk.Barrier, Epoch: s.epoch, Time: now, Roll: roll}
	s.pending = append(s.pending, sdk.Item{Signal: barrier})
	if err := s.sideOutputs.barrier(barrier); err != nil {
		return // failure has it
	}
	s.epoch++
	s.fresh = false
	if last {
		s.state = finished
		return
	}
	s.state = reading
	s.length = min(2*s.length, s.interval)
	s.barrier.Reset(s.length)
}

// drained counts down the upstreams of the source, one of which has ended; after the
// last one the source ends where what it reads ends then.
func (s *source) drained(ctx context.Context) {
	if s.upstreams.Add(-1) > 0 {
		return
	}
	if err := guarded(s.pipeline, s.step, func() error { return s.instance.Drain(ctx) }); err != nil {
		s.failure.fail(err)
	}
}
