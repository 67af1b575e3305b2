package sdk

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Timestamp is the type of all event times: microseconds, UTC.
var Timestamp = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

// JSONMark is the field metadata of a json column, which is a string one otherwise.
var JSONMark = arrow.NewMetadata([]string{"engine.type"}, []string{"json"})

// IsJSON reports whether a field is a json column.
func IsJSON(f arrow.Field) bool {
	mark, ok := f.Metadata.GetValue("engine.type")
	return ok && mark == "json"
}

// askedFor is the key of the field metadata of AskedFor.
const askedFor = "engine.asked_for"

// AskedFor marks a column of the engine's own, whose name begins with _, as one that
// a step has named for its result: outputs write it as they write the user's.
func AskedFor(f arrow.Field) arrow.Field {
	if !IsEngines(f) {
		return f
	}
	f.Metadata = arrow.NewMetadata(append(slices.Clone(f.Metadata.Keys()), askedFor),
		append(slices.Clone(f.Metadata.Values()), "true"))
	return f
}

// ofLateRow is the key of the field metadata of OfLateRow.
const ofLateRow = "engine.late_row"

// OfLateRow marks a column of the engine's own as one that an output of late rows is
// there for.
func OfLateRow(f arrow.Field) arrow.Field {
	if IsEngines(f) {
		f.Metadata = arrow.NewMetadata(append(slices.Clone(f.Metadata.Keys()), ofLateRow),
			append(slices.Clone(f.Metadata.Values()), "true"))
	}
	return f
}

// IsWritten reports whether an output writes a column: the user's; the engine's own as
// its keep_metadata says, and if that is left out those of OfLateRow.
func IsWritten(f arrow.Field, keepMetadata *bool) bool {
	_, late := f.Metadata.GetValue(ofLateRow)
	switch {
	case f.Name == MessageColumn:
		return false
	case !IsEngines(f):
		return true
	case keepMetadata != nil:
		return *keepMetadata
	}
	return late
}

// IsEngines reports whether a column is one of the engine's own that no step has
// asked for: outputs write it with keep_metadata only.
func IsEngines(f arrow.Field) bool {
	_, asked := f.Metadata.GetValue(askedFor)
	return strings.HasPrefix(f.Name, "_") && !asked
}

// The names of the types that a column may have; the first ones are whole names.
var typeNames = []string{"string", "int32", "int64", "uint64", "float32", "float64", "bool",
	"timestamp", "date", "time", "bytes", "json", "decimal(p,s)", "list(T)", "struct"}

const plainTypes = 11

var (
	decimalPattern = regexp.MustCompile(`^decimal\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\)$`)
	listPattern    = regexp.MustCompile(`^list\((.+)\)$`)
)

// TypeOf is the Arrow type for a type's name in YAML, which cannot be a struct.
// A json column is a string column whose field carries JSONMark.
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
		item := strings.TrimSpace(m[1])
		t, err := TypeOf(item)
		if err != nil {
			return nil, err
		}
		return listOf(item, t), nil
	}
	return nil, unknownType(name)
}

// listOf is a list of items of a type, named as in YAML.
func listOf(name string, t arrow.DataType) arrow.DataType {
	item := arrow.Field{Name: "item", Type: t, Nullable: true}
	if name == "json" {
		item.Metadata = JSONMark
	}
	return arrow.ListOfField(item)
}

// elsewhere is what neighbouring tools call our types.
var elsewhere = map[string]string{"text": "string", "str": "string", "varchar": "string", "utf8": "string",
	"uuid": "string", "int": "int64", "integer": "int64", "long": "int64", "bigint": "int64", "short": "int32",
	"smallint": "int32", "int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32",
	"uint32": "int64", "float": "float64", "double": "float64", "real": "float32", "number": "float64", "boolean": "bool",
	"datetime": "timestamp", "timestamptz": "timestamp", "binary": "bytes", "blob": "bytes",
	"varbinary": "bytes", "decimal": "decimal(10,2)", "numeric": "decimal(10,2)", "list": "list(string)", "array": "list(string)",
	"object": "struct, or json", "map": "json", "any": "json", "variant": "json", "record": "struct"}

func unknownType(name string) error {
	message := fmt.Sprintf("no type named %s", quote(name))
	if name == "struct" {
		return fmt.Errorf("a struct needs its fields: {type: struct, fields: {name: string}}")
	}
	word, inside, _ := strings.Cut(strings.ToLower(name), "(")
	if ours, ok := elsewhere[word]; ok {
		if (word == "array" || word == "list") && inside != "" {
			ours = "list(" + inside
		}
		if (word == "numeric" || word == "decimal") && inside != "" {
			ours = "decimal(p,s), such as decimal(10,2)"
		}
		return fmt.Errorf("%s, did you mean %s?", message, ours)
	}
	if near := Nearest(name, append(slices.Clone(typeNames), slices.Sorted(maps.Keys(elsewhere))...)); near != "" {
		near = cmp.Or(elsewhere[near], near)
		return fmt.Errorf("%s, did you mean %s?", message, near)
	}
	return fmt.Errorf("%s (have %s)", message, strings.Join(typeNames, ", "))
}

// TypeName is the YAML name of an Arrow type, for messages and graphs. A
// struct, which has none, is "struct(a: int64, b: string)".
func TypeName(t arrow.DataType) string {
	for _, name := range typeNames[:plainTypes] {
		if known, err := TypeOf(name); err == nil && arrow.TypeEqual(known, t) {
			return name
		}
	}
	switch t := t.(type) {
	case *arrow.Decimal128Type:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case *arrow.ListType:
		return "list(" + FieldType(t.ElemField()) + ")"
	case *arrow.StructType:
		fields := make([]string, t.NumFields())
		for i, f := range t.Fields() {
			fields[i] = f.Name + ": " + FieldType(f)
		}
		return "struct(" + strings.Join(fields, ", ") + ")"
	}
	return t.String()
}

// FieldType is the YAML name of a column's type, json too, which TypeName cannot know.
func FieldType(f arrow.Field) string {
	if IsJSON(f) {
		return "json"
	}
	return TypeName(f.Type)
}

// WithArticle is a type's name as it stands in a sentence: an int64, a string,
// bytes.
func WithArticle(name string) string {
	switch {
	case name == "bytes" || name == "json":
		return name
	case strings.HasPrefix(name, "i"):
		return "an " + name
	}
	return "a " + name
}
