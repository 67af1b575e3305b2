// Package textrows turns delimited text (RFC 4180) into columns and columns
// into delimited text: one record is one row.
//
// A null and an empty string are told apart by quotes: a null is the text of
// Options.Null as it is, a string that looks like it is quoted. So with the
// default, a null is an empty cell and an empty string is "".
package textrows

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/columns"
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
// header tells whether the cells have names.
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

// special is the index of the first byte at or after p that ends a cell or
// makes it need quotes: the delimiter, a quote, \n or \r; len(s) if there is none.
func special(s []byte, p int, delimiter byte) int {
	marks := uint64(delimiter) * everyLow
	for ; p+8 <= len(s); p += 8 {
		w := binary.LittleEndian.Uint64(s[p:])
		mark, quote, feed, back := w^marks, w^('"'*everyLow), w^('\n'*everyLow), w^('\r'*everyLow)
		// The high bit of a byte is set where it was zero. Bytes above the lowest
		// such one may have it wrongly, by a borrow: only the lowest is used.
		found := ((mark-everyLow)&^mark | (quote-everyLow)&^quote |
			(feed-everyLow)&^feed | (back-everyLow)&^back) & everyHigh
		if found != 0 {
			return p + bits.TrailingZeros64(found)/8
		}
	}
	for ; p < len(s); p++ {
		if b := s[p]; b == delimiter || b == '"' || b == '\n' || b == '\r' {
			break
		}
	}
	return p
}
