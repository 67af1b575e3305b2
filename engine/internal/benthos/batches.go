package benthos

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// Benthos gives its processors batches, and most inputs make each message one of
// its own. Here a batch is
//   - batch: N rows of one partition, if the step says so; fewer in front of a
//     signal, since what follows one must not wait for rows behind it;
//   - else the messages that were one batch for the components before;
//   - else one row.
//
// Where processors treat each message by itself, and so cannot see the
// difference, many rows go through them at once: that is faster.

// groups splits the rows of a batch: each group ends before the next one's index.
func (r *transform) groups(m *messages) []int {
	n := int(m.rows.NumRows())
	size := r.config.Batch
	if size == 0 && !r.traits.alone {
		size = n
	}
	return groupsOf(m, size)
}

// groupsOf makes groups of a size, or of what was a batch before if that is 0.
func groupsOf(m *messages, size int) []int {
	n := int(m.rows.NumRows())
	var ends []int
	if size > 0 {
		for end := size; end < n; end += size {
			ends = append(ends, end)
		}
		return append(ends, n)
	}
	var before int64
	for row := range n {
		var batch int64
		if l := m.left(row); l != nil {
			batch = l.Batch
		}
		if row > 0 && (batch == 0 || batch != before) {
			ends = append(ends, row)
		}
		before = batch
	}
	return append(ends, n)
}

// collect processes whole batches of the wanted size, and keeps the rows that
// are left for those that follow in their partition.
func (r *transform) collect(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	if r.waiting != nil && r.waiting.Partition != b.Partition {
		if err := r.flush(ctx, out); err != nil {
			return err
		}
	}
	if r.waiting != nil {
		joined, err := joined(r.waiting.Rows, b.Rows)
		if err != nil {
			return fmt.Errorf("joining the rows of a batch: %w", err)
		}
		b = &sdk.Batch{Rows: joined, Partition: b.Partition, Time: b.Time}
		r.waiting = nil
	}
	n := b.NumRows()
	full := n - n%int64(r.config.Batch)
	if full < n {
		r.waiting = &sdk.Batch{Rows: b.Rows.NewSlice(full, n), Partition: b.Partition, Time: b.Time}
	}
	if full == 0 {
		return nil
	}
	return r.process(ctx, &sdk.Batch{Rows: b.Rows.NewSlice(0, full), Partition: b.Partition, Time: b.Time}, out)
}

// flush processes the rows that wait for others.
func (r *transform) flush(ctx context.Context, out sdk.Emitter) error {
	b := r.waiting
	if b == nil {
		return nil
	}
	r.waiting = nil
	return r.process(ctx, b, out)
}

// Signal ends a batch: a barrier, because what came before it belongs to its
// epoch, and all others because they must not overtake rows.
func (r *transform) Signal(ctx context.Context, _ sdk.Signal, out sdk.Emitter) (bool, error) {
	return false, r.flush(ctx, out)
}

// Snapshot has nothing to write: Signal has handed on what waited.
func (r *transform) Snapshot(context.Context, uint64, sdk.StateWriter) error { return nil }

// joined is the rows of two batches of the same columns.
func joined(a, b arrow.RecordBatch) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, a.NumCols())
	for i := range columns {
		var err error
		parts := []arrow.Array{a.Column(i), b.Column(i)}
		if columns[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			return nil, err
		}
	}
	return array.NewRecordBatch(a.Schema(), columns, a.NumRows()+b.NumRows()), nil
}
