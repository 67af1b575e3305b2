package aggregation

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// newResults are the builders of the output's columns.
func newResults(l *layout) (builders []array.Builder) {
	for _, f := range l.out.Fields() {
		builders = append(builders, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	return builders
}

// everything stands for the end of the last open window.
const everything = math.MaxInt64

// advance moves the pipeline's watermark to closed, hands out the windows it
// passes, by start and then by group, and tells the steps behind.
func (t *transform) advance(closed int64, out sdk.Emitter) error {
	if closed == everything {
		closed = t.frames.end()
	}
	if closed <= t.clock.closed {
		return nil
	}
	t.clock.closed = closed
	if t.forever != nil {
		return nil // its one window is open for good
	}
	if due := t.frames.due(closed, t.groups); len(due) > 0 {
		if err := t.emit(due, out); err != nil {
			return err
		}
		t.frames.release(due, t.groups)
		t.forgetGroups()
	}
	// Windows to come begin here at the earliest: what window_start may still be.
	if promise := t.frames.promise(closed); promise > t.clock.told {
		t.clock.told = promise
		return out.Watermark(time.UnixMicro(promise).UTC())
	}
	return nil
}

// tellAll hands out what an aggregation without a window has come to so far. It
// goes on from there, in this run or the next.
func (t *transform) tellAll(out sdk.Emitter) error {
	return t.emit(t.forever.all(t.groups), out)
}

// emit hands out what cells have come to, in batches, and empties them.
func (t *transform) emit(cells []ready, out sdk.Emitter) error {
	for len(cells) > 0 {
		some := cells[:min(len(cells), sdk.DefaultBatchRows)]
		t.groups.gather(some)
		n := t.fitting(some)
		if err := t.hand(some[:n], out); err != nil {
			return err
		}
		cells = cells[n:]
	}
	return nil
}

// fitting is how many of the cells whose groups are gathered make a batch.
func (t *transform) fitting(cells []ready) int {
	bytes := 0
	for n, c := range cells {
		size := t.groups.size(n) + 16 + 8*len(t.calls)
		for _, call := range t.wide {
			size += call.size(c.cell)
		}
		if bytes += size; n > 0 && bytes > sdk.MaxBatchBytes {
			return n
		}
	}
	return len(cells)
}

// hand gives a batch of cells to the next step, column by column.
func (t *transform) hand(ready []ready, out sdk.Emitter) error {
	builders, first := t.results, t.windowed()
	if first > 0 {
		t.handBounds(ready, builders[0].(*array.TimestampBuilder), builders[1].(*array.TimestampBuilder))
	}
	aggregates := builders[first+len(t.layout.groups):]
	t.groups.appendValues(len(ready), builders[first:])
	t.emitted = t.emitted[:0]
	for _, c := range ready {
		t.emitted = append(t.emitted, c.cell)
	}
	cells := t.emitted
	for i, call := range t.calls {
		if g, ok := call.(gatherer); ok && g.results(aggregates[i], cells) {
			continue
		}
		for at, cell := range cells {
			if err := call.result(aggregates[i], cell); err != nil {
				b := t.layout.calls[i]
				return fmt.Errorf("%s of %s: %w %s", b.Call, t.nameCell(ready[at]), err, sdk.TypeName(b.out))
			}
		}
	}
	if t.forever == nil {
		for _, call := range t.calls { // not above: quantiles may share a sketch
			for _, cell := range cells {
				call.clear(cell)
			}
		}
	}
	columns := make([]arrow.Array, len(builders))
	for i, b := range builders {
		columns[i] = b.NewArray()
	}
	out.Count(sdk.Counts{Created: int64(len(cells))})
	return out.Emit(&sdk.Batch{Rows: array.NewRecordBatch(t.out, columns, int64(len(cells)))})
}

// handBounds fills the columns of the cells' windows.
func (t *transform) handBounds(cells []ready, starts, ends *array.TimestampBuilder) {
	var first, last [sdk.DefaultBatchRows]arrow.Timestamp
	t.frames.bounds(cells, first[:], last[:])
	starts.AppendValues(first[:len(cells)], nil)
	ends.AppendValues(last[:len(cells)], nil)
}

// nameCell names a window and a group, for errors.
func (t *transform) nameCell(cell ready) string {
	var b strings.Builder
	b.WriteString("all rows")
	if t.forever == nil {
		b.Reset()
		var start, end [1]arrow.Timestamp
		t.frames.bounds([]ready{cell}, start[:], end[:])
		fmt.Fprintf(&b, "the window from %s to %s", start[0].ToTime(arrow.Microsecond).Format(time.RFC3339Nano),
			end[0].ToTime(arrow.Microsecond).Format(time.RFC3339Nano))
	}
	var builders []array.Builder
	first := t.windowed()
	fields := t.out.Fields()[first : first+len(t.layout.groups)]
	for _, f := range fields {
		builders = append(builders, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	t.groups.gather([]ready{cell})
	t.groups.appendValues(1, builders)
	for i, f := range fields {
		value := "null"
		if a := builders[i].NewArray(); !a.IsNull(0) {
			value = quote(a.ValueStr(0))
		}
		fmt.Fprintf(&b, ", %s %s", f.Name, value)
	}
	return b.String()
}

// forgetGroups drops groups without an open window, once they are many: each
// would else be remembered for good.
func (t *transform) forgetGroups() {
	if t.groups.len() < t.regroup {
		return
	}
	live := t.groups.empty()
	t.frames.regroup(live, t.groups)
	t.groups = live
	t.regroup = max(leastRegroup, 2*live.len())
}
