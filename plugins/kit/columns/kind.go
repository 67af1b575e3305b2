// Package columns builds and reads Arrow columns for the plugins that turn text
// into rows and rows into text: values go straight into the buffers that become
// the columns, without an allocation per row, and each type has one text form.
// Lists and structs have none: they are built and viewed by what is in them.
package columns

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Kind is how the values of a column are kept and written.
type Kind uint8

// The kinds. Other is every type that the engine's schemas do not have.
const (
	Other Kind = iota
	String
	JSON
	Bytes
	Int32
	Int64
	Uint64
	Float32
	Float64
	Bool
	Timestamp
	Date
	Time
	Decimal
	List
	Struct
)

// KindOf is the kind of a column's type.
func KindOf(f arrow.Field) Kind {
	switch f.Type.ID() {
	case arrow.STRING:
		if sdk.IsJSON(f) {
			return JSON
		}
		return String
	case arrow.BINARY:
		return Bytes
	case arrow.INT32:
		return Int32
	case arrow.INT64:
		return Int64
	case arrow.UINT64:
		return Uint64
	case arrow.FLOAT32:
		return Float32
	case arrow.FLOAT64:
		return Float64
	case arrow.BOOL:
		return Bool
	case arrow.TIMESTAMP:
		return Timestamp
	case arrow.DATE32:
		return Date
	case arrow.TIME64:
		if f.Type.(*arrow.Time64Type).Unit == arrow.Microsecond {
			return Time
		}
	case arrow.DECIMAL128:
		return Decimal
	case arrow.LIST:
		return List
	case arrow.STRUCT:
		return Struct
	}
	return Other
}

// Check refuses the columns of a schema that Column.SetText cannot set: lists
// and structs. The schema is taken to be the field "schema" of a config.
func Check(schema sdk.Schema) error {
	for _, column := range schema {
		t := column.Value.Type
		if _, err := sdk.TypeOf(t); err != nil && t != "struct" {
			return sdk.Fieldf("schema."+column.Key, "%v", err)
		}
		if t == "struct" || strings.HasPrefix(t, "list(") {
			return sdk.Problem{Path: "schema." + column.Key, Hint: "use json, which keeps the value's text",
				Message: "a " + column.Value.Type + " cannot be read from text"}
		}
	}
	return nil
}

// width is the size of a kind's values in a column, in bytes; 0: they vary.
func (k Kind) width() int {
	switch k {
	case Int32, Float32, Date:
		return 4
	case Int64, Uint64, Float64, Timestamp, Time:
		return 8
	case Bool:
		return 1
	case Decimal:
		return 16
	}
	return 0
}
