package jsonrows

import (
	"errors"
	"unicode/utf8"

	"etlengine/plugins/kit/columns"
)

// value reads the value at p into a column. One that the column cannot take is
// no error yet: a later key of the same name may win.
func (d *Decoder) value(s []byte, p int, to *target) (after int, err error) {
	if p == len(s) {
		return 0, syntax(s, p, "a value")
	}
	c := to.column
	if c.Kind == columns.JSON {
		return raw(s, p, c)
	}
	switch b := s[p]; {
	case b == '"':
		return d.string(s, p+1, c)
	case b == '-' || b-'0' <= 9:
		return number(s, p, c)
	case b == '{' && c.Kind == columns.Struct:
		return d.structure(s, p, to)
	case b == '[' && c.Kind == columns.List:
		return d.list(s, p, to)
	case b == '{' || b == '[':
		c.SetBad(described(s[p:]))
		return skipValue(s, p, 0)
	case b <= ' ': // the prediction ended where the object before had no space
		if p = skipSpace(s, p); p < len(s) && s[p] > ' ' {
			return d.value(s, p, to)
		}
	}
	return literal(s, p, c)
}

// raw takes a value's text as it is.
func raw(s []byte, p int, c *columns.Column) (after int, err error) {
	p = skipSpace(s, p)
	if after, err = skipValue(s, p, 0); err != nil {
		return 0, err
	}
	switch text := s[p:after]; {
	case s[p] == 'n':
		c.SetNull()
	case !utf8.Valid(text):
		c.SetBad("a text" + columns.NotUTF8)
	default:
		c.SetBytes(text)
	}
	return after, nil
}

func (d *Decoder) string(s []byte, p int, c *columns.Column) (after int, err error) {
	switch c.Kind {
	case columns.String:
		available := c.Available()
		n, high := copyPlain(available, s[p:])
		if at := p + n; n < len(available) && at < len(s) && s[at] == '"' && (!high || utf8.Valid(s[p:at])) {
			c.Wrote(n)
			return at + 1, nil
		}
	case columns.Timestamp:
		if end := timestampEnd(s, p); end > 0 && c.Plain() && c.SetText(s[p:end]) {
			return end + 1, nil
		}
	}
	return d.anyString(s, p, c)
}

// timestampEnd is where the string at p ends if it is a timestamp of a common
// length, such as 2006-01-02T15:04:05Z or one with milliseconds; else 0.
func timestampEnd(s []byte, p int) int {
	for _, length := range [...]int{len("2006-01-02T15:04:05Z"), len("2006-01-02T15:04:05.000Z"),
		len("2006-01-02T15:04:05.000000Z")} {
		if end := p + length; end < len(s) && s[end] == '"' && s[end-1] == 'Z' {
			return end
		}
	}
	return 0
}

// anyString is string without its short cuts.
func (d *Decoder) anyString(s []byte, p int, c *columns.Column) (after int, err error) {
	end, escaped, high, err := scanString(s, p)
	if err != nil {
		return 0, err
	}
	text := s[p:end]
	if escaped {
		if d.text, err = unescape(d.text[:0], s, p, end); errors.Is(err, errSurrogate) {
			c.SetBad("half of a surrogate pair in " + columns.Quoted(text))
			return end + 1, nil
		} else if err != nil {
			return 0, err
		}
		text = d.text
	}
	switch c.Kind {
	case columns.String:
		if high && !utf8.Valid(text) {
			c.SetBad(columns.Quoted(text) + columns.NotUTF8)
			return end + 1, nil
		}
		c.SetBytes(text)
		return end + 1, nil
	case columns.Timestamp, columns.Date, columns.Time, columns.Bytes, columns.Decimal:
		if !c.Unix() && c.SetText(text) {
			return end + 1, nil
		}
	}
	if c.Unix() {
		c.SetBad("the text " + columns.Quoted(text) + ", not a number")
		return end + 1, nil
	}
	c.SetBad(columns.Quoted(text) + c.Why(text))
	return end + 1, nil
}

func number(s []byte, p int, c *columns.Column) (after int, err error) {
	if c.Kind == columns.Int64 {
		if v, end, ok := smallInteger(s, p); ok {
			c.SetInt(v)
			return end, nil
		}
	}
	if after, err = scanNumber(s, p); err != nil {
		return 0, err
	}
	text := s[p:after]
	switch c.Kind {
	case columns.Bool, columns.Bytes:
		c.SetBad(string(text))
		return after, nil
	case columns.Timestamp, columns.Date, columns.Time:
		if !c.Unix() && !c.Patterned() {
			c.SetBad(string(text))
			return after, nil
		}
	}
	if !c.SetText(text) {
		c.SetBad(string(text[:min(len(text), 60)]) + c.Why(text))
	}
	return after, nil
}

// smallInteger reads the number at p if it is whole and short.
func smallInteger(s []byte, p int) (v int64, after int, ok bool) {
	negative := s[p] == '-'
	if negative {
		p++
	}
	from := p
	for ; p < len(s) && s[p]-'0' <= 9; p++ {
		v = v*10 + int64(s[p]-'0') // an overflow shows in the length
	}
	length := p - from
	if length == 0 || length > 18 || length > 1 && s[from] == '0' {
		return 0, 0, false
	}
	if p == len(s) || s[p] == '.' || s[p]|0x20 == 'e' {
		return 0, 0, false
	}
	if negative {
		v = -v
	}
	return v, p, true
}

func literal(s []byte, p int, c *columns.Column) (after int, err error) {
	if after, err = scanLiteral(s, p); err != nil {
		return 0, err
	}
	switch text := s[p:after]; {
	case text[0] == 'n':
		c.SetNull()
	case c.Kind == columns.Bool:
		c.SetBool(text[0] == 't')
	case c.Kind == columns.String:
		c.SetBytes(text)
	default:
		c.SetBad(string(text))
	}
	return after, nil
}
