// Package sdk is the contract between the engine and its plugins: what a
// source, a transform and a sink are, what they are handed and what they owe.
//
// A plugin is a value (Plugin), made from a config struct and an open function
// by Spec. The same value serves in the engine's process and in one of its own,
// so nothing here holds a closure, a channel or a pointer that could not cross.
//
// The unit of work is a Batch: an Arrow record batch with a schema known before
// anything runs. Batches are immutable once handed on; nobody calls Release or
// Retain on them; what outlives a call is copied.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// MaxBatchBytes bounds the size of one batch in bytes of column data. Sources
// cut their batches below it; the engine does not cut them again.
const MaxBatchBytes = 8 << 20

// DefaultBatchRows is how many rows a source puts into a batch when nothing
// else bounds it.
const DefaultBatchRows = 4096

// ErrDisconnected marks an error that the outside world caused and may mend: a
// broker that went away, a process that died. The engine may retry from its
// last record; every other error ends the run.
var ErrDisconnected = errors.New("disconnected")

// Batch is rows of one partition, in order. It may have zero rows and still
// carry a cursor or rejects.
type Batch struct {
	Rows      arrow.RecordBatch // schema as planned, never nil
	Partition string            // "client_tickets/3", "a.csv"; "" after a step that mixes partitions
	// Cursor, set by sources: reading resumes after this batch. Of one that is a JSON object
	// people are shown its offset, or its number of records or index, whether it is done
	// (true), and its newest event time (microseconds since 1970).
	Cursor    []byte
	Rejected  []Reject  // rows that could not become rows here
	Positions []int64   // set by sources if Env.Positions: offset, line or number of each row
	Time      time.Time // the wall clock when the engine took the batch from its source; zero in a test
}

// NumRows is the number of rows, rejects not counted.
func (b *Batch) NumRows() int64 {
	return b.Rows.NumRows()
}

// Reject is a row that a step could not take, for the dead letters.
type Reject struct {
	Reason    string // lowercase, what was wanted and what came: `created_at: want a timestamp, got "x"`
	Partition string
	Position  int64  // offset, line or row number in the partition; -1 if unknown
	Key       []byte // of a record that had one
	Raw       []byte // the undecoded bytes, from a decoder
	Row       []byte // the row as a JSON object, from later steps
}

// RowError is the error of a sink's Write for one row of the batch. The engine
// adds where the row comes from.
type RowError struct {
	Row int // in the batch, from 0
	Err error
}

// Error is the cause's: which row it is, the engine says.
func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *RowError) Unwrap() error { return e.Err }

// PositionColumn is the int64 column that holds where a row stood in its
// partition, from the source to the last transform. Sinks of late rows get it too.
const PositionColumn = "_position"

// MessageColumn is the string column that holds what a row was as a message of
// Benthos beside its contents: metadata, and the batch it was in. It is there
// between Benthos's components only, and no sink writes it.
const MessageColumn = "_message"

// SignalKind tells what a Signal says.
type SignalKind uint8

// The kinds of signal, in the order a stream usually sees them.
const (
	// Partitions names the whole set of partitions now assigned. It comes
	// before the first batch, and again whenever the set changes.
	Partitions SignalKind = iota + 1
	// Watermark promises that no row with an earlier event time than Time
	// follows, late ones excepted.
	Watermark
	// Idle says that Partition was found read to its end at Time, and has been for
	// For: nothing was there at any time in between.
	Idle
	// Barrier ends epoch Epoch: whatever came before belongs to it.
	Barrier
	// End says that the input itself has ended; a run that is cut has no End.
	End
)

