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

// advance moves the pipeline's watermark, if it has not come as far before.
func (t *transform) advance(to int64, out sdk.Emitter) error {
	if to == everything {
		to = t.windows.end()
	}
	t.clock.natural = max(t.clock.natural, to)
	return t.closeThrough(to, out)
}

// closeThrough hands out the windows that end by then, by start and then by group,
// and sends the watermark downstream.
func (t *transform) closeThrough(closed int64, out sdk.Emitter) error {
	if closed <= t.clock.closed {
		return nil
	}
	t.clock.closed = closed
	if t.globalWindow != nil {
		return nil // its one window is open for good
	}
	if due := t.windows.due(closed, t.groups); len(due) > 0 {
		if err := t.emit(due, out); err != nil {
			return err
		}
		t.windows.release(due, t.groups)
		t.forgetGroups()
	}
	// Windows to come begin here at the earliest: what window_start may still be.
	if promise := t.windows.promise(closed); promise > t.clock.emitted {
		t.clock.emitted = promise
		return out.Watermark(time.UnixMicro(promise).UTC())
	}
	return nil
}

// emitChanged hands out what an aggregation without a window has come to so far,
// of the groups that have had rows since they were last handed out. It goes on
// from there, in this run or the next.
func (t *transform) emitChanged(out sdk.Emitter) error {
	if err := t.emit(t.globalWindow.all(t.groups), out); err != nil {
		return err
	}
	t.globalWindow.emitted()
	return nil
}

// emit hands out what cells have come to, in batches, and empties them.
func (t *transform) emit(cells []ready, out sdk.Emitter) error {
	for len(cells) > 0 {
		some := cells[:min(len(cells), sdk.DefaultBatchRows)]
		t.groups.gather(some)
		n := t.fitting(some)
		if err := t.emitBatch(some[:n], out); err != nil {
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
		size := t.groups.size(n) + 16 + 8*len(t.accumulators)
		for _, a := range t.unbounded {
			size += a.size(c.cell)
		}
		if bytes += size; n > 0 && bytes > sdk.MaxBatchBytes {
			return n
		}
	}
	return len(cells)
}

// emitBatch gives a batch of cells to the next step, column by column.
func (t *transform) emitBatch(ready []ready, out sdk.Emitter) error {
	columns := make([]arrow.Array, 0, len(t.results))
	if t.windowed() > 0 {
		starts, ends := t.windows.bounds(ready)
		columns = append(columns, starts, ends)
	}
	for i := range t.layout.groups {
		columns = append(columns, t.groups.column(i, len(ready), t.results[len(columns)]))
	}
	t.emitted = t.emitted[:0]
	for _, c := range ready {
		t.emitted = append(t.emitted, c.cell)
	}
	for _, a := range t.accumulators {
		column, err := t.resultsOf(a, ready, t.results[len(columns)])
		if err != nil {
			b := t.layout.aggregates[len(columns)-t.windowed()-len(t.layout.groups)]
			return fmt.Errorf("%s of %w %s", b.Call, err, sdk.TypeName(b.out))
		}
		columns = append(columns, column)
	}
	if t.globalWindow == nil {
		for _, a := range t.accumulators { // not above: quantiles may share a sketch
			for _, cell := range t.emitted {
				a.clear(cell)
			}
		}
	}
	out.Count(sdk.Counts{Created: int64(len(ready))})
	return out.Emit(&sdk.Batch{Rows: array.NewRecordBatch(t.out, columns, int64(len(ready)))})
}

// resultsOf is what the cells in hand have come to.
func (t *transform) resultsOf(a accumulator, ready []ready, b array.Builder) (arrow.Array, error) {
	if g, ok := a.(gatherer); ok {
		if column := g.results(b.Type(), t.emitted); column != nil {
			return column, nil
		}
	}
	for at, cell := range t.emitted {
		if err := a.result(b, cell); err != nil {
			return nil, fmt.Errorf("%s: %w", t.nameCell(ready[at]), err)
		}
	}
	return b.NewArray(), nil
}

// nameCell names a window and a group, for errors.
func (t *transform) nameCell(cell ready) string {
	var b strings.Builder
	b.WriteString("all rows")
	if t.globalWindow == nil {
		b.Reset()
		starts, ends := t.windows.bounds([]ready{cell})
		fmt.Fprintf(&b, "the window from %s to %s", timeText(starts), timeText(ends))
	}
	t.groups.gather([]ready{cell})
	for i := range t.layout.groups {
		f, value := t.out.Field(t.windowed()+i), "null"
		if a := t.groups.column(i, 1, array.NewBuilder(memory.DefaultAllocator, f.Type)); !a.IsNull(0) {
			value = quote(a.ValueStr(0))
		}
		fmt.Fprintf(&b, ", %s %s", f.Name, value)
	}
	return b.String()
}

func timeText(a arrow.Array) string {
	return a.(*array.Timestamp).Value(0).ToTime(arrow.Microsecond).Format(time.RFC3339Nano)
}

// forgetGroups drops groups without an open window, once they are many: each
// would else be remembered for good.
func (t *transform) forgetGroups() {
	if t.groups.len() < t.regroup {
		return
	}
	live := t.groups.empty()
	t.windows.regroup(live, t.groups)
	t.groups = live
	t.regroup = max(leastRegroup, 2*live.len())
}
