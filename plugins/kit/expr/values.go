package expr

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// rowValues gives CEL the columns of one row.
type rowValues struct {
	names   []string
	columns []rowColumn
	row     int
}

type rowColumn struct {
	column arrow.Array
	around []arrow.Array // structs it is in
}

var _ cel.Activation = (*rowValues)(nil)

// Parent is none: a row has all there is.
func (r *rowValues) Parent() cel.Activation { return nil }

// ResolveName is a column's value.
func (r *rowValues) ResolveName(name string) (any, bool) {
	at := slices.Index(r.names, name)
	if at < 0 {
		return nil, false
	}
	c := r.columns[at]
	for _, a := range c.around {
		if a.IsNull(r.row) {
			return unknown, true
		}
	}
	return valueOf(c.column, r.row), true
}

// valueOf is a value as CEL has it; a null is unknown. It shares memory with
// the column.
func valueOf(column arrow.Array, row int) ref.Val {
	if column.IsNull(row) {
		return unknown
	}
	switch a := column.(type) {
	case *array.String:
		return types.String(a.Value(row))
	case *array.Int64:
		return types.Int(a.Value(row))
	case *array.Int32:
		return types.Int(a.Value(row))
	case *array.Uint64:
		return types.Uint(a.Value(row))
	case *array.Float64:
		return types.Double(a.Value(row))
	case *array.Float32:
		return types.Double(a.Value(row))
	case *array.Boolean:
		return types.Bool(a.Value(row))
	case *array.Binary:
		return types.Bytes(a.Value(row))
	case *array.Timestamp:
		return types.Timestamp{Time: time.UnixMicro(int64(a.Value(row))).UTC()}
	case *array.Date32:
		return types.Timestamp{Time: time.UnixMicro(int64(a.Value(row)) * microsPerDay).UTC()}
	case *array.Time64:
		return types.Duration{Duration: time.Duration(a.Value(row)) * time.Microsecond}
	case *array.List:
		start, end := a.ValueOffsets(row)
		items := make([]ref.Val, 0, end-start)
		for i := start; i < end; i++ {
			items = append(items, valueOf(a.ListValues(), int(i)))
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	return types.String(column.ValueStr(row)) // of a type that is only tested for null
}

func appendItems(out array.Builder, list ref.Val) error {
	for it := list.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		if err := appendValue(out, it.Next()); err != nil {
			return err
		}
	}
	return nil
}
