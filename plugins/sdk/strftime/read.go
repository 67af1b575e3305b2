package strftime

import "bytes"

// read reads what a directive stands for and returns how long it is.
func (p *parts) read(kind byte, text []byte) (n int, ok bool) {
	switch kind {
	case 'Y':
		p.year, n = number(text, 4)
		return n, n == 4
	case 'y':
		p.year, n = number(text, 2)
		if p.year += 1900; p.year < 1969 {
			p.year += 100
		}
		return n, n == 2
	case 'm':
		return within(&p.month, text, 2, 1, 12)
	case 'b':
		p.month, n = named(text, "january february march april may june july august september october "+
			"november december")
		return n, n > 0
	case 'd':
		return within(&p.day, text, 2, 1, 31)
	case 'j':
		return within(&p.yearDay, text, 3, 1, 366)
	case 'a':
		_, n = named(text, "monday tuesday wednesday thursday friday saturday sunday")
		return n, n > 0
	case 'H':
		return within(&p.hour, text, 2, 0, 23)
	case 'I':
		p.twelve = true
		return within(&p.hour, text, 2, 1, 12)
	case 'p':
		half := text[:min(2, len(text))]
		p.afternoon = bytes.EqualFold(half, []byte("pm"))
		return 2, p.afternoon || bytes.EqualFold(half, []byte("am"))
	case 'M':
		return within(&p.minute, text, 2, 0, 59)
	case 'S':
		return within(&p.second, text, 2, 0, 59)
	case 'f':
		return p.fraction(text)
	case 'z':
		return p.zone(text)
	}
	return p.seconds(text)
}

// number reads up to most digits.
func number(text []byte, most int) (v, n int) {
	for n < min(most, len(text)) && text[n]-'0' <= 9 {
		v = v*10 + int(text[n]-'0')
		n++
	}
	return v, n
}

// within reads a number of one digit or more, which a space may fill up.
func within(into *int, text []byte, most, low, high int) (n int, ok bool) {
	pad := 0
	if most == 2 && len(text) > 1 && text[0] == ' ' {
		pad = 1
	}
	v, n := number(text[pad:], most-pad)
	*into = v
	return pad + n, n > 0 && v >= low && v <= high
}

// named reads one of the names, or its first three letters, in any case.
func named(text []byte, names string) (which, n int) {
	for name := range bytes.SplitSeq([]byte(names), []byte(" ")) {
		which++
		for _, n := range [2]int{len(name), 3} {
			if len(text) >= n && bytes.EqualFold(text[:n], name[:n]) {
				return which, n
			}
		}
	}
	return 0, 0
}

// fraction reads digits of a second; those finer than a microsecond are cut.
func (p *parts) fraction(text []byte) (n int, ok bool) {
	unit := microsPerSecond / 10
	p.micros = 0
	for n < min(9, len(text)) && text[n]-'0' <= 9 {
		p.micros += int(text[n]-'0') * unit
		unit /= 10
		n++
	}
	return n, n > 0
}

// zone reads Z, or a sign, two digits of hours and perhaps two of minutes.
func (p *parts) zone(text []byte) (n int, ok bool) {
	if len(text) > 0 && (text[0] == 'Z' || text[0] == 'z') {
		return 1, true
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, digits := number(text[1:], 2)
	if digits != 2 || hours > 23 {
		return 0, false
	}
	n = 3
	after := text[3:]
	colon := len(after) > 0 && after[0] == ':'
	if colon {
		after = after[1:]
	}
	minutes, digits := number(after, 2)
	switch {
	case digits == 2 && minutes < 60 && colon:
		n += 3
	case digits == 2 && minutes < 60:
		n += 2
	case digits > 0 || colon:
		return 0, false
	}
	if p.offset = int64(hours*60+minutes) * 60 * microsPerSecond; text[0] == '-' {
		p.offset = -p.offset
	}
	return n, true
}

// seconds reads a number of seconds since 1970, with years of at most five digits.
func (p *parts) seconds(text []byte) (n int, ok bool) {
	sign := 0
	if len(text) > 0 && text[0] == '-' {
		sign = 1
	}
	v, n := number(text[sign:], 12)
	p.unix = int64(v)
	if sign > 0 {
		p.unix = -p.unix
	}
	return sign + n, n > 0
}
