package sdk

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validator is a config, or a part of one, that can say what is wrong with it
// as a whole. It is asked after decoding, if its fields decoded. Return Fieldf
// errors, joined if there are several, so that the position is known.
type Validator interface {
	Validate() error
}

// TextForm is a struct with a short form: a scalar in the place of a map.
type TextForm interface {
	FromText(text string) error
}

// ShortForm is a struct with a short form that is a list, or a map with keys of
// the user's own. Short returns a pointer to the field that takes such a value,
// or nil if the value is a map with the struct's keys.
type ShortForm interface {
	Short(s Shape) any
}

// Shape is what stands in the place of a ShortForm.
type Shape struct {
	List bool     // a list, or a scalar, which is a list of one
	Keys []string // of a map
	Flat bool     // a map without lists or maps in it
}

// Ordered is a map whose order has a meaning, as the YAML has it.
type Ordered[T any] []Entry[T]

// Entry is one key of an Ordered and its value.
type Entry[T any] struct {
	Key   string
	Value T
}

func (Ordered[T]) ordered() {}

// Fieldf is a Problem as an error, for Validate.
func Fieldf(path, format string, args ...any) error {
	return Problem{Path: path, Message: fmt.Sprintf(format, args...)}
}

// Decode reads a config (a JSON object, or the scalar of a TextForm) into the
// struct that into points to, over the defaults it holds, and returns all that
// is wrong: unknown keys with the nearest known one, values of another type,
// and what Validate says. Strings become numbers, booleans and lists (split at
// commas) where the field wants those; a scalar becomes a list of one.
//
// A key with one slip in it is taken for the one that was meant, so that its value
// can be checked: what is said of it has the path that was written.
func Decode(config []byte, into any) []Problem {
	return decode(config, into).problems
}

func decode(config []byte, into any) *decoder {
	d := &decoder{}
	v, err := parseValue(config)
	if err != nil {
		d.problems = []Problem{{Message: "reading the config: " + err.Error()}}
		return d
	}
	d.value("", v, reflect.ValueOf(into).Elem())
	d.problems = d.asWritten(d.problems)
	return d
}

type decoder struct {
	problems []Problem
	written  []writtenAs
	unread   int // values without which what holds them cannot be validated
}

// writtenAs is the path of a key and of the misspelt one that was taken for it.
type writtenAs struct{ path, as string }

// asWritten gives problems the paths that are in the config.
func (d *decoder) asWritten(problems []Problem) []Problem {
	for i := range problems {
		for _, w := range d.written {
			suffix, ok := strings.CutPrefix(problems[i].Path, w.path)
			if ok && (suffix == "" || suffix[0] == '.') {
				problems[i].Path = w.as + suffix
			}
		}
	}
	return problems
}

// Usable reports whether nothing is wrong but keys and the text of expressions: the
// rest of the config can be used to find what else is wrong.
func Usable(problems []Problem) bool {
	return !slices.ContainsFunc(problems, func(p Problem) bool {
		return !p.Key && !p.Warning && p.Code != CodeExpression
	})
}

func (d *decoder) fail(path, format string, args ...any) {
	d.unread++
	d.problems = append(d.problems, Problem{Path: path, Code: CodeWrongType,
		Message: fmt.Sprintf(format, args...)})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) value(path string, v *value, into reflect.Value) {
	unread, problems := d.unread, len(d.problems)
	d.decode(path, v, into)
	if d.unread > unread || !into.CanAddr() {
		return
	}
	if c, ok := into.Addr().Interface().(Validator); ok {
		d.invalid(path, c.Validate())
	}
	// What is wrong with a map's settings leaves its neighbours as they are;
	// lists and maps of the user's keys are nothing without each of theirs.
	users := into.Kind() == reflect.Slice || into.Kind() == reflect.Map
	if users && !Usable(d.problems[problems:]) {
		d.unread++
	}
}

// invalid files what Validate returned, one problem for each joined error.
func (d *decoder) invalid(path string, err error) {
	if err == nil {
		return
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			d.invalid(path, e)
		}
		return
	}
	if p, ok := errors.AsType[Problem](err); ok {
		if p.Path == "" {
			p.Path = path
		} else {
			p.Path = join(path, p.Path)
		}
		p.Code = cmp.Or(p.Code, codeOf(p))
		d.problems = append(d.problems, p)
		return
	}
	d.problems = append(d.problems, Problem{Path: path, Code: CodeBadValue, Message: err.Error()})
}

// codeOf is the code of a problem that a Validate found and gave none.
func codeOf(p Problem) string {
	switch {
	case p.Key:
		return CodeUnknownField
	case p.Warning:
		return ""
	}
	return CodeBadValue
}

func (d *decoder) decode(path string, v *value, into reflect.Value) {
	if v.kind == nullValue && into.Kind() != reflect.String {
		return // an empty key leaves the default
	}
	if into.Kind() == reflect.Pointer {
		fresh := reflect.New(into.Type().Elem())
		if !into.IsNil() {
			fresh.Elem().Set(into.Elem())
		}
		d.value(path, v, fresh.Elem())
		into.Set(fresh)
		return
	}
	if d.text(path, v, into) {
		return
	}
	if into.CanAddr() {
		if s, ok := into.Addr().Interface().(ShortForm); ok {
			if target := s.Short(v.shape()); target != nil {
				d.value(path, v, reflect.ValueOf(target).Elem())
				return
			}
		}
	}
	switch into.Kind() {
	case reflect.Struct:
		d.object(path, v, into)
	case reflect.Slice:
		d.slice(path, v, into)
	case reflect.Map:
		d.dict(path, v, into)
	case reflect.Interface:
		into.Set(reflect.ValueOf(v.plain()))
	default:
		d.scalar(path, v, into)
	}
}

