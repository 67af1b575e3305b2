package sdk

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Schema is a list of columns as written in YAML, in order:
//
//	ticket_id: string
//	created_at: {type: timestamp, format: rfc3339, required: true}
type Schema Ordered[Column]

func (Schema) ordered() {}

// ConfigType is the type's name in the documentation.
func (Schema) ConfigType() string { return "schema" }

// Column is one column of a Schema: its type, and how a decoder reads it.
type Column struct {
	Type     string `json:"type" required:"true" doc:"Type of the column."`
	Format   string `json:"format" doc:"How text becomes a timestamp: rfc3339, unix_s, unix_ms, unix_us."`
	Required bool   `json:"required" doc:"Whether a missing or null value is an error."`
}

// FromText reads the short form, which is the type alone.
func (c *Column) FromText(text string) error {
	c.Type = text
	return c.Validate()
}

// The names of the types that a column may have.
var typeNames = []string{"string", "int32", "int64", "uint64", "float32", "float64", "bool",
	"timestamp", "date", "time", "bytes", "json", "decimal(p,s)", "list(T)"}

var timestampFormats = []string{"rfc3339", "unix_s", "unix_ms", "unix_us"}

// Validate refuses types and formats that do not exist.
func (c *Column) Validate() error {
	if _, err := TypeOf(c.Type); err != nil {
		return err
	}
	if c.Format == "" {
		return nil
	}
	if c.Type != "timestamp" {
		return Fieldf("format", "is for timestamps, the column is a %s", c.Type)
	}
	if !slices.Contains(timestampFormats, c.Format) {
		return Fieldf("format", "want one of %s, got %s", strings.Join(timestampFormats, ", "), quote(c.Format))
	}
	return nil
}

// Timestamp is the type of all event times: microseconds, UTC.
var Timestamp = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// JSONMark is the field metadata that tells a json column from a string one.
var JSONMark = arrow.NewMetadata([]string{"engine.type"}, []string{"json"})

var (
	decimalPattern = regexp.MustCompile(`^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$`)
	listPattern    = regexp.MustCompile(`^list\((.+)\)$`)
)

// TypeOf is the Arrow type for a type's name in YAML. A json column is a string
// column whose field carries JSONMark.
func TypeOf(name string) (arrow.DataType, error) {
	switch name {
	case "string", "json":
		return arrow.BinaryTypes.String, nil
	case "int32":
		return arrow.PrimitiveTypes.Int32, nil
	case "int64":
		return arrow.PrimitiveTypes.Int64, nil
	case "uint64":
		return arrow.PrimitiveTypes.Uint64, nil
	case "float32":
		return arrow.PrimitiveTypes.Float32, nil
	case "float64":
		return arrow.PrimitiveTypes.Float64, nil
	case "bool":
		return arrow.FixedWidthTypes.Boolean, nil
	case "timestamp":
		return Timestamp, nil
	case "date":
		return arrow.FixedWidthTypes.Date32, nil
	case "time":
		return arrow.FixedWidthTypes.Time64us, nil
	case "bytes":
		return arrow.BinaryTypes.Binary, nil
	}
	if m := decimalPattern.FindStringSubmatch(name); m != nil {
		precision, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi(m[2])
		if precision < 1 || precision > 38 || scale > precision {
			return nil, fmt.Errorf("want decimal(p,s) with 1 ≤ p ≤ 38 and s ≤ p, got %s", name)
		}
		return &arrow.Decimal128Type{Precision: int32(precision), Scale: int32(scale)}, nil
	}
	if m := listPattern.FindStringSubmatch(name); m != nil {
		item, err := TypeOf(strings.TrimSpace(m[1]))
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(item), nil
	}
	message := fmt.Sprintf("no type named %s", quote(name))
	if near := Nearest(name, typeNames); near != "" {
		return nil, fmt.Errorf("%s, did you mean %s?", message, near)
	}
	return nil, fmt.Errorf("%s (have %s)", message, strings.Join(typeNames, ", "))
}

// TypeName is the YAML name of an Arrow type, for messages and graphs.
func TypeName(t arrow.DataType) string {
	for _, name := range typeNames[:11] {
		if known, err := TypeOf(name); err == nil && arrow.TypeEqual(known, t) {
			return name
		}
	}
	switch t := t.(type) {
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case *arrow.ListType:
		return "list(" + TypeName(t.Elem()) + ")"
	}
	return t.String()
}

// Arrow is the schema's columns as the stream carries them. Every column is
// nullable unless it is required.
func (s Schema) Arrow() *arrow.Schema {
	fields := make([]arrow.Field, len(s))
	for i, column := range s {
		t, err := TypeOf(column.Value.Type)
		if err != nil {
			panic("sdk: Arrow of a schema that was not validated: " + err.Error())
		}
		fields[i] = arrow.Field{Name: column.Key, Type: t, Nullable: !column.Value.Required}
		if column.Value.Type == "json" {
			fields[i].Metadata = JSONMark
		}
	}
	return arrow.NewSchema(fields, nil)
}

// Validate refuses empty schemas and names that belong to the engine.
func (s Schema) Validate() error {
	for _, column := range s {
		if column.Key == "" || strings.HasPrefix(column.Key, "_") {
			return Fieldf(column.Key, "columns that begin with _ are the engine's; choose another name")
		}
	}
	return nil
}

// FindColumn is the index of a column, or a message that offers the nearest.
func FindColumn(schema *arrow.Schema, name string) (int, error) {
	if at := schema.FieldIndices(name); len(at) > 0 {
		return at[0], nil
	}
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	if near := Nearest(name, names); near != "" {
		return -1, fmt.Errorf("no column named %s, did you mean %s?", quote(name), near)
	}
	return -1, fmt.Errorf("no column named %s (have %s)", quote(name), strings.Join(names, ", "))
}
