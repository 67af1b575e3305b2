// Package strftime reads dates and times written by a pattern of strftime.
//
// The directives are those that mean the same in C, Python and Ruby:
//
//	%Y %y         year, of two digits 1969 to 2068
//	%m %b %B %h   month: its number, its English name whole or short
//	%d %e %j      day of the month, of the year
//	%a %A         day of the week in English; read and not used
//	%H %I %p      hour: of 24, of 12 with AM or PM
//	%M %S %f      minute, second, fraction of it (1 to 9 digits)
//	%z            offset from UTC: +0200, +02:00, +02 or Z
//	%s            seconds since 1970, UTC
//	%F %T %R %D   %Y-%m-%d  %H:%M:%S  %H:%M  %m/%d/%y
//	%n %t %%      line break, tab, percent sign
//
// A dash (%-d) says that numbers have no leading zeros, which is read anyway.
// All else in a pattern stands for itself. Names of zones (%Z) are not read:
// most of them mean several.
package strftime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Layout is a pattern that was understood. It may be used by many at a time.
type Layout struct {
	steps []step
	has   map[byte]bool // directives, by kind
	unix  bool
	dated bool
}

// step reads one directive, or text as it is.
type step struct {
	kind byte // 0: text
	text string
}

// Value is a date and time as it was written.
type Value struct {
	Days   int64 // since 1970-01-01, of the date
	Micros int64 // of the day
	Offset int64 // microseconds east of UTC, if the pattern has a zone
}

// same are the directives that say the same as another one.
var same = map[byte]byte{'e': 'd', 'h': 'b', 'B': 'b', 'A': 'a', 'k': 'H', 'l': 'I'}

// short are the directives that stand for several.
var short = strings.NewReplacer("%%", "%%", "%F", "%Y-%m-%d", "%T", "%H:%M:%S", "%R", "%H:%M",
	"%D", "%m/%d/%y", "%n", "\n", "%t", "\t")

const directives = "YymbdjaHIpMSfzs"

// New reads a pattern.
func New(pattern string) (*Layout, error) {
	l := &Layout{has: map[byte]bool{}}
	for remaining := short.Replace(pattern); remaining != ""; {
		at := strings.IndexByte(remaining, '%')
		if at != 0 {
			if at < 0 {
				at = len(remaining)
			}
			l.literal(remaining[:at])
			remaining = remaining[at:]
			continue
		}
		remaining = strings.TrimPrefix(remaining[1:], "-")
		if remaining == "" {
			return nil, errors.New("want a directive after the last %, such as %d")
		}
		if err := l.directive(remaining[0]); err != nil {
			return nil, err
		}
		remaining = remaining[1:]
	}
	l.unix, l.dated = l.has['s'], l.Dated()
	return l, l.check()
}

func (l *Layout) literal(text string) {
	if last := len(l.steps) - 1; last >= 0 && l.steps[last].kind == 0 {
		l.steps[last].text += text
		return
	}
	l.steps = append(l.steps, step{text: text})
}

func (l *Layout) directive(d byte) error {
	kind := d
	if k, ok := same[d]; ok {
		kind = k
	}
	switch {
	case d == '%':
		l.literal("%")
		return nil
	case d == 'Z':
		return errors.New("%Z is not read: names of zones mean several; use %z, or the key timezone")
	case strings.IndexByte(directives, kind) < 0:
		return fmt.Errorf("no directive %%%c (have %%%s)", d, strings.Join(strings.Split(directives, ""), " %"))
	case l.has[kind]:
		return fmt.Errorf("%%%c says what was said before", d)
	}
	l.has[kind] = true
	l.steps = append(l.steps, step{kind: kind})
	return nil
}

// check refuses what says too little or too much.
func (l *Layout) check() error {
	has := l.has
	switch {
	case has['Y'] && has['y']:
		return errors.New("want one of %Y and %y")
	case has['m'] && has['b']:
		return errors.New("want one of %m and %b")
	case has['j'] && (has['m'] || has['b'] || has['d']):
		return errors.New("want %j or month and day, not both")
	case has['H'] && (has['I'] || has['p']):
		return errors.New("want %H, or %I with %p")
	case has['I'] != has['p']:
		return errors.New("want %I and %p together, or %H")
	case has['M'] && !has['H'] && !has['I'], has['S'] && !has['M']:
		return errors.New("want hours with minutes, and minutes with seconds")
	case has['f'] && !has['S'] && !has['s']:
		return errors.New("want %S before %f")
	case has['s'] && (l.anyOf("YymbdjHIMSz")):
		return errors.New("want %s alone: it is the whole time")
	case l.anyOf("Yymbdj") && !l.Dated():
		return errors.New("want the whole of a date: year, month and day, or year and %j")
	case !l.Dated() && !l.Timed():
		return errors.New("want a date or a time, such as %d/%m/%Y or %H:%M")
	case !l.Dated() && has['z']:
		return errors.New("want a date with %z")
	}
	return nil
}

func (l *Layout) anyOf(kinds string) bool {
	for i := range len(kinds) {
		if l.has[kinds[i]] {
			return true
		}
	}
	return false
}

// Dated reports whether the pattern has a whole date.
func (l *Layout) Dated() bool {
	year, month := l.has['Y'] || l.has['y'], l.has['m'] || l.has['b']
	return l.has['s'] || year && (l.has['j'] || month && l.has['d'])
}

// Timed reports whether the pattern has a time of the day.
func (l *Layout) Timed() bool { return l.anyOf("HIs") }

// Zoned reports whether the pattern says how far the time is from UTC.
func (l *Layout) Zoned() bool { return l.anyOf("zs") }

// parts is what directives have read.
type parts struct {
	year, month, day, yearDay    int
	hour, minute, second, micros int
	afternoon, twelve            bool
	offset, unix                 int64
}

// Read reads a text that is written by the pattern, all of it.
func (l *Layout) Read(text []byte) (v Value, ok bool) {
	p := parts{month: 1, day: 1}
	for _, s := range l.steps {
		if s.kind == 0 {
			if len(text) < len(s.text) || string(text[:len(s.text)]) != s.text {
				return v, false
			}
			text = text[len(s.text):]
			continue
		}
		n, ok := p.read(s.kind, text)
		if !ok {
			return v, false
		}
		text = text[n:]
	}
	if len(text) > 0 {
		return v, false
	}
	return p.value(l.unix, l.dated)
}

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 24 * 60 * 60
)

// value is what the parts stand for, if there is such a date.
func (p *parts) value(unix, dated bool) (v Value, ok bool) {
	if unix {
		v.Days = p.unix / secondsPerDay
		seconds := p.unix % secondsPerDay
		if seconds < 0 {
			v.Days, seconds = v.Days-1, seconds+secondsPerDay
		}
		v.Micros = seconds*microsPerSecond + int64(p.micros)
		return v, true
	}
	if p.twelve {
		p.hour %= 12
		if p.afternoon {
			p.hour += 12
		}
	}
	v.Micros = int64((p.hour*60+p.minute)*60+p.second)*microsPerSecond + int64(p.micros)
	v.Offset = p.offset
	if !dated {
		return v, true
	}
	if p.yearDay > 0 {
		p.day = p.yearDay // of January, which time.Date carries over
	}
	t := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
	v.Days = t.Unix() / secondsPerDay
	if t.Unix()%secondsPerDay < 0 {
		v.Days--
	}
	if p.yearDay > 0 {
		return v, t.Year() == p.year
	}
	return v, t.Day() == p.day && int(t.Month()) == p.month // there is no 30th of February
}
