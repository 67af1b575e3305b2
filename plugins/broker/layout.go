package broker

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
)

// requestLayouts lists the requests that the broker serves: for each its key,
// name and versions, and below it the fields in the order of the wire,
// indented by their depth, with their type and the versions that have them.
// Types are a number of bytes, text, bytes, {} (a struct), ?{} (a struct or
// null), and [] before a type for a list. TestLayoutsAreThoseOfTheParser
// writes the file with -update.
//
//go:embed requests.txt
var requestLayouts string

// Kinds of fields.
type fieldKind int

const (
	fixedField fieldKind = iota
	textField
	bytesField
	structField
	nullableField // a struct behind a byte that says whether it is there
	listField
)

// field is a part of a request.
type field struct {
	name        string
	kind        fieldKind
	size        int     // bytes of a fixed field
	fields      []field // of a struct
	element     *field  // of a list
	first, last int16   // versions that have it
	tag         int     // number of a tagged field, -1 for others
}

// layout is what a request looks like.
type layout struct {
	first, last int16 // versions
	flexible    int16 // the first one whose lengths are varints
	body        field // a struct
}

// layouts maps the key of each request to its layout.
var layouts = sync.OnceValue(func() map[int16]*layout {
	all, err := parseLayouts(requestLayouts)
	if err != nil {
		panic("broker: requests.txt: " + err.Error())
	}
	for key, l := range all {
		l.flexible = firstFlexible(key, l)
	}
	return all
})

func parseLayouts(text string) (map[int16]*layout, error) {
	all := make(map[int16]*layout)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for len(lines) > 0 {
		head := strings.Fields(lines[0])
		if len(head) != 4 || head[0] != "request" {
			return nil, fmt.Errorf("want the line of a request, got %q", lines[0])
		}
		key, err := strconv.ParseInt(head[1], 10, 16)
		if err != nil {
			return nil, err
		}
		l := &layout{body: field{name: head[2], kind: structField, tag: -1}}
		if l.first, l.last, err = parseVersions(head[3]); err != nil {
			return nil, err
		}
		if l.body.fields, lines, err = parseFields(lines[1:], 1); err != nil {
			return nil, err
		}
		all[int16(key)] = l
	}
	return all, nil
}

// parseFields reads the lines of one depth, and those below them.
func parseFields(lines []string, depth int) (fields []field, remaining []string, err error) {
	indent := strings.Repeat(" ", depth)
	for len(lines) > 0 && strings.HasPrefix(lines[0], indent) {
		words := strings.Fields(lines[0])
		if len(words) < 2 {
			return nil, nil, fmt.Errorf("want a field's name and type, got %q", lines[0])
		}
		f := field{name: words[0], last: math.MaxInt16, tag: -1}
		for _, word := range words[2:] {
			if number, tagged := strings.CutPrefix(word, "tag"); tagged {
				f.tag, err = strconv.Atoi(number)
			} else {
				f.first, f.last, err = parseVersions(word)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		lines = lines[1:]
		if lines, err = f.parseType(words[1], lines, depth); err != nil {
			return nil, nil, err
		}
		fields = append(fields, f)
	}
	return fields, lines, nil
}

func (f *field) parseType(kind string, lines []string, depth int) (remaining []string, err error) {
	if element, is := strings.CutPrefix(kind, "[]"); is {
		f.kind, f.element = listField, &field{last: math.MaxInt16, tag: -1}
		return f.element.parseType(element, lines, depth)
	}
	switch kind {
	case "text":
		f.kind = textField
	case "bytes":
		f.kind = bytesField
	case "{}", "?{}":
		f.kind = structField
		if kind == "?{}" {
			f.kind = nullableField
		}
		f.fields, lines, err = parseFields(lines, depth+1)
	default:
		f.size, err = strconv.Atoi(kind)
	}
	return lines, err
}

// parseVersions reads 3, 3-7 or 3-.
func parseVersions(text string) (first, last int16, err error) {
	from, to, isRange := strings.Cut(text, "-")
	a, err := strconv.ParseInt(from, 10, 16)
	b := a
	if isRange && err == nil {
		b = math.MaxInt16
		if to != "" {
			b, err = strconv.ParseInt(to, 10, 16)
		}
	}
	return int16(a), int16(b), err
}
