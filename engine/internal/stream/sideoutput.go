package stream

import (
	"encoding/base64"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// sideOutput is an output for rows that leave the main stream: late ones, or dead
// letters. Every goroutine that runs steps sends to it: its producers.
// A barrier goes in when all of them have passed it, and no row that a producer
// makes behind a barrier goes in before it, so that the rows of an epoch are
// those of the same batches as everywhere else (rule 6).
type sideOutput struct {
	sink    *sink
	failure *failure

	mu       sync.Mutex    // guards what follows
	passed   []uint64      // by producer: the newest barrier it has passed
	complete uint64        // the newest that all have passed
	next     chan struct{} // closed when that one moves on
}

func newSideOutput(s *sink, f *failure) *sideOutput {
	return &sideOutput{sink: s, failure: f, next: make(chan struct{})}
}

// producer adds one of the goroutines that send to the side output, before any of
// them runs. A nil side output has none and accepts nothing.
func (s *sideOutput) producer(epoch uint64) int {
	if s == nil {
		return 0
	}
	s.passed = append(s.passed, epoch)
	s.complete = epoch
	return len(s.passed) - 1
}

// rows sends rows of a producer, behind those it sent before.
func (s *sideOutput) rows(producer int, rows arrow.RecordBatch) error {
	for {
		s.mu.Lock()
		ahead, next := s.passed[producer] > s.complete, s.next
		s.mu.Unlock()
		if !ahead {
			return send(s.sink.queue, sdk.Item{Batch: &sdk.Batch{Rows: rows}}, s.failure)
		}
		select {
		case <-next:
		case <-s.failure.Done():
			return s.failure.cause()
		}
	}
}

// barrier records that a producer has passed a barrier. It does not wait for the
// others: the one that comes last sends the barrier on.
func (s *sideOutput) barrier(producer int, signal *sdk.Signal) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	s.passed[producer] = signal.Epoch
	last := slices.Min(s.passed) == signal.Epoch
	s.mu.Unlock()
	if !last {
		return nil
	}
	// Nobody is before this barrier any more, and who is behind it waits until
	// it is complete: it goes in alone.
	if err := send(s.sink.queue, sdk.Item{Signal: signal}, s.failure); err != nil {
		return err
	}
	s.mu.Lock()
	s.complete = signal.Epoch
	close(s.next)
	s.next = make(chan struct{})
	s.mu.Unlock()
	return nil
}

// sideOutputs are those that a step's goroutine sends to: either may be nil.
type sideOutputs struct {
	pipeline   string
	late, dead *sideOutput
	producer   int                 // the same number in both
	mask       func(string) string // removes secrets from reasons; may be nil
}

func (s *sideOutputs) barrier(signal *sdk.Signal) error {
	if err := s.late.barrier(s.producer, signal); err != nil {
		return err
	}
	return s.dead.barrier(s.producer, signal)
}

// tooLate hands late rows of a step to their output; without one they have been
// counted, and that is all.
func (s *sideOutputs) tooLate(step *plan.Step, l sdk.Late) error {
	if s.late == nil || l.Rows.NumRows() == 0 {
		return nil
	}
	return s.late.rows(s.producer, lateRows(s.late.sink.step.In, step.Label, l))
}

// rejected sends the rows that a step could not process to the dead letters. Without
// that output it ends the run at the first: none is dropped in silence.
func (s *sideOutputs) rejected(step *plan.Step, rows []sdk.Reject) error {
	if len(rows) == 0 {
		return nil
	}
	if s.dead == nil {
		return rejection(rows[0])
	}
	for i := range rows {
		if s.mask != nil {
			rows[i].Reason = s.mask(rows[i].Reason)
		}
	}
	return s.dead.rows(s.producer, deadRows(s.pipeline, step.Label, rows))
}

// lateRows is what the late output gets: see plan.LateColumns.
func lateRows(schema *arrow.Schema, step string, l sdk.Late) arrow.RecordBatch {
	n := int(l.Rows.NumRows())
	columns := make([]arrow.Array, 0, schema.NumFields())
	var position arrow.Array
	for i, f := range l.Rows.Schema().Fields() {
		if f.Name == sdk.PositionColumn {
			position = l.Rows.Column(i)
		} else if plan.IsLate(f.Name) {
			columns = append(columns, l.Rows.Column(i))
		}
	}
	if position == nil {
		position = array.MakeArrayOfNull(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64, n)
	}
	times := array.NewTimestampBuilder(memory.DefaultAllocator, sdk.Timestamp)
	marks := array.NewTimestampBuilder(memory.DefaultAllocator, sdk.Timestamp)
	for _, at := range l.EventTimes {
		times.Append(arrow.Timestamp(at))
		marks.Append(arrow.Timestamp(l.Watermark.UnixMicro()))
	}
	columns = append(columns, times.NewArray(), marks.NewArray(), repeated(l.Partition, n),
		position, repeated(step, n))
	return array.NewRecordBatch(schema, columns, int64(n))
}

func repeated(text string, n int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for range n {
		b.Append(text)
	}
	return b.NewArray()
}

// deadRows is what the dead-letter output gets: see plan.DeadColumns.
func deadRows(pipeline, step string, rows []sdk.Reject) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, plan.DeadColumns)
	now := arrow.Timestamp(time.Now().UnixMicro())
	for _, r := range rows {
		b.Field(0).(*array.TimestampBuilder).Append(now)
		b.Field(1).(*array.StringBuilder).Append(pipeline)
		b.Field(2).(*array.StringBuilder).Append(step)
		b.Field(3).(*array.StringBuilder).Append(r.Reason)
		b.Field(4).(*array.StringBuilder).Append(r.Partition)
		if r.Position >= 0 {
			b.Field(5).(*array.Int64Builder).Append(r.Position)
		} else {
			b.Field(5).AppendNull()
		}
		raw, rawBytes := b.Field(6).(*array.StringBuilder), b.Field(9).(*array.BinaryBuilder)
		switch {
		case r.Raw == nil:
			raw.AppendNull()
			rawBytes.AppendNull()
		case utf8.Valid(r.Raw):
			raw.Append(string(r.Raw))
			rawBytes.AppendNull()
		default:
			raw.AppendNull()
			rawBytes.Append(r.Raw)
		}
		if r.Row != nil {
			b.Field(7).(*array.StringBuilder).Append(string(r.Row))
		} else {
			b.Field(7).AppendNull()
		}
		if r.Key != nil {
			b.Field(8).(*array.StringBuilder).Append(keyText(r.Key))
		} else {
			b.Field(8).AppendNull()
		}
	}
	return b.NewRecordBatch()
}

// keyText is a record's key for people: its text, or else base64 with that before it.
func keyText(key []byte) string {
	if utf8.Valid(key) {
		return string(key)
	}
	return "base64:" + base64.StdEncoding.EncodeToString(key)
}
