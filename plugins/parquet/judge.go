package parquet

import (
	"sort"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/jsonrows"
)

// judge parts the rows that are as their schema wants them from the others:
// those with a null in a required column, or with text that is not UTF-8.
// before is the number of rows of the file before these, reasons are those by row that
// were found while values were read.
func judge(rows arrow.RecordBatch, before int64, reasons map[int]string) (arrow.RecordBatch, []sdk.Reject) {
	for i, f := range rows.Schema().Fields() {
		j := judgement{f.Name, func(element int) int { return element }, reasons}
		j.column(f, rows.Column(i), nil)
	}
	if len(reasons) == 0 {
		return rows, nil
	}
	return part(rows, before, reasons)
}

// judgement looks at a column, or at one inside it.
type judgement struct {
	path    string
	row     func(element int) int // the row that an element belongs to
	reasons map[int]string        // by row
}

// column judges elements; above is the struct that they are in.
func (j judgement) column(f arrow.Field, a arrow.Array, above arrow.Array) {
	if !f.Nullable && a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) && (above == nil || above.IsValid(i)) && j.reasons[j.row(i)] == "" {
				j.reasons[j.row(i)] = j.path + ": want a value, got null"
			}
		}
	}
	switch a := a.(type) {
	case *array.String:
		if allUTF8(a) {
			return
		}
		for i := range a.Len() {
			if !utf8.ValidString(a.Value(i)) {
				j.reasons[j.row(i)] = j.path + ": want UTF-8, got other bytes"
			}
		}
	case *array.Struct:
		for i, field := range f.Type.(*arrow.StructType).Fields() {
			below := judgement{j.path + "." + field.Name, j.row, j.reasons}
			below.column(field, a.Field(i), a)
		}
	case *array.List:
		below := judgement{j.path, func(item int) int { return j.row(holder(a, item)) }, j.reasons}
		below.column(f.Type.(*arrow.ListType).ElemField(), a.ListValues(), nil)
	}
}

// holder is the list that an item is in.
func holder(list *array.List, item int) int {
	return sort.Search(list.Len(), func(i int) bool {
		_, end := list.ValueOffsets(i)
		return end > int64(item)
	})
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
