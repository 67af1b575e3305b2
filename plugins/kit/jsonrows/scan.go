package jsonrows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"etlengine/plugins/kit/columns"
)

// maxDepth bounds how deep values may nest: encoding/json's limit too.
const maxDepth = 10_000

// errSurrogate says that a string has an escaped half of a surrogate pair,
// which UTF-8 cannot hold. The JSON is well-formed otherwise.
var errSurrogate = errors.New("half of a surrogate pair")

// syntax says that s is not JSON, because of what stands at p.
func syntax(s []byte, p int, want string) error {
	if p >= len(s) {
		return fmt.Errorf("not JSON: want %s, got the end of the text", want)
	}
	r, _ := utf8.DecodeRune(s[p:])
	return fmt.Errorf("not JSON: want %s, got %q at byte %d", want, r, p+1)
}

// described is what s begins with, for messages.
func described(s []byte) string {
	switch {
	case len(s) == 0:
		return "nothing"
	case s[0] == '{':
		return "an object"
	case s[0] == '[':
		return "an array"
	}
	return columns.Quoted(s)
}

func skipSpace(s []byte, p int) int {
	for p < len(s) && (s[p] == ' ' || s[p] == '\n' || s[p] == '\r' || s[p] == '\t') {
		p++
	}
	return p
}

const (
	everyLow  = 0x0101010101010101
	everyHigh = 0x8080808080808080
)

// marks has a high bit set in the lowest byte of w that a JSON string cannot
// hold as it is: a quote, a backslash or a control character. Bits above that
// may be set wrongly, by a borrow.
func marks(w uint64) uint64 {
	// Of a byte below 0x80, subtracting borrows from the high bit if it is zero, or below the space.
	control, quote, slash := w-' '*everyLow, (w^'"'*everyLow)-everyLow, (w^'\\'*everyLow)-everyLow
	return (control | quote | slash) &^ w & everyHigh
}

func isMark(b byte) bool { return b == '"' || b == '\\' || b < ' ' }

// special is the index of the first byte at or after p that a JSON string
// cannot hold as it is; len(s) if there is none. high reports whether a byte
// beyond ASCII came before, or soon after.
func special(s []byte, p int) (at int, high bool) {
	beyond := uint64(0)
	for ; p+8 <= len(s); p += 8 {
		w := binary.LittleEndian.Uint64(s[p:])
		beyond |= w
		if found := marks(w); found != 0 {
			return p + bits.TrailingZeros64(found)/8, beyond&everyHigh != 0
		}
	}
	for ; p < len(s) && !isMark(s[p]); p++ {
		beyond |= uint64(s[p])
	}
	return p, beyond&everyHigh != 0
}

// copyPlain copies s to dst up to the first byte that a JSON string cannot hold
// as it is, or as far as both go, and returns how much that is. high is as of special.
// It may write more into dst than that.
func copyPlain(dst, s []byte) (n int, high bool) {
	beyond := uint64(0)
	most := min(len(dst), len(s))
	for ; n+8 <= most; n += 8 {
		w := binary.LittleEndian.Uint64(s[n:])
		binary.LittleEndian.PutUint64(dst[n:], w)
		beyond |= w
		if found := marks(w); found != 0 {
			return n + bits.TrailingZeros64(found)/8, beyond&everyHigh != 0
		}
	}
	for ; n < most && !isMark(s[n]); n++ {
		dst[n] = s[n]
		beyond |= uint64(s[n])
	}
	return n, beyond&everyHigh != 0
}

// scanString finds the quote that ends the string beginning at p. Whether its
// escapes are right is for unescape to say.
func scanString(s []byte, p int) (end int, escaped, high bool, err error) {
	for {
		at, beyond := special(s, p)
		high = high || beyond
		switch {
		case at >= len(s):
			return 0, false, false, syntax(s, at, "a quote that ends the string")
		case s[at] == '"':
			return at, escaped, high, nil
		case s[at] != '\\':
			return 0, false, false, syntax(s, at, `an escape such as \n`)
		}
		escaped = true
		p = at + 2
	}
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape adds s[p:end], the inside of a string, to dst. After errSurrogate,
// which comes last, dst has replacement characters in it.
func unescape(dst, s []byte, p, end int) ([]byte, error) {
	var lone error
	for p < end {
		at := bytes.IndexByte(s[p:end], '\\')
		if at < 0 {
			return append(dst, s[p:end]...), lone
		}
		dst = append(dst, s[p:p+at]...)
		at += p
		if b := s[at+1]; b != 'u' {
			if escapes[b] == 0 {
				return dst, syntax(s, at+1, "an escape that JSON has")
			}
			dst, p = append(dst, escapes[b]), at+2
			continue
		}
		r, ok := hex(s[at+2 : end])
		if !ok {
			return dst, syntax(s, at+2, "four hexadecimal digits")
		}
		p = at + 6
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if p+6 <= end && s[p] == '\\' && s[p+1] == 'u' {
				low, _ = hex(s[p+2 : end])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				lone = errSurrogate
			} else {
				p += 6
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, lone
}

func hex(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, b := range s[:4] {
		switch {
		case b-'0' <= 9:
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

// scanNumber finds the end of the number at p.
func scanNumber(s []byte, p int) (after int, err error) {
	if s[p] == '-' {
		p++
	}
	from := p
	if p = skipDigits(s, p); p == from {
		return 0, syntax(s, p, "a digit")
	}
	if s[from] == '0' && p > from+1 {
		return 0, syntax(s, from+1, "no digit after a leading zero")
	}
	if p < len(s) && s[p] == '.' {
		from = p + 1
		if p = skipDigits(s, from); p == from {
			return 0, syntax(s, p, "a digit")
		}
	}
	if p < len(s) && s[p]|0x20 == 'e' {
		if p++; p < len(s) && (s[p] == '+' || s[p] == '-') {
			p++
		}
		from = p
		if p = skipDigits(s, from); p == from {
			return 0, syntax(s, p, "a digit")
		}
	}
	return p, nil
}

func skipDigits(s []byte, p int) int {
	for p < len(s) && s[p]-'0' <= 9 {
		p++
	}
	return p
}

// scanLiteral finds the end of the true, false or null at p.
func scanLiteral(s []byte, p int) (after int, err error) {
	for _, word := range [...]string{"null", "true", "false"} {
		if after = p + len(word); after <= len(s) && string(s[p:after]) == word {
			return after, nil
		}
	}
	return 0, syntax(s, p, "a value")
}
