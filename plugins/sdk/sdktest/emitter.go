package sdktest

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Emitter collects what a transform hands on, as text and in order, and sums its
// counters. Rows are read as they come.
type Emitter struct {
	Rows     []string // emitted, as Text has them
	LateRows []string
	Rejected []string // reason, place and row of each
	Counts   sdk.Counts
	Came     time.Time // the newest watermark

	emitted []arrow.RecordBatch // as handed on, to see that they stay as they were
	sums    []uint64
	in, out *arrow.Schema
}

// NewEmitter collects for a step with these columns before and after it.
func NewEmitter(in, out *arrow.Schema) *Emitter {
	return &Emitter{in: in, out: out}
}

var _ sdk.Emitter = (*Emitter)(nil)

// Emit takes rows of the planned schema.
func (e *Emitter) Emit(b *sdk.Batch) error {
	if b == nil || b.Rows == nil {
		return fmt.Errorf("emitting: want a batch with rows, even if none, got nil")
	}
	if e.out != nil && !b.Rows.Schema().Equal(e.out) {
		return fmt.Errorf("emitting: the columns are not as planned: got %v, want %v", b.Rows.Schema(), e.out)
	}
	e.Rows = append(e.Rows, Text(b.Rows)...)
	e.emitted, e.sums = append(e.emitted, b.Rows), append(e.sums, sum(b.Rows))
	return nil
}

// Late takes rows of the input's schema.
func (e *Emitter) Late(l sdk.Late) error {
	if e.in != nil && !l.Rows.Schema().Equal(e.in) {
		return fmt.Errorf("handing on late rows: want the columns of the input %v, got %v", e.in, l.Rows.Schema())
	}
	if int64(len(l.EventTimes)) != l.Rows.NumRows() {
		return fmt.Errorf("handing on late rows: want %d event times, one a row, got %d",
			l.Rows.NumRows(), len(l.EventTimes))
	}
	if l.Watermark.IsZero() {
		return fmt.Errorf("handing on late rows: want the watermark that judged them, got none")
	}
	for _, line := range Text(l.Rows) {
		e.LateRows = append(e.LateRows, fmt.Sprintf("%s: %s", l.Partition, line))
	}
	return nil
}

// Reject takes rows for the dead letters.
func (e *Emitter) Reject(rows ...sdk.Reject) error {
	for _, r := range rows {
		if r.Reason == "" {
			return fmt.Errorf("rejecting a row: want a reason, got none")
		}
		e.Rejected = append(e.Rejected, fmt.Sprintf("%s: %s: %s%s", r.Partition, r.Reason, r.Raw, r.Row))
	}
	return nil
}

// Watermark takes how far event time has come; it never goes back.
func (e *Emitter) Watermark(t time.Time) error {
	if t.Before(e.Came) {
		return fmt.Errorf("telling the watermark: want %v or later, which was told before, got %v", e.Came, t)
	}
	e.Came = t
	return nil
}

// Count adds to the counters.
func (e *Emitter) Count(c sdk.Counts) {
	e.Counts.Dropped += c.Dropped
	e.Counts.Absorbed += c.Absorbed
	e.Counts.Created += c.Created
	e.Counts.Partial += c.Partial
}

// Balance returns an error if the counters do not account for so many rows in.
func (e *Emitter) Balance(in int64) error {
	emitted, late, rejected := int64(len(e.Rows)), int64(len(e.LateRows)), int64(len(e.Rejected))
	c := e.Counts
	if in+c.Created == emitted+c.Dropped+c.Absorbed+late+rejected {
		return nil
	}
	return fmt.Errorf("the books do not balance: %d in + %d created, but "+
		"%d emitted + %d dropped + %d absorbed + %d late + %d rejected",
		in, c.Created, emitted, c.Dropped, c.Absorbed, late, rejected)
}

// text is all that came out, for comparison.
func (e *Emitter) text() []string {
	var all []string
	add := func(prefix string, lines []string) {
		for _, line := range lines {
			all = append(all, prefix+line)
		}
	}
	add("row ", e.Rows)
	add("late ", e.LateRows)
	add("rejected ", e.Rejected)
	return append(all, fmt.Sprintf("books %+v", e.Counts))
}

// changed is the number of the first emitted batch that is not as it was; 0: none.
func (e *Emitter) changed() int {
	for i, rows := range e.emitted {
		if sum(rows) != e.sums[i] {
			return i + 1
		}
	}
	return 0
}
