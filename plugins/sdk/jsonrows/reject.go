package jsonrows

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/columns"
)

// Reject makes a dead letter of a row of a batch: the row as JSON, and its place
// in its partition if the plan carries it.
func Reject(b *sdk.Batch, row int, reason string) sdk.Reject {
	position := int64(-1)
	if at := b.Rows.Schema().FieldIndices("_position"); len(at) > 0 {
		if c, ok := b.Rows.Column(at[0]).(*array.Int64); ok && !c.IsNull(row) {
			position = c.Value(row)
		}
	}
	return sdk.Reject{Reason: reason, Partition: b.Partition, Position: position,
		Row: NewEncoder(b.Rows).Append(nil, row)}
}

// EmitWithout hands on what a step made of a batch, row for row, without the
// rows it could not take: those are rejected as they came, in order, for their
// reasons.
func EmitWithout(b *sdk.Batch, rows arrow.RecordBatch, reasons map[int]string, out sdk.Emitter) error {
	var rejects []sdk.Reject
	if len(reasons) > 0 {
		keep := make([]bool, b.NumRows())
		for i := range keep {
			_, bad := reasons[i]
			keep[i] = !bad
		}
		for _, row := range slices.Sorted(maps.Keys(reasons)) {
			rejects = append(rejects, Reject(b, row, reasons[row]))
		}
		var err error
		if rows, err = columns.Pick(rows, keep); err != nil {
			return err
		}
	}
	if err := out.Emit(&sdk.Batch{Rows: rows, Partition: b.Partition, Cursor: b.Cursor}); err != nil {
		return err
	}
	return out.Reject(rejects...)
}
