package sdk

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func (d *decoder) slice(path string, v *value, into reflect.Value) {
	if _, ok := into.Interface().(interface{ ordered() }); ok {
		d.orderedMap(path, v, into)
		return
	}
	items := v.values
	switch v.kind {
	case objectValue:
		d.fail(path, "want a list, got a map")
		return
	case stringValue, numberValue, boolValue:
		items = nil
		for part := range strings.SplitSeq(v.text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				items = append(items, &value{kind: v.kind, text: part})
			}
		}
	}
	fresh := reflect.MakeSlice(into.Type(), len(items), len(items))
	for i, item := range items {
		d.value(join(path, strconv.Itoa(i)), item, fresh.Index(i))
	}
	into.Set(fresh)
}

func (d *decoder) orderedMap(path string, v *value, into reflect.Value) {
	if v.kind != objectValue {
		d.noMap(path, v)
		return
	}
	fresh := reflect.MakeSlice(into.Type(), len(v.keys), len(v.keys))
	for i, key := range v.keys {
		entry := fresh.Index(i)
		entry.Field(0).SetString(key)
		d.value(join(path, key), v.values[i], entry.Field(1))
	}
	into.Set(fresh)
}

func (d *decoder) dict(path string, v *value, into reflect.Value) {
	if v.kind != objectValue {
		d.noMap(path, v)
		return
	}
	fresh := reflect.MakeMapWithSize(into.Type(), len(v.keys))
	for i, key := range v.keys {
		item := reflect.New(into.Type().Elem()).Elem()
		d.value(join(path, key), v.values[i], item)
		fresh.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), item)
	}
	into.Set(fresh)
}

// noMap says what to do with a list of maps.
func (d *decoder) noMap(path string, v *value) {
	d.fail(path, "want a map, got %s", v.describe())
	other := func(item *value) bool { return item.kind != objectValue }
	if v.kind == listValue && len(v.values) > 0 && !slices.ContainsFunc(v.values, other) {
		d.problems[len(d.problems)-1].Hint = `remove the "- " before each key, and put the keys below one another`
	}
}