// String is the kind's name in lowercase.
func (k SignalKind) String() string {
	names := [...]string{"none", "partitions", "watermark", "idle", "barrier", "end"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("signal %d", k)
}

// Signal is a message in the stream beside the batches. Its order against them
// is kept. Which fields are set depends on Kind.
type Signal struct {
	Kind       SignalKind
	Partitions []string      // Partitions
	Partition  string        // Idle
	Time       time.Time     // Watermark: the promise. Barrier: the wall clock when it was made. Idle: see there
	For        time.Duration // Idle: from when the partition was first found at its end until Time; set by the engine
	// Again, of Idle in a run that reads up to where topics end now, says that the
	// run before found the partition at its end too, and nothing has come since.
	Again bool
	Epoch uint64 // Barrier: from 1, without gaps
	Roll  bool   // Barrier: file sinks publish all they hold
	// Pending, of Idle and End, says that a step before is a Holder and holds rows:
	// they are yet to come, in this run or a later one.
	Pending bool
}

// Item is what a source gives: a batch or a signal, never both.
type Item struct {
	Batch  *Batch
	Signal *Signal
}

// Instance is an opened step. It is a Source, a Transform, a Sink or a Service
// by its plugin's kind, and may implement the optional interfaces below.
//
// Calls on one instance never overlap, except that Close may come while any
// other call is blocked (and makes it return), Committed and Drain may come
// during Next, and Prepare and Publish during Write and Signal.
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
	// Committed says that everything up to these cursors (by partition) is
	// durable. It is a courtesy for lag tools; a source must not need it.
	Committed(ctx context.Context, epoch uint64, at map[string][]byte) error
}

// Positioner is a source that resolves positions when it opens (the end of a
// topic, a random seed). The engine makes them durable before the first row.
type Positioner interface {
	// Positions returns the cursor of every partition known now.
	Positions() map[string][]byte
}

// Drainer is a source without an end of its own that can be given one.
type Drainer interface {
	// Drain takes the end of the input as it is now: Next returns io.EOF once
	// everything before it has been read. It may be called during Next.
	Drain(ctx context.Context) error
}

// Bounder is a source whose partitions can be given an end each.
type Bounder interface {
	// Bound is Drain with an end for some partitions, by name: the first
	// position that is not read any more. A partition that is not named ends
	// where it ends now. It is called before the first Next. A name that is not
	// one of the partitions is an error.
	Bound(ctx context.Context, ends map[string]int64) error
}

// Limiter is a source that can stop after a number of records.
type Limiter interface {
	// Limit lets Next return io.EOF after that many more records, rows and
	// rejects together, with a cursor right behind the last. It is called
	// before the first Next.
	Limit(records int64)
}

// Lagger is a source that knows how much is left.
type Lagger interface {
	// Lag returns the rows still to be read, or -1 if unknown. It may be
	// called at any time and does not block.
	Lag() int64
}

// Transform turns batches into batches.
type Transform interface {
	Instance
	// Apply takes one batch and hands its results to the emitter before it
	// returns. It must not keep b. The engine gives what is emitted of b's partition
	// the Time of b, and passes b on without rows if nothing is emitted (unless the
	// step is a Holder): steps behind hear that the partition is not idle.
	Apply(ctx context.Context, b *Batch, out Emitter) error
}

// Counts is what became of rows that a transform did not emit, and of rows it
// made. For every step: in + Created = emitted + Dropped + Absorbed + late + rejected.
type Counts struct {
	Dropped  int64 // filtered out on purpose
	Absorbed int64 // taken into state
	Created  int64 // emitted rows that no input row became
	Partial  int64 // absorbed rows that missed some of their windows; told, not balanced
}

// Late is rows that came behind the watermark that judged them.
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
	// Watermark tells the steps behind how far event time has come.
	Watermark(t time.Time) error
	// Count adds to the books.
	Count(c Counts)
}

// Sink writes to outside.
type Sink interface {
	Instance
	// Write takes a batch. The rows may be buffered until the next Prepare. A
	// *RefusedError names rows that it did not take; it has taken the others.
	Write(ctx context.Context, b *Batch) error
}

// Listener is a step that wants to see signals, in order with the batches.
// Sinks get a nil Emitter. For a Barrier, Signal comes before Snapshot or Prepare.
// A Watermark ends at a transform that listens, which tells the steps behind of
// its own; all other signals go on to them.
type Listener interface {
	Signal(ctx context.Context, s Signal, out Emitter) error
}

