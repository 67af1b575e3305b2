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
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// MaxBatchBytes bounds the size of one batch in bytes of column data. Sources
// cut their batches below it; the engine does not cut them again.
const MaxBatchBytes = 8 << 20

// DefaultBatchRows is how many rows a source puts into a batch when nothing
// else bounds it.
const DefaultBatchRows = 4096

// ErrDisconnected marks an error of the outside world, which may be gone at the next
// try: a broker that went away, a process that died. The engine may retry from its
// last record; every other error ends the run.
var ErrDisconnected = errors.New("disconnected")

// Batch is rows of one partition, in order. Even with zero rows it may have a cursor
// or rejects.
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

// SignalKind is the meaning of a Signal.
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
	Partitions []string // Partitions
	// Cursors, of the first Partitions: those that the source resolved when it opened (the
	// end of a topic, a random seed), by partition. The engine makes them durable before
	// the first row. nil: it resolved none.
	Cursors   map[string][]byte
	Partition string        // Idle
	Time      time.Time     // Watermark: the promise. Barrier: the wall clock when it was made. Idle: see there
	For       time.Duration // Idle: from when the partition was first found at its end until Time; set by the engine
	// Again, of Idle in a run that reads up to where topics end now, says that the
	// run before found the partition at its end too, and nothing has come since.
	Again bool
	Epoch uint64 // Barrier: from 1, without gaps
	Roll  bool   // Barrier: file sinks publish all they hold
	// Pending, of Idle and End: a step before keeps rows that are yet to come, in this run
	// or a later one.
	Pending bool
}

// Item is what a source gives: a batch or a signal, never both.
type Item struct {
	Batch  *Batch
	Signal *Signal
}