// text handles types that read themselves from a scalar.
func (d *decoder) text(path string, v *value, into reflect.Value) bool {
	if !into.CanAddr() {
		return false
	}
	scalar := v.kind == stringValue || v.kind == numberValue || v.kind == boolValue
	var err error
	switch t := into.Addr().Interface().(type) {
	case TextForm:
		if !scalar {
			return false
		}
		err = t.FromText(v.text)
	case encoding.TextUnmarshaler:
		if !scalar {
			d.fail(path, "want a scalar, got %s", v.describe())
			return true
		}
		err = t.UnmarshalText([]byte(v.text))
	default:
		return false
	}
	if err != nil {
		d.unread++
		d.invalid(path, readable(err))
	}
	return true
}

// readable puts what the standard library says of a time into our words.
func readable(err error) error {
	if bad, ok := errors.AsType[*time.ParseError](err); ok {
		return fmt.Errorf("want a time such as 2026-01-31T09:30:00Z, got %s", quote(bad.Value))
	}
	return err
}

func (d *decoder) object(path string, v *value, into reflect.Value) {
	if v.kind != objectValue {
		d.noMap(path, v)
		return
	}
	fields := fieldsByKey(into)
	var known, meant []string // meant: fields that an unknown key was taken for
	for _, f := range fields {
		if !f.refused {
			known = append(known, f.key)
		}
	}
	for i, key := range v.keys {
		at := slices.IndexFunc(fields, func(f boundField) bool { return f.key == key })
		if at < 0 {
			name := d.unknown(join(path, key), key, known, fields)
			if name == "" || slices.Contains(v.keys, name) || slices.Contains(meant, name) {
				continue
			}
			meant = append(meant, name)
			d.written = append(d.written, writtenAs{join(path, name), join(path, key)})
			at = slices.IndexFunc(fields, func(f boundField) bool { return f.key == name })
		}
		d.value(join(path, key), v.values[i], fields[at].into)
		d.required(join(path, key), v.values[i], fields[at])
	}
	for _, f := range fields {
		if f.required && !slices.Contains(v.keys, f.key) && !slices.Contains(meant, f.key) {
			d.unread++
			d.problems = append(d.problems, Problem{Path: path, Code: CodeMissingField,
				Message: f.key + " is missing", Hint: "it is required: " + f.doc})
		}
	}
}

// required refuses an empty path where there must be one: it is as good as none,
// and often a variable that is not set.
func (d *decoder) required(path string, v *value, f boundField) {
	p, ok := f.into.Addr().Interface().(*Path)
	if ok && f.required && v.kind == stringValue && p.missing() {
		d.unread++
		d.problems = append(d.problems, Problem{Path: path, Code: CodeEmptyValue, Message: `want a path, got ""`})
	}
}

// unknown also returns the field that the key was taken for, or "".
func (d *decoder) unknown(path, key string, known []string, fields []boundField) (meant string) {
	for _, f := range fields {
		if slices.Contains(f.aliases, key) {
			d.problems = append(d.problems, Problem{Path: path, Key: true, Code: CodeUnknownField,
				Message: "unknown field, did you mean " + f.key + "?"})
			return f.key
		}
	}
	message := "unknown field"
	near := Nearest(key, known)
	if near != "" {
		message += ", did you mean " + near + "?"
	} else if len(known) > 0 {
		message += " (have " + strings.Join(known, ", ") + ")"
	}
	d.problems = append(d.problems, Problem{Path: path, Key: true, Code: CodeUnknownField, Message: message})
	if !IsTypo(key, near) {
		return "" // what it would be checked as is a guess
	}
	return near
}

func (d *decoder) scalar(path string, v *value, into reflect.Value) {
	if v.kind == nullValue {
		d.unread++
		d.problems = append(d.problems, Problem{Path: path, Code: CodeEmptyValue,
			Message: "want a string, got nothing",
			Hint:    `quote it: "" for the empty string, "|" or "#" for a mark that YAML reads itself`})
		return
	}
	if v.kind == listValue || v.kind == objectValue {
		d.fail(path, "want %s, got %s", wanted(into.Type()), v.describe())
		return
	}
	var err error
	switch into.Kind() {
	case reflect.String:
		into.SetString(v.text)
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(v.text); err == nil {
			into.SetBool(b)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(v.text, 10, into.Type().Bits()); err == nil {
			into.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		if n, err = strconv.ParseUint(v.text, 10, into.Type().Bits()); err == nil {
			into.SetUint(n)
		}
	case reflect.Float32, reflect.Float64:
		var f float64
		if f, err = strconv.ParseFloat(v.text, into.Type().Bits()); err == nil {
			into.SetFloat(f)
		}
	default:
		panic("sdk: a config field of type " + into.Type().String())
	}
	if err != nil {
		d.fail(path, "want %s, got %s", wanted(into.Type()), v.describe())
	}
}

// plain is the value as encoding/json would have it, numbers as text.
func (v *value) plain() any {
	switch v.kind {
	case objectValue:
		m := make(map[string]any, len(v.keys))
		for i, k := range v.keys {
			m[k] = v.values[i].plain()
		}
		return m
	case listValue:
		l := make([]any, len(v.values))
		for i, item := range v.values {
			l[i] = item.plain()
		}
		return l
	case nullValue:
		return nil
	case boolValue:
		return v.text == "true"
	}
	return v.text
}
