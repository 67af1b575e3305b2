// Package textrows turns delimited text (RFC 4180) into columns and columns
// into delimited text: one record is one row.
//
// Quotes distinguish a null from an empty string: a null is the text of
// Options.Null as it is, a string that looks like it is quoted. So with the
// default, a null is an empty cell and an empty string is "".
package textrows

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// Options say how rows are written as text. The zero value is plain CSV.
type Options struct {
	Delimiter      byte   // 0: a comma
	Null           string // how a null is written, unquoted; text that looks like it is quoted
	CRLF           bool   // lines end in \r\n; readers take both
	EscapeFormulas bool   // text that a spreadsheet would calculate gets a ' in front
}

func (o Options) delimiter() byte {
	if o.Delimiter == 0 {
		return ','
	}
	return o.Delimiter
}

// Check returns what of a field "schema" a Decoder cannot read, for Validate.
// header reports whether the cells have names.
func Check(schema sdk.Schema, header bool) error {
	for i, column := range schema {
		source := column.Value.Source(column.Key)
		same := func(e sdk.Entry[sdk.Column]) bool { return e.Value.Source(e.Key) == source }
		switch {
		case column.Value.From != "" && !header:
			return sdk.Fieldf("schema."+column.Key+".from",
				"names a cell by the header's name, and there is no header; columns are taken in order")
		case slices.ContainsFunc(schema[:i], same):
			return sdk.Fieldf("schema."+column.Key, "the cell %q is the value of another column already", source)
		}
	}
	return nil
}

// ParseDelimiter is the delimiter for the field "delimiter" of a config.
func ParseDelimiter(text string) (byte, error) {
	if text == `\t` { // what YAML has in single quotes, or none
		return '\t', nil
	}
	if len(text) != 1 || text[0] >= 0x80 || strings.Contains("\"\r\n\x00", text) {
		return 0, sdk.Problem{Path: "delimiter", Hint: `such as "," ";" "|" or "\t"`,
			Message: "want one ASCII character, no quote and no line break, got " + columns.Quoted([]byte(text))}
	}
	return text[0], nil
}

// CheckNull refuses a field "null_value" that could not be read back.
func CheckNull(text string, delimiter byte) error {
	if strings.ContainsAny(text, "\"\r\n") || strings.IndexByte(text, delimiter) >= 0 {
		return sdk.Fieldf("null_value", "want text without quotes, delimiters and line breaks, got %s",
			columns.Quoted([]byte(text)))
	}
	return nil
}

const (
	everyLow  = 0x0101010101010101
	everyHigh = 0x8080808080808080
)

// marks has a high bit set in the lowest byte of w that ends a cell or makes it
// need quotes: the delimiter, which is in every byte of delimiters, a quote, \n
// or \r. Bits above that may be set wrongly, by a borrow.
func marks(w, delimiters uint64) uint64 {
	mark, quote, feed, back := w^delimiters, w^('"'*everyLow), w^('\n'*everyLow), w^('\r'*everyLow)
	// Below 0x80, as all of them are, subtracting borrows from the high bit only where a byte was zero.
	return ((mark - everyLow) | (quote - everyLow) | (feed - everyLow) | (back - everyLow)) &^ w & everyHigh
}

func isMark(b, delimiter byte) bool { return b == delimiter || b == '"' || b == '\n' || b == '\r' }

// special is the index of the first byte at or after p that ends a cell or
// makes it need quotes; len(s) if there is none.
func special(s []byte, p int, delimiter byte) int {
	delimiters := uint64(delimiter) * everyLow
	for ; p+8 <= len(s); p += 8 {
		if found := marks(binary.LittleEndian.Uint64(s[p:]), delimiters); found != 0 {
			return p + bits.TrailingZeros64(found)/8
		}
	}
	for p < len(s) && !isMark(s[p], delimiter) {
		p++
	}
	return p
}

// copyPlain copies s to dst, which is as long, and reports whether it is a cell as
// it is. If not, part of it may be missing.
func copyPlain(dst, s []byte, delimiter byte) bool {
	delimiters := uint64(delimiter) * everyLow
	if len(s) < 8 {
		for i, b := range s {
			if isMark(b, delimiter) {
				return false
			}
			dst[i] = b
		}
		return true
	}
	for p := 0; ; p += 8 {
		p = min(p, len(s)-8) // the last bytes are looked at once more
		w := binary.LittleEndian.Uint64(s[p:])
		if marks(w, delimiters) != 0 {
			return false
		}
		binary.LittleEndian.PutUint64(dst[p:], w)
		if p == len(s)-8 {
			return true
		}
	}
}