// Stateful is a transform whose memory must survive: Snapshot is called at
// every barrier and puts what changed since the one before; nil deletes. Each key
// is put once, in the order of keys, so that the engine can write a state of any
// size as it comes.
type Stateful interface {
	Restorable
	Snapshot(ctx context.Context, epoch uint64, put func(key, value []byte) error) error
}

// Clearer is a stateful transform that forgets many keys at once, such as those
// of a window that has closed.
type Clearer interface {
	// Cleared is called before every Snapshot. All keys that earlier ones put and
	// that begin with one of the prefixes are deleted, in one step with what this
	// one puts. Each prefix is given once, in order, none begins another.
	Cleared() [][]byte
}

// Sizer is a step that knows how much memory it holds, so that the engine can
// tell of its end before it comes.
type Sizer interface {
	// StateBytes is about how many bytes of memory the step's state takes. It
	// may be called at any time and does not block.
	StateBytes() int64
}

// Holder is a transform that keeps rows to hand on others made of them later. The
// engine tells the steps behind, by Signal.Pending, that there is more to come.
type Holder interface {
	// Holding reports whether anything is yet to be handed on. It is called between
	// other calls, as Apply is.
	Holding() bool
}

// Waiter is a transform that hands on a window when all partitions have passed it.
type Waiter interface {
	// Waiting lists the partitions that hold windows back which others have passed,
	// by name. It is called at the end of a run, between other calls.
	Waiting() []Waiting
}

// Waiting is a partition that holds windows back.
type Waiting struct {
	Partition string    `json:"partition"`
	Windows   int64     `json:"windows"`
	Newest    time.Time `json:"newest,omitzero"` // event time of its newest row; zero: it has had none
}

// Restorable takes back what Snapshot gave: the newest value of every key that
// was not deleted, in the order of keys. It is called once, after Open and
// before anything else, also when there is nothing to restore.
type Restorable interface {
	Restore(ctx context.Context, state iter.Seq2[[]byte, []byte]) error
}

// TwoStep is a sink whose output appears with the epoch, or not at all.
//
// The barrier's Signal, in order with Write, ends the epoch: rows of later
// Writes belong to the next one. Prepare and then Publish of that epoch follow
// in another goroutine, one after the other, while Write and Signal go on; the
// next barrier comes when Publish has returned. So what takes long (waiting for
// the disk, merging files, a transaction) is done there, not in Signal.
type TwoStep interface {
	Listener
	// Prepare makes everything written before the epoch's barrier durable, but
	// hidden. The handle goes into the engine's record; it must tell Publish
	// all it needs, in a process that never saw the Prepare, and Recover all
	// that is still hidden as of this epoch. nil: nothing to publish or keep.
	Prepare(ctx context.Context, epoch uint64) (handle []byte, err error)
	// Publish shows what the handle names. It must be idempotent: after a
	// crash it is called again with the same handle, before Recover.
	Publish(ctx context.Context, epoch uint64, handle []byte) error
	// Recover is called once after Open, when every recorded epoch has been
	// published. live is the handle of the newest record, or nil; what the
	// sink has hidden and live does not name is forgotten.
	Recover(ctx context.Context, live []byte) error
}

// Roller is a two-step sink that collects epochs into larger units, such as
// files. The engine asks before each barrier and rolls all sinks of a pipeline
// at once, so that they show the same rows.
type Roller interface {
	// RollDue tells whether a limit of size or age has been reached. It may be
	// called at any time and does not block.
	RollDue(now time.Time) bool
}

// Fuller is a two-step sink that holds a whole epoch somewhere of limited size.
type Fuller interface {
	// Full tells that the epoch ought to end now, whatever the clock says. It
	// may be called at any time and does not block.
	Full() bool
}

// Service is a helper that steps share for a run, such as an embedded broker.
// The engine starts those that steps need, once, and stops them last.
type Service interface {
	Instance
	// Address is where steps reach it, host:port.
	Address() string
}

// Failer is a service that may come to an end by itself. That ends the run: what its
// steps say of it then is not the cause.
type Failer interface {
	// Failed is closed when the service cannot go on, before its users can see that.
	Failed() <-chan struct{}
	// Err tells why, once Failed is closed.
	Err() error
}
