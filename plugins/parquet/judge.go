package parquet

import (
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/jsonrows"
)

// judge parts the rows that are as their schema wants them from the others:
// those with a null in a required column, or with text that is not UTF-8.
// before is the number of rows of the file before these.
func judge(rows arrow.RecordBatch, before int64) (arrow.RecordBatch, []sdk.Reject) {
	reasons := make(map[int]string)
	for i, f := range rows.Schema().Fields() {
		column := rows.Column(i)
		if !f.Nullable && column.NullN() > 0 {
			for row := range column.Len() {
				if column.IsNull(row) {
					reasons[row] = f.Name + ": want a value, got null"
				}
			}
		}
		if list, ok := column.(*array.List); ok {
			judgeItems(f.Name, list, reasons)
		} else if s, ok := column.(*array.String); ok && !allUTF8(s) {
			for row := range s.Len() {
				if !utf8.ValidString(s.Value(row)) {
					reasons[row] = f.Name + ": want UTF-8, got other bytes"
				}
			}
		}
	}
	if len(reasons) == 0 {
		return rows, nil
	}
	return part(rows, before, reasons)
}

func judgeItems(name string, list *array.List, reasons map[int]string) {
	s, ok := list.ListValues().(*array.String)
	if !ok || allUTF8(s) {
		return
	}
	for row := range list.Len() {
		from, to := list.ValueOffsets(row)
		for i := from; i < to; i++ {
			if !utf8.ValidString(s.Value(int(i))) {
				reasons[row] = name + ": want UTF-8, got other bytes"
			}
		}
	}
}

// allUTF8 looks at all values at once: each is valid if all of them are in one
// piece and none begins in the middle of a character.
func allUTF8(s *array.String) bool {
	data := s.ValueBytes()
	if !utf8.Valid(data) {
		return false
	}
	for row := range s.Len() {
		if at := s.ValueOffset(row); at < len(data) && !utf8.RuneStart(data[at]) {
			return false
		}
	}
	return true
}

// part takes the rows that have a reason out of the others.
func part(rows arrow.RecordBatch, before int64, reasons map[int]string) (arrow.RecordBatch, []sdk.Reject) {
	var rejected []sdk.Reject
	kept := make([][]arrow.Array, rows.NumCols())
	keep := func(from, to int64) {
		for i, column := range rows.Columns() {
			kept[i] = append(kept[i], array.NewSlice(column, from, to))
		}
	}
	text, from := jsonrows.NewEncoder(rows), int64(0)
	for row := range rows.NumRows() {
		reason, bad := reasons[int(row)]
		if !bad {
			continue
		}
		keep(from, row)
		from = row + 1
		rejected = append(rejected, sdk.Reject{Reason: reason, Position: before + row + 1,
			Row: text.Append(nil, int(row))})
	}
	keep(from, rows.NumRows())
	columns := make([]arrow.Array, len(kept))
	for i, pieces := range kept {
		whole, err := array.Concatenate(pieces, memory.DefaultAllocator)
		if err != nil {
			panic(err) // they were one array before
		}
		columns[i] = whole
	}
	return array.NewRecordBatch(rows.Schema(), columns, rows.NumRows()-int64(len(rejected))), rejected
}
