package sdk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

type valueKind uint8

const (
	nullValue valueKind = iota
	boolValue
	numberValue
	stringValue
	listValue
	objectValue
)

func (k valueKind) String() string {
	return [...]string{"nothing", "a boolean", "a number", "a string", "a list", "a map"}[k]
}

// value is a JSON value that keeps the order of its keys, and the text of its
// numbers.
type value struct {
	kind   valueKind
	text   string // of a bool, number or string
	keys   []string
	values []*value // of a list, or of an object by keys
}

func parseValue(data []byte) (*value, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return &value{kind: nullValue}, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the config")
	}
	return v, nil
}

func readValue(d *json.Decoder) (*value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d)
		}
		return readList(d)
	case bool:
		text := "false"
		if t {
			text = "true"
		}
		return &value{kind: boolValue, text: text}, nil
	case json.Number:
		return &value{kind: numberValue, text: t.String()}, nil
	case string:
		return &value{kind: stringValue, text: t}, nil
	}
	return &value{kind: nullValue}, nil
}

func readObject(d *json.Decoder) (*value, error) {
	v := &value{kind: objectValue}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		child, err := readValue(d)
		if err != nil {
			return nil, err
		}
		v.keys = append(v.keys, key.(string))
		v.values = append(v.values, child)
	}
	_, err := d.Token()
	return v, err
}

func readList(d *json.Decoder) (*value, error) {
	v := &value{kind: listValue}
	for d.More() {
		child, err := readValue(d)
		if err != nil {
			return nil, err
		}
		v.values = append(v.values, child)
	}
	_, err := d.Token()
	return v, err
}

func (v *value) shape() Shape {
	nested := func(item *value) bool { return item.kind == listValue || item.kind == objectValue }
	if v.kind != objectValue {
		return Shape{List: true}
	}
	return Shape{Keys: v.keys, Flat: !slices.ContainsFunc(v.values, nested)}
}

// describe says what came, for "want a number, got …".
func (v *value) describe() string {
	switch v.kind {
	case stringValue:
		return quote(v.text)
	case boolValue, numberValue:
		return v.text
	}
	return v.kind.String()
}

func quote(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}
