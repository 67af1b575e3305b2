package sdk

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// canonical returns, by key, what each field of a config struct means: texts that are
// equal if the values are, whatever way they were written.
func canonical(config any) map[string]string {
	keys := map[string]string{}
	for _, f := range fieldsByKey(reflect.ValueOf(config).Elem()) {
		var b strings.Builder
		writeCanonical(&b, f.into)
		keys[f.key] = b.String()
	}
	return keys
}

var timeType = reflect.TypeFor[time.Time]()

// writeCanonical writes a value such that two of one type are written alike only if they
// are deeply equal. A nil list is an empty one.
func writeCanonical(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		b.WriteByte('&')
		if v.Kind() == reflect.Interface {
			b.WriteString(v.Elem().Type().String())
		}
		writeCanonical(b, v.Elem())
	case reflect.Slice, reflect.Array:
		b.WriteByte('[')
		for i := range v.Len() {
			writeCanonical(b, v.Index(i))
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case reflect.Map:
		entries := make([]string, 0, v.Len())
		for _, key := range v.MapKeys() {
			var entry strings.Builder
			writeCanonical(&entry, key)
			entry.WriteByte(':')
			writeCanonical(&entry, v.MapIndex(key))
			entries = append(entries, entry.String())
		}
		slices.Sort(entries)
		fmt.Fprintf(b, "%q", entries)
	case reflect.Struct:
		if v.Type() == timeType && v.CanInterface() {
			fmt.Fprintf(b, "%q", v.Interface().(time.Time).UTC().Format(time.RFC3339Nano))
			return
		}
		b.WriteByte('{')
		for i := range v.NumField() {
			writeCanonical(b, v.Field(i))
			b.WriteByte(',')
		}
		b.WriteByte('}')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	case reflect.Func, reflect.Chan, reflect.UnsafePointer: // no value of a config
	default:
		fmt.Fprint(b, v)
	}
}
