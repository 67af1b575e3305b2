package parquet

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// splitMisfits separates the rows whose values fit their types from the others. before
// is the number of rows of the file before these, reasons are those by row that were found
// while values were read.
func splitMisfits(rows arrow.RecordBatch, before int64, reasons map[int]string) (arrow.RecordBatch, []sdk.Reject) {
	columns.Misfits(rows, reasons)
	if len(reasons) == 0 {
		return rows, nil
	}
	return part(rows, before, reasons)
}

// part removes the rows that have a reason from the others.
func part(rows arrow.RecordBatch, before int64, reasons map[int]string) (arrow.RecordBatch, []sdk.Reject) {
	var rejected []sdk.Reject
	kept := make([][]arrow.Array, rows.NumCols())
	keep := func(from, to int64) {
		for i, column := range rows.Columns() {
			kept[i] = append(kept[i], array.NewSlice(column, from, to))
		}
	}
	from := int64(0)
	for row := range rows.NumRows() {
		reason, bad := reasons[int(row)]
		if !bad {
			continue
		}
		keep(from, row)
		from = row + 1
		rejected = append(rejected, sdk.Reject{Reason: reason, Position: before + row + 1,
			Row: jsonrows.AppendRejected(nil, rows, int(row))})
	}
	keep(from, rows.NumRows())
	joined := make([]arrow.Array, len(kept))
	for i, pieces := range kept {
		whole, err := array.Concatenate(pieces, memory.DefaultAllocator)
		if err != nil {
			panic(err) // they were one array before
		}
		joined[i] = whole
	}
	return array.NewRecordBatch(rows.Schema(), joined, rows.NumRows()-int64(len(rejected))), rejected
}
