package config

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const masked = "***"

// certain is how many bytes of a secret are enough to know it by: messages shorten
// values, so what follows may be missing.
const certain = 8

// Mask returns the text without the secrets.
func (s *Secrets) Mask(text string) string {
	if s == nil {
		return text
	}
	for _, secret := range s.values {
		text = mask(text, secret)
	}
	return text
}

// mask replaces a secret, or a long enough beginning of it. A short one must stand
// by itself: it may be part of ordinary words.
func mask(text, secret string) string {
	start := secret[:min(len(secret), certain)]
	at := strings.Index(text, start)
	if at < 0 {
		return text
	}
	var b strings.Builder
	for ; at >= 0; at = strings.Index(text, start) {
		length := 0
		for length < len(secret) && at+length < len(text) && text[at+length] == secret[length] {
			length++
		}
		b.WriteString(text[:at])
		if len(secret) < certain && !standsAlone(text, at, at+length) {
			b.WriteString(text[at : at+length])
		} else {
			b.WriteString(masked)
		}
		text = text[at+length:]
	}
	b.WriteString(text)
	return b.String()
}

func standsAlone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	return !word(before) && !word(after)
}

// variants are the forms in which a value is written: as it is, quoted, in JSON, in
// a URL, and in the header of basic authentication.
func variants(value string) []string {
	inner := func(quoted string) string { return strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`) }
	inJSON, _ := json.Marshal(value) // a string always encodes
	all := []string{value, inner(strconv.Quote(value)), inner(string(inJSON)), url.QueryEscape(value),
		url.PathEscape(value), strings.TrimPrefix(url.UserPassword("", value).String(), ":")}
	all = append(all, strings.ReplaceAll(value, "'", "''")) // in quotes of YAML
	if plain, err := url.PathUnescape(value); err == nil {
		all = append(all, plain)
	}
	if len(value) >= certain {
		all = append(all, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	return all
}

// Printable returns text for a terminal or a log: control characters, marks that
// change the direction of writing and bytes that are not UTF-8 are written as
// escapes, line ends and tabs stay.
func Printable(text string) string {
	clean := true
	for i, r := range text {
		if unprintable(text[i:], r) {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case !unprintable(text[i:], r):
			b.WriteRune(r)
		case r == utf8.RuneError:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}

func unprintable(text string, r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return true
	case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
		return true
	}
	return r == utf8.RuneError && !strings.HasPrefix(text, "\uFFFD")
}
