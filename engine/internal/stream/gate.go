package stream

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// gate parts the rows of a step's batch whose computed values do not fit their types
// (columns.OutOfRange) from the others. Every batch of every step passes it, so that no
// plugin, whoever wrote it, hands on a time that the steps behind cannot write, or that
// an input would refuse. The columns of known passed it before.
func gate(b *sdk.Batch, known arrow.RecordBatch) (arrow.RecordBatch, []sdk.Reject, error) {
	reasons := columns.OutOfRange(b.Rows, known)
	if len(reasons) == 0 {
		return b.Rows, nil, nil
	}
	keep := make([]bool, b.NumRows())
	for row := range keep {
		_, bad := reasons[row]
		keep[row] = !bad
	}
	var rejected []sdk.Reject
	for _, row := range slices.Sorted(maps.Keys(reasons)) {
		rejected = append(rejected, jsonrows.Reject(b, row, reasons[row]))
	}
	rows, err := columns.Pick(b.Rows, keep)
	return rows, rejected, err
}
