package jsonrows

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// object is what is wanted of an object: of a whole one, of a struct's, or of
// one that a column's from leads through.
type object struct {
	path    string          // leads to it, with a dot behind; "" is the whole row
	dropped map[string]bool // some keys without a column
	names   map[string]int  // the code of a key
	targets []target
	shape   []slot // the keys of the object before: most objects have the same
}

// Codes of keys; those of targets are their index, or below otherTarget for
// those that are more than one column.
const (
	unknown     = -1
	closed      = -2 // no key: the object ends
	otherTarget = -3
)

// target is the column, or the columns, that a value goes into.
type target struct {
	column *columns.Column
	fields *object  // of a struct
	item   *target  // of a list
	more   []target // other columns of the same value
	below  *object  // columns inside the value; column may be nil then
}

// slot is what stood between two values of the last object, and the code of
// the key in it.
type slot struct {
	text        []byte // `,"client_id":` with its spaces; empty: not known
	first, last uint64 // its first and last eight bytes, which meet, or cover each other in part, up to 16
	code        int
}

// begins reports whether the text stands at p.
func (t *slot) begins(s []byte, p int) bool {
	n := len(t.text)
	if n == 0 || p+n > len(s) {
		return false
	}
	if n < 8 || n > 16 {
		return string(s[p:p+n]) == string(t.text)
	}
	return binary.LittleEndian.Uint64(s[p:]) == t.first && binary.LittleEndian.Uint64(s[p+n-8:]) == t.last
}

// Objects with more keys than this, or with longer ones, are read without a
// prediction.
const (
	maxSlots    = 1024
	maxSlotText = 256
)

func newObject(path string, into []columns.Column, specs []sdk.Entry[sdk.Column]) *object {
	o := &object{path: path, names: make(map[string]int, len(specs))}
	for i := range specs {
		if spec := &specs[i].Value; !spec.Extra {
			o.add(spec.Path(specs[i].Key), newTarget(path, &into[i], spec))
		}
	}
	o.seal()
	return o
}

func newTarget(path string, c *columns.Column, spec *sdk.Column) target {
	p := target{column: c}
	if c.Name != "" {
		path += c.Name + "."
	}
	switch c.Kind {
	case columns.Struct:
		p.fields = newObject(path, c.Inside(), spec.Fields)
	case columns.List:
		item := newTarget(path, &c.Inside()[0], spec)
		p.item = &item
	}
	return p
}

// add puts a target at the end of a path.
func (o *object) add(path []string, to target) {
	at, known := o.names[path[0]]
	if !known {
		at = len(o.targets)
		o.names[path[0]] = at
		o.targets = append(o.targets, target{})
	}
	p := &o.targets[at]
	switch {
	case len(path) > 1:
		if p.below == nil {
			p.below = &object{path: o.path + path[0] + ".", names: map[string]int{}}
		}
		p.below.add(path[1:], to)
	case p.column == nil:
		to.below = p.below
		*p = to
	default:
		p.more = append(p.more, to)
	}
}

// seal gives the targets that are more than one column their codes.
func (o *object) seal() {
	for key, at := range o.names {
		p := &o.targets[at]
		if p.below != nil {
			p.below.seal()
		}
		if p.below != nil || p.more != nil {
			o.names[key] = otherTarget - at
		}
	}
}

// remember predicts the same key at the same position of the next object.
func (o *object) remember(i int, text []byte, code int) {
	if i >= maxSlots {
		return
	}
	if i == len(o.shape) {
		o.shape = append(o.shape, slot{})
	}
	if len(text) > maxSlotText {
		text = nil
	}
	t := slot{text: append(o.shape[i].text[:0], text...), code: code}
	if n := len(text); n >= 8 {
		t.first, t.last = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	}
	o.shape[i] = t
}

// each visits the columns.
func (o *object) each(visit func(c *columns.Column)) {
	for i := range o.targets {
		p := &o.targets[i]
		if p.column != nil {
			visit(p.column)
		}
		for j := range p.more {
			visit(p.more[j].column)
		}
		if p.below != nil {
			p.below.each(visit)
		}
	}
}

