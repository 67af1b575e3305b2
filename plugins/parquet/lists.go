package parquet

import (
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// listed is how a column of a file holds lists.
type listed struct {
	item    *pq.Column // may be the repeated column itself, then not to be taken for a list again
	present int        // level of definition of a list that is not null; items are above it
}

// listsOf finds how a column holds lists. ok is false if it holds none.
//
// Today's lists are a group of one repeated group of one column. Older ones have two
// levels or none, and the format's rules for them are followed: a repeated column
// that is no group, that has several columns or one repeated column, or that is
// named "array" or after the list, is itself the item. A map is a list of its keys
// and values.
func listsOf(column *pq.Column, isItem bool) (l listed, ok bool) {
	if column.Repeated() && !isItem {
		return listed{column, column.MaxDefinitionLevel() - 1}, true
	}
	if column.Leaf() || len(column.Columns()) != 1 || !column.Columns()[0].Repeated() {
		return listed{}, false
	}
	inner, present := column.Columns()[0], column.MaxDefinitionLevel()
	switch logical(column.Type()).(type) {
	case *format.MapType:
		return listed{inner, present}, !inner.Leaf()
	case *format.ListType:
	default:
		return listed{}, false
	}
	if inner.Leaf() || len(inner.Columns()) != 1 || inner.Columns()[0].Repeated() ||
		inner.Name() == "array" || inner.Name() == column.Name()+"_tuple" {
		return listed{inner, present}, true
	}
	return listed{inner.Columns()[0], present}, true
}

// isNull reports whether a column has the type of values that are all null: what
// writers give a column in which they found nothing else.
func isNull(column *pq.Column) bool {
	if !column.Leaf() {
		return false
	}
	_, null := logical(column.Type()).(*format.NullType)
	return null
}

// leafElement is what the footer says of the leaf with an index. parquet-go leaves
// out types that it does not know.
func leafElement(meta *format.FileMetaData, index int) *format.SchemaElement {
	for i := range meta.Schema {
		e := &meta.Schema[i]
		if !e.Type.Valid {
			continue
		}
		if index == 0 {
			return e
		}
		index--
	}
	return &format.SchemaElement{}
}

// isFloat16 reports whether a leaf holds floats of 2 bytes.
func isFloat16(meta *format.FileMetaData, leaf *pq.Column) bool {
	_, ok := leafElement(meta, leaf.Index()).LogicalType.Value.(*format.Float16Type)
	return ok && leaf.Type().Kind() == pq.FixedLenByteArray && leaf.Type().Length() == 2
}
