package expr

import (
	"bytes"
	"regexp"
	"time"
	"unicode/utf8"
)

// concat joins two texts.
type concat struct{ left, right node }

func (c *concat) eval(b *batch, need []uint8) (*vector, error) {
	left, err := c.left.eval(b, need)
	if err != nil {
		return nil, err
	}
	right, err := c.right.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: text, offsets: make([]int32, b.n+1)}
	out.inherit(b.n, left, right)
	size := int64(0)
	wanted := func(i int) bool { return (need == nil || need[i] == 1) && (out.state == nil || out.state[i] == no) }
	for i := range b.n {
		if !wanted(i) {
			continue
		}
		if n := int64(len(left.bytes(i)) + len(right.bytes(i))); n > MaxValue {
			out.fail(i, b.n, tooLong(n))
		} else {
			size += n
		}
	}
	if !fits(size, b.n) {
		return nil, ErrTooMuchText
	}
	out.data = make([]byte, 0, size)
	for i := range b.n {
		if wanted(i) {
			out.data = append(append(out.data, left.bytes(i)...), right.bytes(i)...)
		}
		out.offsets[i+1] = int32(len(out.data))
	}
	return out, nil
}

// search tests text for a part.
type search struct {
	test     func(in, part []byte) bool
	in, part node
}

var searches = map[string]func(in, part []byte) bool{
	"startsWith": bytes.HasPrefix, "endsWith": bytes.HasSuffix, "contains": bytes.Contains}

func (s *search) eval(b *batch, need []uint8) (*vector, error) {
	in, err := s.in.eval(b, need)
	if err != nil {
		return nil, err
	}
	part, err := s.part.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, state: make([]uint8, b.n)}
	for i := range out.state {
		if need == nil || need[i] == 1 {
			out.state[i] = bit(s.test(in.bytes(i), part.bytes(i)))
		}
	}
	out.inherit(b.n, in, part)
	return out, nil
}

// match tests text by a pattern.
type match struct {
	pattern *regexp.Regexp
	of      node
}

func (m *match) eval(b *batch, need []uint8) (*vector, error) {
	v, err := m.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, state: make([]uint8, b.n)}
	for i := range out.state {
		if (need == nil || need[i] == 1) && v.missing(i) == no {
			out.state[i] = bit(m.pattern.Match(v.bytes(i)))
		}
	}
	out.inherit(b.n, v)
	return out, nil
}

// length is the number of code points of a text.
type length struct{ of node }

func (l *length) eval(b *batch, need []uint8) (*vector, error) {
	v, err := l.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: integer, ints: make([]int64, b.n)}
	for i := range out.ints {
		if value := v.bytes(i); v.kind == blob {
			out.ints[i] = int64(len(value))
		} else {
			out.ints[i] = int64(utf8.RuneCount(value))
		}
	}
	out.inherit(b.n, v)
	return out, nil
}

// part is a part of a timestamp, in UTC.
type part struct {
	get func(time.Time) int
	of  node
}

// parts are CEL's: months, days of the month and days of the year from 0, but
// getDate from 1.
var parts = map[string]func(time.Time) int{
	"getFullYear":     time.Time.Year,
	"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
	"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
	"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
	"getDate":         time.Time.Day,
	"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
	"getHours":        time.Time.Hour,
	"getMinutes":      time.Time.Minute,
	"getSeconds":      time.Time.Second,
	"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / 1_000_000 },
}

func (p *part) eval(b *batch, need []uint8) (*vector, error) {
	v, err := p.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: integer, ints: make([]int64, b.n)}
	stride := v.stride()
	for i := range out.ints {
		out.ints[i] = int64(p.get(time.UnixMicro(v.ints[i&stride]).UTC()))
	}
	out.inherit(b.n, v)
	return out, nil
}
