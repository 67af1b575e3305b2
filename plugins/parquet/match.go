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

// matchColumn finds a declared column in a file, where from says if it does,
// and how it is read into b.
func matchColumn(file *pq.File, f arrow.Field, from string, b array.Builder) (columnReader, error) {
	column, name, err := locate(file.Root(), f.Name, from)
	if err != nil {
		return nil, err
	}
	f.Name = name
	if pathsOf(f)[0] != nil {
		return matchNested(file, column, f, b)
	}
	return match(file, column, f, b)
}

// locate finds a column by its name, or by from: a name, or names joined by
// dots that lead through groups.
func locate(root *pq.Column, name, from string) (*pq.Column, string, error) {
	if from != "" {
		name = from
	}
	if column := root.Column(name); column != nil {
		return column, name, nil
	}
	at := root
	for part := range strings.SplitSeq(name, ".") {
		below := at.Column(part)
		if below == nil || from == "" {
			return nil, "", fmt.Errorf("no column %q in the file%s", name, otherNames(at, part))
		}
		if at = below; at.Repeated() {
			return nil, "", fmt.Errorf("column %q: want groups on the way to it, %q is repeated", name, part)
		}
	}
	return at, name, nil
}

// match is how a column of plain values, or of lists of such, is read into b.
func match(file *pq.File, column *pq.Column, f arrow.Field, b array.Builder) (*cursor, error) {
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
	if err := unsupported(file.Metadata(), leaf.Index()); err != nil {
		return nil, fmt.Errorf("column %q: %w", f.Name, err)
	}
	c.leaf, c.above = newLeaf(leaf), column.MaxDefinitionLevel()
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
	return fmt.Errorf("column %q: want %s, the file has %s", f.Name, sdk.FieldType(f), fileType(column))
}

// fileType is the type of a file's column: by its name in YAML if it has one.
func fileType(column *pq.Column) string {
	if item := itemOf(column); item != nil {
		return "list(" + fileType(item) + ")"
	}
	if !column.Leaf() && column.Type().LogicalType() == nil {
		fields := make([]string, len(column.Columns()))
		for i, c := range column.Columns() {
			fields[i] = c.Name() + ": " + fileType(c)
		}
		return "struct(" + strings.Join(fields, ", ") + ")"
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
