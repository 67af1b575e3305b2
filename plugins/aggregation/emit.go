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

// results collects rows of the step's output into batches.
type results struct {
	schema  *arrow.Schema
	columns []array.Builder
	rows    int64
	bytes   int
}

func newResults(l *layout) *results {
	r := &results{schema: l.out}
	for _, f := range l.out.Fields() {
		r.columns = append(r.columns, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	return r
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
func (t *transform) emit(cells []uint32, out sdk.Emitter) error {
	r, first := t.results, t.windowed()
	groups, calls := r.columns[first:first+len(t.layout.groups)], r.columns[first+len(t.layout.groups):]
	for _, cell := range cells {
		group := t.cells.group[cell]
		size := t.groups.size(group) + 16 + 8*len(calls)
		for _, call := range t.calls {
			if c, ok := call.(wide); ok {
				size += c.size(cell)
			}
		}
		if r.rows == sdk.DefaultBatchRows || r.rows > 0 && r.bytes+size > sdk.MaxBatchBytes {
			if err := r.hand(out); err != nil {
				return err
			}
		}
		if first > 0 {
			start, end := t.frames.bounds(cell)
			r.columns[0].(*array.TimestampBuilder).Append(arrow.Timestamp(start))
			r.columns[1].(*array.TimestampBuilder).Append(arrow.Timestamp(end))
		}
		t.groups.appendValues(group, groups)
		for i, call := range t.calls {
			if err := call.result(calls[i], cell); err != nil {
				b := t.layout.calls[i]
				return fmt.Errorf("%s of %s: %w %s", b.Call, t.nameCell(cell), err, sdk.TypeName(b.out))
			}
		}
		r.rows++
		r.bytes += size
		if t.forever == nil {
			for _, call := range t.calls {
				call.clear(cell)
			}
		}
	}
	return r.hand(out)
}

// hand gives the rows collected so far to the next step.
func (r *results) hand(out sdk.Emitter) error {
	if r.rows == 0 {
		return nil
	}
	columns := make([]arrow.Array, len(r.columns))
	for i, b := range r.columns {
		columns[i] = b.NewArray()
	}
	rows := array.NewRecordBatch(r.schema, columns, r.rows)
	out.Count(sdk.Counts{Created: r.rows})
	r.rows, r.bytes = 0, 0
	return out.Emit(&sdk.Batch{Rows: rows})
}

// nameCell names a window and a group, for errors.
func (t *transform) nameCell(cell uint32) string {
	var b strings.Builder
	b.WriteString("all rows")
	if t.forever == nil {
		b.Reset()
		start, end := t.frames.bounds(cell)
		fmt.Fprintf(&b, "the window from %s to %s", time.UnixMicro(start).UTC().Format(time.RFC3339Nano),
			time.UnixMicro(end).UTC().Format(time.RFC3339Nano))
	}
	var builders []array.Builder
	first := t.windowed()
	fields := t.out.Fields()[first : first+len(t.layout.groups)]
	for _, f := range fields {
		builders = append(builders, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	t.groups.appendValues(t.cells.group[cell], builders)
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
