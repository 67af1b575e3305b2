package jsonrows

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
)

func appendList(dst []byte, v *columns.View, row int) []byte {
	items := &v.Inside()[0]
	from, to := v.Items(row)
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, items, i)
	}
	return append(dst, ']')
}

func appendStruct(dst []byte, v *columns.View, row int) []byte {
	dst = append(dst, '{')
	for i := range v.Inside() {
		if i > 0 {
			dst = append(dst, ',')
		}
		field := &v.Inside()[i]
		dst = append(AppendString(dst, []byte(field.Name)), ':')
		dst = appendValue(dst, field, row)
	}
	return append(dst, '}')
}

// appendOther writes a value of a type that schemas do not have: a list of
// another kind, an integer of a rare size, or something rarer, which becomes a
// string.
func appendOther(dst []byte, column arrow.Array, row int) []byte {
	if a, ok := column.(array.ListLike); ok {
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
	}
	if arrow.IsInteger(column.DataType().ID()) {
		return append(dst, column.ValueStr(row)...)
	}
	return AppendString(dst, []byte(column.ValueStr(row)))
}
