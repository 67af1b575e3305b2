package sdk

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Instance is an opened step: a Source, a Transform, a Sink or a Service by its
// plugin's kind. Those that have no need of some methods embed PlainSource,
// PlainTransform or PlainSink.
//
// Calls on one instance never overlap, except that Close may come while any
// other call is blocked (and makes it return), Committed, Drain and Lag may come
// during Next, Due at any time, and Prepare and Commit during Write and Signal.
type Instance interface {
	// Close frees everything. It is called once, also after an error.
	Close(ctx context.Context) error
}

// Source reads from outside. It runs in a goroutine of its own, ahead of the
// steps behind it, and is never interrupted for a barrier.
type Source interface {
	Instance
	// Next blocks for the next item: a batch, or a signal of kind Partitions
	// or Idle. After the last item it returns io.EOF, and does so again when
	// asked again. The first item is a Partitions signal. Idle is sent when a
	// partition is found to be read to its end, and every second or two for as
	// long as it is found so again: Time is when the source asked, not when it got
	// the answer, since a process may be stopped in between. What was not asked
	// for is not silence: the engine counts from the first such Time to the
	// newest, until a batch of that partition follows.
	Next(ctx context.Context) (Item, error)
	// Committed: everything up to these cursors (by partition) is durable. It is a
	// courtesy for lag tools; a source must not need it.
	Committed(ctx context.Context, epoch uint64, at map[string][]byte) error
	// Drain ends an input that grows where it ends now: Next returns io.EOF once
	// everything before that has been read.
	Drain(ctx context.Context) error
	// Lag returns the rows still to be read, or -1 if unknown. It does not block.
	Lag() int64
}

// PlainSource has the methods of a source that ends by itself and knows no lag.
type PlainSource struct{}

// Committed does nothing.
func (PlainSource) Committed(context.Context, uint64, map[string][]byte) error { return nil }

// Drain does nothing.
func (PlainSource) Drain(context.Context) error { return nil }

// Lag is unknown.
func (PlainSource) Lag() int64 { return -1 }

// Transform turns batches into batches.
type Transform interface {
	Instance
	// Apply takes one batch and hands its results to the emitter before it
	// returns. It must not keep b. The engine gives what is emitted of b's partition
	// the Time of b, and passes b on without rows if nothing is emitted (unless the
	// description has Watermarks): steps behind learn that the partition is not idle.
	Apply(ctx context.Context, b *Batch, out Emitter) error
	// Signal is called in order with the batches; for a Barrier, before Snapshot. It
	// reports whether rows are kept that are yet to be handed on, in this run or a later
	// one. All signals go on to the steps behind, but for watermarks if the
	// description has Watermarks.
	Signal(ctx context.Context, s Signal, out Emitter) (holds bool, err error)
	// Snapshot is called at every barrier and writes what changed in the step's state
	// since the one before. Open gets it back as Env.State.
	Snapshot(ctx context.Context, epoch uint64, state StateWriter) error
}

// StateWriter takes the changes of a transform's state. They count with the epoch or
// not at all.
type StateWriter interface {
	// Clear deletes all keys that begin with prefix. It comes before every Put; each
	// prefix once, in order, none begins another.
	Clear(prefix []byte) error
	// Put sets a key, or deletes it if value is nil. Each key is put once, in the order of
	// keys, so that the engine can write a state of any size as it comes. The memory
	// stays the caller's.
	Put(key, value []byte) error
}

// PlainTransform has the methods of a transform without state.
type PlainTransform struct{}

// Signal does nothing: the engine hands signals on.
func (PlainTransform) Signal(context.Context, Signal, Emitter) (bool, error) { return false, nil }

// Snapshot writes nothing.
func (PlainTransform) Snapshot(context.Context, uint64, StateWriter) error { return nil }

// Close does nothing.
func (PlainTransform) Close(context.Context) error { return nil }

// Counts is what became of rows that a transform did not emit, and of rows it
// made. For every step: in + Created = emitted + Dropped + Absorbed + late + rejected.
type Counts struct {
	Dropped  int64 // filtered out on purpose
	Absorbed int64 // went into the state
	Created  int64 // emitted rows that no input row became
	Partial  int64 // absorbed rows that missed some of their windows; shown, not balanced
}