// rare reads what is not the value of just one column. Its key stands
// somewhere in s[from:p].
func (d *Decoder) rare(o *object, s []byte, from, p, code int) (after int, err error) {
	keyEnd := p
	if p = skipSpace(s, p); p == len(s) {
		return 0, syntax(s, p, "a value")
	}
	if code == unknown {
		if after, err = skipValue(s, p, 0); err != nil {
			return 0, err
		}
		if o != d.root || d.extra == nil {
			d.unknownInThis++
			return after, nil
		}
		d.keep(s[from:keyEnd], s[p:after])
		return after, nil
	}
	to := &o.targets[otherTarget-code]
	if to.column != nil {
		after, err = d.value(s, p, to)
	}
	for i := 0; i < len(to.more) && err == nil; i++ {
		after, err = d.value(s, p, &to.more[i])
	}
	if to.below != nil && err == nil {
		after, err = d.below(s, p, to.below)
	}
	return after, err
}

// below reads an object on the way to columns. A null has none of their keys.
func (d *Decoder) below(s []byte, p int, o *object) (after int, err error) {
	o.each((*columns.Column).Unset) // what an equal key before this one has set
	if s[p] == '{' {
		return d.object(s, p, o)
	}
	if after, err = skipValue(s, p, 0); err != nil {
		return 0, err
	}
	if s[p] != 'n' {
		got := described(s[p:after]) + " on the way to it"
		o.each(func(c *columns.Column) { c.SetBad(got) })
	}
	return after, nil
}

func (d *Decoder) structure(s []byte, p int, to *target) (after int, err error) {
	to.column.Begin()
	after, err = d.object(s, p, to.fields)
	to.column.End()
	return after, err
}

func (d *Decoder) list(s []byte, p int, to *target) (after int, err error) {
	c := to.column
	c.Begin()
	if p = skipSpace(s, p+1); p < len(s) && s[p] == ']' {
		c.End()
		return p + 1, nil
	}
	for wanted := true; ; p++ {
		if !wanted {
			p, err = skipValue(s, p, 0)
		} else if p, err = d.value(s, skipSpace(s, p), to.item); err == nil {
			wanted = c.EndItem()
		}
		if err != nil {
			return 0, err
		}
		switch p = skipSpace(s, p); {
		case p < len(s) && s[p] == ']':
			c.End()
			return p + 1, nil
		case p == len(s) || s[p] != ',':
			return 0, syntax(s, p, "a comma or ]")
		}
	}
}

// keep adds a key without a column to the rest. before is all that stands
// before its value.
func (d *Decoder) keep(before, value []byte) {
	separator := byte(',')
	if len(d.extraText) == 0 {
		separator = '{'
	}
	d.extraText = append(d.extraText, separator)
	d.extraText = append(d.extraText, before[bytes.IndexByte(before, '"'):bytes.LastIndexByte(before, '"')+1]...)
	d.extraText = append(append(d.extraText, ':'), value...)
}

func (d *Decoder) setExtra() {
	if d.extraText = append(d.extraText, '}'); !utf8.Valid(d.extraText) {
		d.extra.SetBad("bytes that are not UTF-8 in a key without a column, or its value")
		return
	}
	d.extra.SetBytes(d.extraText)
}

// Reader reads single JSON values into a column that a Builder builds. It is
// for one goroutine.
type Reader struct {
	decoder Decoder
	to      target
}

// NewReader makes a reader into a column of the given spec.
func NewReader(c *columns.Column, spec *sdk.Column) *Reader {
	return &Reader{to: newTarget("", c, spec)}
}

// UnknownNames hands over names of such keys, each once: see Decoder.Observe.
func (r *Reader) UnknownNames() []string { return r.decoder.newNames() }

// UnknownKeys is how many keys of the values so far had no field.
func (r *Reader) UnknownKeys() int64 { return r.decoder.unknownInThis }

// Set sets the row being built to a value, or to bad, which its Commit reports.
// Text that is not JSON is an error.
func (r *Reader) Set(text []byte) error {
	p, err := r.decoder.value(text, skipSpace(text, 0), &r.to)
	if err != nil {
		return err
	}
	if p = skipSpace(text, p); p < len(text) {
		return syntax(text, p, "nothing after the value")
	}
	return nil
}
