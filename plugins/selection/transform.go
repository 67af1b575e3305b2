package selection

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

type transform struct {
	sdk.PlainTransform
	planned
}

var _ sdk.Transform = (*transform)(nil)

// Apply puts the columns together anew. A row with a value that does not fit its
// new type is rejected as it came, for the first reason.
func (t *transform) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	reasons := map[int]string{} // by row
	all := make([]arrow.Array, len(t.columns))
	for i, o := range t.columns {
		all[i] = b.Rows.Column(o.from)
		if o.cast == nil {
			continue
		}
		all[i] = o.cast.column(all[i], func(row int, reason string) {
			if _, known := reasons[row]; !known {
				reasons[row] = o.name + ": " + reason
			}
		})
	}
	return jsonrows.EmitWithout(b, array.NewRecordBatch(t.schema, all, b.NumRows()), reasons, out)
}
