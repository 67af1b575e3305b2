package textfiles

import (
	"bytes"
	"errors"
	"fmt"
)

// Begin advances past a byte order mark at the beginning of the file, and refuses text
// that is not UTF-8 as what it is: read on, it would be cells with zeros in them.
// crBefore is what stands behind a line break that is a CR alone; 0: anything may.
func (in *Input) Begin(crBefore byte) error {
	data := in.Data()
	if err := in.checkContents(data); err != nil {
		return err
	}
	if encoding := unicodeEncoding(data); encoding != "" {
		return fmt.Errorf("want UTF-8, got %s: convert the file, with iconv -f %s -t utf-8", encoding,
			iconvNames[encoding])
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		in.Advance(3)
	}
	if onlyCR(in.Data(), crBefore) {
		return errors.New(`want lines that end in LF or CRLF, got a file whose lines end in CR alone: convert it, ` +
			`with tr '\r' '\n'`)
	}
	return nil
}

var iconvNames = map[string]string{"UTF-16": "utf-16", "UTF-16LE": "utf-16le", "UTF-16BE": "utf-16be",
	"UTF-32": "utf-32", "UTF-32LE": "utf-32le", "UTF-32BE": "utf-32be"}

// unicodeEncoding is the encoding of text in units of 2 or 4 bytes, or "". It is known by
// its mark, or by the zeros beside the first characters, which are ASCII in practice.
func unicodeEncoding(data []byte) string {
	is := func(zero ...bool) bool {
		if len(data) < len(zero) {
			return false
		}
		for i, want := range zero {
			if (data[i] == 0) != want {
				return false
			}
		}
		return true
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return "UTF-32"
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return "UTF-16"
	case is(false, true, true, true, false, true, true, true):
		return "UTF-32LE"
	case is(true, true, true, false, true, true, true, false):
		return "UTF-32BE"
	case is(false, true, false, true):
		return "UTF-16LE"
	case is(true, false, true, false):
		return "UTF-16BE"
	}
	return ""
}

// onlyCR reports whether data has line breaks outside quotes, and all of them are a CR
// alone.
func onlyCR(data []byte, before byte) bool {
	if bytes.IndexByte(data, '\r') < 0 || bytes.IndexByte(data, '\n') >= 0 {
		return false
	}
	quoted := false
	for i, b := range data {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\r' && !quoted && i+1 < len(data):
			next := bytes.TrimLeft(data[i+1:], "\r ")
			if before == 0 || len(next) > 0 && next[0] == before {
				return true
			}
		}
	}
	return false
}
