package sdktest

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Text is every row as text: "column=value" joined by spaces, in the order of
// columns, a null as "column=∅". Strings are quoted.
func Text(rows arrow.RecordBatch) []string {
	all := make([]string, rows.NumRows())
	for row := range all {
		var line strings.Builder
		for i, column := range rows.Columns() {
			if i > 0 {
				line.WriteByte(' ')
			}
			line.WriteString(rows.ColumnName(i))
			line.WriteByte('=')
			switch {
			case column.IsNull(row):
				line.WriteString("∅")
			case column.DataType().ID() == arrow.STRING:
				fmt.Fprintf(&line, "%q", column.ValueStr(row))
			default:
				line.WriteString(column.ValueStr(row))
			}
		}
		all[row] = line.String()
	}
	return all
}

// sum is a checksum over all memory that a batch refers to.
func sum(rows arrow.RecordBatch) uint64 {
	h := fnv.New64a()
	for _, column := range rows.Columns() {
		eachBuffer(column.Data(), func(_ int, b *memory.Buffer) { h.Write(b.Bytes()) })
		fmt.Fprint(h, column.Len(), column.Data().Offset(), column.NullN())
	}
	return h.Sum64()
}

// eachBuffer visits the buffers of a column and its children.
func eachBuffer(data arrow.ArrayData, visit func(at int, b *memory.Buffer)) {
	for at, b := range data.Buffers() {
		if b != nil {
			visit(at, b)
		}
	}
	for _, child := range data.Children() {
		eachBuffer(child, visit)
	}
}

// valueBytes is the size of a batch's values, whatever else its buffers hold.
func valueBytes(rows arrow.RecordBatch) (size int64) {
	for _, column := range rows.Columns() {
		switch c := column.(type) {
		case interface{ ValueBytes() []byte }:
			size += int64(len(c.ValueBytes()) + 4*column.Len())
		default:
			if fixed, ok := column.DataType().(arrow.FixedWidthDataType); ok {
				size += int64(fixed.BitWidth()) * int64(column.Len()) / 8
			}
		}
	}
	return size
}

// sameText compares what came out with what an undisturbed run gave.
func (s *suite) sameText(t testing.TB, what string, got, want []string) {
	t.Helper()
	if s.Unordered {
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	}
	if slices.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	line := func(lines []string) string {
		if at < len(lines) {
			return lines[at]
		}
		return "nothing more"
	}
	t.Errorf("%s: got %d rows, want %d; they differ at row %d:\ngot  %s\nwant %s",
		what, len(got), len(want), at, line(got), line(want))
}