// Late is rows that came behind the watermark that they were compared with.
type Late struct {
	Rows       arrow.RecordBatch // columns of the step's input
	EventTimes []int64           // of each row, µs since 1970 UTC; not kept by the engine
	Partition  string
	Watermark  time.Time
}

// Emitter takes a step's results. It is valid during the call that got it.
type Emitter interface {
	// Emit hands rows to the next step. An empty Partition means mixed.
	Emit(b *Batch) error
	// Late hands on rows of the step's input that came behind the watermark.
	Late(rows Late) error
	// Reject hands on rows that the step could not take.
	Reject(rows ...Reject) error
	// Watermark promises the steps behind how far event time has come.
	Watermark(t time.Time) error
	// Count adds to the step's counters.
	Count(c Counts)
}

// Sink writes to outside. With two phases its output appears with the epoch, or not
// at all; a sink without them embeds PlainSink.
//
// The barrier's Signal, in order with Write, ends the epoch: rows of later
// Writes belong to the next one. Prepare and then Commit of that epoch follow
// in another goroutine, one after the other, while Write and Signal go on; the
// next barrier comes when Commit has returned. So what takes long (waiting for
// the disk, merging files, a transaction) is done there, not in Signal.
type Sink interface {
	Instance
	// Write takes a batch. The rows may be buffered until the next Prepare. A
	// *RefusedError names rows that it did not take; it has taken the others.
	Write(ctx context.Context, b *Batch) error
	// Signal is called in order with Write.
	Signal(ctx context.Context, s Signal) error
	// Prepare makes everything written before the epoch's barrier durable, but not
	// visible.
	Prepare(ctx context.Context, epoch uint64) (Prepared, error)
	// Commit makes visible what the committable names. It must be idempotent: after a
	// crash it is called again with the same one, before Recover.
	Commit(ctx context.Context, epoch uint64, committable []byte) error
	// Recover is called once after Open, when every recorded epoch has been
	// committed. live is the committable of the newest record, or nil; what the
	// sink has staged and live does not name is forgotten.
	Recover(ctx context.Context, live []byte) error
	// Due reports what the sink wants. It does not block.
	Due(now time.Time) Due
}

// Prepared is what a sink has made durable.
type Prepared struct {
	// Committable goes into the engine's record; it must hold all that Commit needs, in
	// a process that never saw the Prepare, and name for Recover all that is still
	// staged as of this epoch. nil: nothing to commit or keep.
	Committable []byte
	Staged      Staged
}

// Staged is what a sink keeps that no reader sees.
type Staged struct {
	Pending int64 // rows that Commit makes visible
	Rows    int64 // rows that stay staged after that, for a later epoch
	Bytes   int64 // of both
	Files   int   // of both
}

// Due is what a sink wants of the epoch that is being filled.
type Due struct {
	// Roll: a limit of size or age has been reached. All sinks of a pipeline roll at once,
	// so that they show the same rows.
	Roll bool
	// Full: the epoch ought to end now, since all of it lies somewhere of limited size.
	Full bool
}

// PlainSink has the methods of a sink of one phase: what it has written is visible.
type PlainSink struct{}

// Signal does nothing.
func (PlainSink) Signal(context.Context, Signal) error { return nil }

// Prepare has nothing to commit.
func (PlainSink) Prepare(context.Context, uint64) (Prepared, error) { return Prepared{}, nil }

// Commit does nothing.
func (PlainSink) Commit(context.Context, uint64, []byte) error { return nil }

// Recover does nothing.
func (PlainSink) Recover(context.Context, []byte) error { return nil }

// Due wants nothing.
func (PlainSink) Due(time.Time) Due { return Due{} }

// Service is a helper that steps share for a run, such as an embedded broker.
// The engine starts those that steps need, once, and stops them last.
type Service interface {
	Instance
	// Address is where steps reach it, host:port.
	Address() string
	// Failed is closed when the service cannot go on, before its users can see that. It
	// ends the run: what the steps report then is a consequence.
	Failed() <-chan struct{}
	// Err is the cause, once Failed is closed.
	Err() error
}

// Gauge is a number that one goroutine sets and others read. A nil one keeps nothing.
type Gauge struct{ value atomic.Int64 }

// Set replaces the number.
func (g *Gauge) Set(n int64) {
	if g != nil {
		g.value.Store(n)
	}
}

// Value is the number, 0 before the first Set.
func (g *Gauge) Value() int64 {
	if g == nil {
		return 0
	}
	return g.value.Load()
}
