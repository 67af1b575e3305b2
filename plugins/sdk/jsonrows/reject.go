package jsonrows

import (
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
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
