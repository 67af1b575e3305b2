package aggregation

import (
	"fmt"
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

// advance moves the pipeline's watermark to closed, hands out the windows it
// passes, by start and then by group, and tells the steps behind.
func (t *transform) advance(closed int64, out sdk.Emitter) error {
	if closed <= t.clock.closed {
		return nil
	}
	before := t.clock.closed
	t.clock.closed = closed
	for _, w := range t.cells.due(closed) {
		if err := t.emit(w, out); err != nil {
			return err
		}
	}
	if err := t.results.hand(out); err != nil {
		return err
	}
	t.forgetGroups()
	// Windows to come begin here at the earliest: what window_start may still be.
	promise := t.spans.open(closed)
	if before == unset || promise > t.spans.open(before) {
		return out.Watermark(time.UnixMicro(promise).UTC())
	}
	return nil
}

// emit adds the rows of a window to the results, which are handed on whenever
// they fill a batch, and frees its cells.
func (t *transform) emit(w *window, out sdk.Emitter) error {
	t.cells.sort(w, t.groups)
	r := t.results
	groups, calls := r.columns[2:2+len(t.layout.groups)], r.columns[2+len(t.layout.groups):]
	for _, cell := range w.cells {
		group := t.cells.group[cell]
		size := len(t.groups.key(group)) + 16 + 8*len(calls)
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
		r.columns[0].(*array.TimestampBuilder).Append(arrow.Timestamp(w.start))
		r.columns[1].(*array.TimestampBuilder).Append(arrow.Timestamp(w.start + t.spans.size))
		t.groups.appendValues(group, groups)
		for i, call := range t.calls {
			if err := call.result(calls[i], cell); err != nil {
				b := t.layout.calls[i]
				return fmt.Errorf("%s of %s: %w %s", b.Call, t.where(w, group), err, sdk.TypeName(b.out))
			}
			call.clear(cell)
		}
		r.rows++
		r.bytes += size
		t.cells.release(cell, t.groups)
	}
	return nil
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

// where names a window and a group, for errors.
func (t *transform) where(w *window, group uint32) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the window from %s to %s", time.UnixMicro(w.start).UTC().Format(time.RFC3339Nano),
		time.UnixMicro(w.start+t.spans.size).UTC().Format(time.RFC3339Nano))
	var builders []array.Builder
	fields := t.out.Fields()[2 : 2+len(t.layout.groups)]
	for _, f := range fields {
		builders = append(builders, array.NewBuilder(memory.DefaultAllocator, f.Type))
	}
	t.groups.appendValues(group, builders)
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
	live, old := t.groups.empty(), t.groups
	t.cells.regroup(func(group uint32) uint32 {
		number, err := live.restore(old.key(group))
		if err != nil {
			panic("aggregation: " + err.Error()) // the key was made by remember
		}
		return number
	})
	t.groups = live
	t.regroup = max(leastRegroup, 2*live.len())
}
