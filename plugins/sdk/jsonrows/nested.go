package jsonrows

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk/columns"
)

// appendNested writes a value of a type without a text form of its own: a list,
// a struct, an integer of a rare size, or something rarer, which becomes a string.
func appendNested(dst []byte, column arrow.Array, row int) []byte {
	switch a := column.(type) {
	case array.ListLike:
		item := columns.NewView(a.DataType().(arrow.ListLikeType).ElemField(), a.ListValues())
		from, to := a.ValueOffsets(row)
		dst = append(dst, '[')
		for i := from; i < to; i++ {
			if i > from {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, &item, int(i))
		}
		return append(dst, ']')
	case *array.Struct:
		dst = append(dst, '{')
		for i, f := range a.DataType().(*arrow.StructType).Fields() {
			if i > 0 {
				dst = append(dst, ',')
			}
			member := columns.NewView(f, a.Field(i))
			dst = append(AppendString(dst, []byte(f.Name)), ':')
			dst = appendValue(dst, &member, row)
		}
		return append(dst, '}')
	}
	if arrow.IsInteger(column.DataType().ID()) {
		return append(dst, column.ValueStr(row)...)
	}
	return AppendString(dst, []byte(column.ValueStr(row)))
}
