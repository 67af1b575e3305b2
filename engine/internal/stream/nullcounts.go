package stream

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// ensureNullCounts counts the nulls of every column. Arrow counts those of a slice (a
// filter makes such) at the first question and stores the number in the column: two
// branches that ask at once would be a data race.
func ensureNullCounts(rows arrow.RecordBatch) {
	for _, column := range rows.Columns() {
		ensureNullCount(column)
	}
}

func ensureNullCount(column arrow.Array) {
	column.NullN()
	switch c := column.(type) {
	case *array.Struct:
		for i := range c.NumField() {
			ensureNullCount(c.Field(i))
		}
	case array.ListLike:
		ensureNullCount(c.ListValues())
	}
}
