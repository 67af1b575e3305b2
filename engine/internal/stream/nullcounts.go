package stream

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// settle counts the nulls of every column. Arrow does so at the first question,
// if the column is a slice of another (a filter gives such), and writes the
// number down in the column: two branches that ask at once would be a data race.
func settle(rows arrow.RecordBatch) {
	for _, column := range rows.Columns() {
		settleColumn(column)
	}
}

func settleColumn(column arrow.Array) {
	column.NullN()
	switch c := column.(type) {
	case *array.Struct:
		for i := range c.NumField() {
			settleColumn(c.Field(i))
		}
	case array.ListLike:
		settleColumn(c.ListValues())
	}
}
