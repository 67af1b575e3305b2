package parquet

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

func otherType(file *pq.File, f arrow.Field, column *pq.Column) error {
	return fmt.Errorf("column %q: want %s, the file has %s%s", f.Name, sdk.FieldType(f),
		fileType(file, column, false), typeHint(f, column))
}

// typeHint says how columns are declared whose types have no name in YAML.
func typeHint(f arrow.Field, column *pq.Column) string {
	switch logical(column.Type()).(type) {
	case *format.MapType:
		return "; a map is read as {type: list(struct), fields: {key: …, value: …}}"
	case *format.VariantType, *format.BsonType, *format.GeometryType, *format.GeographyType:
		return ", which is not supported; write it as a string of JSON"
	}
	if column.Leaf() && column.Type().String() == "INTERVAL" {
		return ", which is not supported; write it as a number or a string"
	}
	if sdk.FieldType(f) == "json" && !column.Leaf() {
		return "; declare the column as it is, with its fields: groups of columns are not read as json"
	}
	return ""
}

// fileType is the type of a file's column: by its name in YAML if it has one.
func fileType(file *pq.File, column *pq.Column, isItem bool) string {
	if lists, ok := listsOf(column, isItem); ok {
		if _, isMap := logical(column.Type()).(*format.MapType); isMap && len(lists.item.Columns()) == 2 {
			entry := lists.item.Columns()
			return "map(" + fileType(file, entry[0], false) + ", " + fileType(file, entry[1], false) + ")"
		}
		return "list(" + fileType(file, lists.item, true) + ")"
	}
	if column.Leaf() {
		return leafType(file, column)
	}
	switch logical(column.Type()).(type) {
	case *format.VariantType:
		return "VARIANT"
	case *format.MapType:
		return "a map of another form"
	case *format.ListType:
		return "a list of another form"
	}
	fields := make([]string, len(column.Columns()))
	for i, c := range column.Columns() {
		fields[i] = c.Name() + ": " + fileType(file, c, false)
	}
	return "struct(" + strings.Join(fields, ", ") + ")"
}

func leafType(file *pq.File, column *pq.Column) string {
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
		if isFloat16(file.Metadata(), column) {
			return "float16"
		}
		if t.Kind() == pq.FixedLenByteArray && t.ConvertedType() != nil {
			return t.String()
		}
		names := map[pq.Kind]string{pq.Boolean: "bool", pq.Int32: "int32", pq.Int64: "int64", pq.Float: "float32",
			pq.Double: "float64", pq.ByteArray: "bytes", pq.FixedLenByteArray: "bytes", pq.Int96: "timestamp"}
		return names[t.Kind()]
	}
	return t.String()
}
