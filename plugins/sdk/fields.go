package sdk

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// Field documents one key of a config. It is read off the config struct:
//
//	Topic string `json:"topic" doc:"Topic to read." required:"true" alias:"topics"`
//
// alias lists the names that neighbouring tools use; they are refused with a
// hint. type overrides the type's name.
//
// state says what a change of the key does to what the step has made. "keep": the
// state of a transform stays good, what a sink wrote is read as before; a change
// is logged. "layout", of a sink: what it wrote is not read like what it writes
// from now on; a change is refused while readers see some of it. The record of the
// engine holds all keys of a transform, and of a source or sink only those that
// have one of the two: others may be secrets.
type Field struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`               // "string", "int", "duration", "list of string", "schema", …
	Doc      string  `json:"doc,omitempty"`      // one sentence
	Default  string  `json:"default,omitempty"`  // as written in YAML; "" if there is none
	Required bool    `json:"required,omitempty"` // there is no default
	Fields   []Field `json:"fields,omitempty"`   // of a map
	Keep     bool    `json:"-"`                  // a change leaves good what the step has made
	Layout   bool    `json:"-"`                  // what a sink wrote must not lie beside what it writes
}

type boundField struct {
	key, doc string
	aliases  []string
	required bool
	refused  bool
	into     reflect.Value
}

// RefusedKey is the type of a field that exists only to be refused, with a
// reason better than "unknown field": a key of neighbouring tools. Its
// UnmarshalText returns the problem. It is not documented and never suggested.
type RefusedKey interface {
	encoding.TextUnmarshaler
	Refused()
}

func isRefused(t reflect.Type) bool {
	_, refused := reflect.New(t).Interface().(RefusedKey)
	return refused
}

// fieldsByKey lists the fields of a struct, those of embedded structs in place.
func fieldsByKey(s reflect.Value) []boundField {
	var fields []boundField
	for i := range s.NumField() {
		f := s.Type().Field(i)
		if f.Anonymous {
			fields = append(fields, fieldsByKey(s.Field(i))...)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" || !f.IsExported() {
			continue
		}
		var aliases []string
		if tag := f.Tag.Get("alias"); tag != "" {
			aliases = strings.Split(tag, ",")
		}
		fields = append(fields, boundField{key: key, doc: f.Tag.Get("doc"), aliases: aliases,
			required: f.Tag.Get("required") == "true", refused: isRefused(f.Type), into: s.Field(i)})
	}
	return fields
}

// FieldsOf documents the config struct whose defaults are given.
func FieldsOf(defaults any) []Field {
	v := reflect.ValueOf(defaults)
	if v.Kind() != reflect.Struct {
		return nil
	}
	return fieldsOf(v)
}

func fieldsOf(s reflect.Value) []Field {
	var fields []Field
	for i := range s.NumField() {
		f := s.Type().Field(i)
		if f.Anonymous {
			fields = append(fields, fieldsOf(s.Field(i))...)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" || !f.IsExported() || isRefused(f.Type) {
			continue
		}
		field := Field{Name: key, Type: f.Tag.Get("type"), Doc: f.Tag.Get("doc"),
			Required: f.Tag.Get("required") == "true", Default: defaultText(s.Field(i)),
			Keep: f.Tag.Get("state") == "keep", Layout: f.Tag.Get("state") == "layout"}
		if field.Type == "" {
			field.Type = typeName(f.Type)
		}
		if nested := structOf(f.Type); nested != nil && f.Tag.Get("type") == "" {
			value := reflect.New(nested).Elem()
			if s.Field(i).Kind() == reflect.Struct {
				value = s.Field(i)
			} else if s.Field(i).Kind() == reflect.Pointer && !s.Field(i).IsNil() {
				value = s.Field(i).Elem()
			}
			field.Fields, field.Default = fieldsOf(value), ""
		}
		fields = append(fields, field)
	}
	return fields
}

// structOf is the struct type behind a field that is documented key by key.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, text := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if t.Kind() != reflect.Struct || text {
		return nil
	}
	return t
}

func defaultText(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if v.IsZero() {
		switch v.Kind() {
		case reflect.Bool, reflect.Int64, reflect.Int, reflect.Int32:
			if _, ok := v.Interface().(fmt.Stringer); !ok {
				return fmt.Sprint(v.Interface())
			}
		}
		return ""
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		return ""
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.String {
			return ""
		}
		return "[" + strings.Join(v.Interface().([]string), ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// namedType is a config type that says its own name.
type namedType interface{ ConfigType() string }

func typeName(t reflect.Type) string {
	if n, ok := reflect.New(t).Interface().(namedType); ok {
		return n.ConfigType()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		if _, ok := reflect.Zero(t).Interface().(interface{ ordered() }); ok {
			value, _ := t.Elem().FieldByName("Value")
			return "map of " + typeName(value.Type)
		}
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map of " + typeName(t.Elem())
	case reflect.Struct:
		return "map"
	case reflect.Interface:
		return "any"
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "int"
}

// wanted says what a scalar field takes, for "want …, got …".
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number, 0 or more"
	}
	return "a whole number"
}
