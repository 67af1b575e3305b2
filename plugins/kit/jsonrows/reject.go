package jsonrows

import (
	"encoding/json"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// Reject makes a dead letter of a row of a batch: the row as JSON, and its position
// in its partition if the batch has that column, which is not part of the row.
func Reject(b *sdk.Batch, row int, reason string) sdk.Reject {
	position, rows := int64(-1), b.Rows
	if at := rows.Schema().FieldIndices(sdk.PositionColumn); len(at) > 0 {
		if c, ok := rows.Column(at[0]).(*array.Int64); ok && !c.IsNull(row) {
			position = c.Value(row)
		}
		rows = without(rows, at[0])
	}
	return sdk.Reject{Reason: reason, Partition: b.Partition, Position: position,
		Row: AppendRejected(nil, rows, row)}
}

// AppendRejected adds a row to dst as Encoder does, whatever its values are: the text of
// a json column that is no JSON becomes a string.
func AppendRejected(dst []byte, rows arrow.RecordBatch, row int) []byte {
	e := NewEncoder(rows)
	for i := range e.fields {
		unsure(&e.fields[i].view, row, row+1)
	}
	return e.Append(dst, row)
}

// unsure makes texts of json columns one of whose values from a row to another is none.
func unsure(v *columns.View, from, to int) {
	switch v.Kind {
	case columns.JSON:
		for row := from; row < to; row++ {
			if !v.IsNull(row) && (!json.Valid(v.Bytes(row)) || !utf8.Valid(v.Bytes(row))) {
				v.Kind = columns.String
				return
			}
		}
	case columns.Struct:
		for i := range v.Inside() {
			unsure(&v.Inside()[i], from, to)
		}
	case columns.List:
		if from < to {
			first, _ := v.Items(from)
			_, end := v.Items(to - 1)
			unsure(&v.Inside()[0], first, end)
		}
	}
}

func without(rows arrow.RecordBatch, column int) arrow.RecordBatch {
	fields := slices.Delete(slices.Clone(rows.Schema().Fields()), column, column+1)
	columns := slices.Delete(slices.Clone(rows.Columns()), column, column+1)
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rows.NumRows())
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
	if err := out.Emit(&sdk.Batch{Rows: rows, Partition: b.Partition, Cursor: b.Cursor,
		Time: b.Time}); err != nil {
		return err
	}
	return out.Reject(rejects...)
}
