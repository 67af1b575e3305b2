package stream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// The position of a row goes from the source through all transforms as a column
// (sdk.PositionColumn): whichever step fails for the row names its file and line,
// or its partition and offset. Sinks do not get the column.

// withoutPositions is a batch with the columns that a sink was planned with.
func withoutPositions(b *sdk.Batch, planned *arrow.Schema) *sdk.Batch {
	if int(b.Rows.NumCols()) != planned.NumFields()+1 {
		return b
	}
	columns := make([]arrow.Array, 0, planned.NumFields())
	for i, f := range b.Rows.Schema().Fields() {
		if f.Name != sdk.PositionColumn {
			columns = append(columns, b.Rows.Column(i))
		}
	}
	stripped := *b
	stripped.Rows = array.NewRecordBatch(planned, columns, b.NumRows())
	return &stripped
}

// located adds to a sink's error for one row where that row comes from.
func located(b *sdk.Batch, err error) error {
	fault, ok := errors.AsType[*sdk.RowError](err)
	if !ok || fault.Row < 0 || int64(fault.Row) >= b.NumRows() {
		return err
	}
	r := jsonrows.Reject(b, fault.Row, "")
	return fmt.Errorf("%s: %w: %q", rowOrigin(r), err, rowStart(r))
}

// rowOrigin is where a row comes from: its file and line, its topic, partition and offset.
func rowOrigin(r sdk.Reject) string {
	where, partition := "a row", r.Partition
	if strings.ContainsAny(partition, "\r\n") { // the name of a file
		partition = strconv.Quote(partition)
	}
	if partition != "" {
		where = "row " + partition
		if r.Position >= 0 {
			where = fmt.Sprintf("row %s:%d", partition, r.Position)
		}
	}
	if r.Key != nil {
		where += fmt.Sprintf(" (key %q)", keyText(r.Key))
	}
	return where
}

// rowStart is the row, or its beginning if it is long.
func rowStart(r sdk.Reject) []byte {
	text := r.Raw
	if text == nil {
		text = r.Row
	}
	const most = 200
	if len(text) > most {
		text = append(append([]byte{}, text[:most]...), "…"...)
	}
	return text
}
