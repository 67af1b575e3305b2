package parquet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

// match finds a declared column in a file and how it is read into b.
func match(file *pq.File, f arrow.Field, b array.Builder) (*cursor, error) {
	column := file.Root().Column(f.Name)
	if column == nil {
		return nil, fmt.Errorf("no column %q in the file%s", f.Name, otherNames(file.Root(), f.Name))
	}
	c := &cursor{name: f.Name, builder: b}
	leaf := column
	if list, ok := b.(*array.ListBuilder); ok {
		c.items = list.ValueBuilder()
		if leaf = itemOf(column); leaf == nil {
			return nil, otherType(f, column)
		}
		c.list = list
		b = c.items
	}
	if !leaf.Leaf() || leaf.Repeated() {
		return nil, otherType(f, column)
	}
	if err := misread(file.Metadata(), leaf); err != nil {
		return nil, fmt.Errorf("column %q: %w", f.Name, err)
	}
	c.index, c.nullable = leaf.Index(), column.Optional()
	var err error
	if c.put, err = putInto(b, leaf.Type(), &c.cut); errors.Is(err, errOtherType) {
		return nil, otherType(f, column)
	}
	return c, err
}

// itemOf is the leaf that holds the items of a list, or nil: a list is a group
// of one repeated group of one leaf.
func itemOf(column *pq.Column) *pq.Column {
	if _, ok := logical(column.Type()).(*format.ListType); !ok || column.Leaf() {
		return nil
	}
	inner := column.Columns()
	if len(inner) != 1 || inner[0].Leaf() || !inner[0].Repeated() || len(inner[0].Columns()) != 1 {
		return nil
	}
	return inner[0].Columns()[0]
}

func otherNames(root *pq.Column, name string) string {
	var names []string
	for _, c := range root.Columns() {
		names = append(names, c.Name())
	}
	if near := sdk.Nearest(name, names); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

func otherType(f arrow.Field, column *pq.Column) error {
	want := sdk.TypeName(f.Type)
	if mark, ok := f.Metadata.GetValue("engine.type"); ok {
		want = mark
	}
	return fmt.Errorf("column %q: want %s, the file has %s", f.Name, want, fileType(column))
}

// fileType is the type of a file's column: by its name in YAML if it has one.
func fileType(column *pq.Column) string {
	if item := itemOf(column); item != nil {
		return "list(" + fileType(item) + ")"
	}
	if !column.Leaf() {
		return "a group of columns"
	}
	if column.Repeated() {
		return "repeated values"
	}
	t := column.Type()
	switch l := logical(t).(type) {
	case *format.StringType:
		return "string"
	case *format.JsonType:
		return "json"
	case *format.DateType:
		return "date"
	case *format.TimestampType:
		return "timestamp"
	case *format.TimeType:
		return "time"
	case *format.DecimalType:
		return fmt.Sprintf("decimal(%d,%d)", l.Precision, l.Scale)
	case *format.IntType:
		if l.IsSigned {
			return fmt.Sprintf("int%d", l.BitWidth)
		}
		return fmt.Sprintf("uint%d", l.BitWidth)
	case nil:
		names := map[pq.Kind]string{pq.Boolean: "bool", pq.Int32: "int32", pq.Int64: "int64", pq.Float: "float32",
			pq.Double: "float64", pq.ByteArray: "bytes", pq.FixedLenByteArray: "bytes", pq.Int96: "timestamp"}
		return names[t.Kind()]
	}
	return t.String()
}
