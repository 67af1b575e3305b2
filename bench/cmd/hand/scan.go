package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The text columns of a ticket, in the order of the output.
const (
	ticketID = iota
	clientID
	demande
	kind
	priorite
	textColumns
)

const (
	createdAt = textColumns + iota
	duration
	fields
)

// block is the rows of a chunk, column by column. Texts point into the chunk.
type block struct {
	texts   [textColumns][][]byte
	at      []int64  // microseconds
	atText  [][]byte // as it stood
	numbers []int64
}

func (b *block) reset() {
	for i := range b.texts {
		b.texts[i] = b.texts[i][:0]
	}
	b.at, b.atText, b.numbers = b.at[:0], b.atText[:0], b.numbers[:0]
}

// scanner expects each line to have the keys of the one before, in its order,
// and looks them up only where that is wrong.
type scanner struct {
	expected [fields]expectation
	clock    clock
}

// expectation is what stood before the nth value: a comma or brace, the key, a
// colon and, for a text, its quote.
type expectation struct {
	before []byte
	field  int
}

var errLine = errors.New("want an object of the ticket's seven fields")

// scan fills b with the rows of whole lines.
func (s *scanner) scan(lines []byte, b *block) error {
	b.reset()
	for len(lines) > 0 {
		remaining, err := s.line(lines, b)
		if err != nil {
			end := bytes.IndexByte(lines, '\n')
			return fmt.Errorf("%w: %s", err, lines[:max(0, end)])
		}
		lines = remaining
	}
	return nil
}

func (s *scanner) line(p []byte, b *block) ([]byte, error) {
	for i := range fields {
		e := &s.expected[i]
		if len(e.before) == 0 || !bytes.HasPrefix(p, e.before) {
			if err := e.learn(p); err != nil {
				return nil, err
			}
		}
		p = p[len(e.before):]
		var n int
		var err error
		if e.field == duration {
			n = number(p, b)
		} else {
			n, err = s.text(p, e.field, b)
		}
		if err != nil || n <= 0 {
			return nil, errLine
		}
		p = p[n:]
	}
	if len(p) < 2 || p[0] != '}' || p[1] != '\n' {
		return nil, errLine
	}
	return p[2:], nil
}

// learn takes a key as it stands.
func (e *expectation) learn(p []byte) error {
	if len(p) < 4 || p[1] != '"' {
		return errLine
	}
	end := bytes.IndexByte(p[2:], '"') + 2
	if end < 2 || len(p) < end+3 || p[end+1] != ':' {
		return errLine
	}
	field, ok := map[string]int{"ticket_id": ticketID, "client_id": clientID, "created_at": createdAt,
		"demande": demande, "type": kind, "priorite": priorite, "duration_ms": duration}[string(p[2:end])]
	if !ok {
		return errLine
	}
	length := end + 2
	if field != duration {
		length++
	}
	e.before, e.field = bytes.Clone(p[:length]), field
	return nil
}

// number reads a whole number and says how long it was.
func number(p []byte, b *block) int {
	n, i := int64(0), 0
	negative := len(p) > 0 && p[0] == '-'
	if negative {
		i = 1
	}
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		n = n*10 + int64(p[i]-'0')
		i++
	}
	if negative {
		n = -n
	}
	b.numbers = append(b.numbers, n)
	return i
}

// text reads up to the closing quote and says how long that was.
func (s *scanner) text(p []byte, field int, b *block) (int, error) {
	n := bytes.IndexByte(p, '"')
	if n < 0 {
		return 0, errLine
	}
	v := p[:n]
	if bytes.IndexByte(v, '\\') >= 0 {
		var err error
		if v, n, err = unescape(p); err != nil {
			return 0, err
		}
	}
	if field == createdAt {
		at, err := s.clock.parse(v)
		b.at, b.atText = append(b.at, at), append(b.atText, v)
		return n + 1, err
	}
	b.texts[field] = append(b.texts[field], v)
	return n + 1, nil
}

// unescape gives the text up to its closing quote, and where that is.
func unescape(p []byte) (v []byte, n int, err error) {
	v = make([]byte, 0, 96)
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '"':
			return v, i, nil
		case c != '\\':
			v = append(v, c)
		case i+1 < len(p):
			i++
			if p[i] == 'u' && i+4 < len(p) {
				r, err := strconv.ParseUint(string(p[i+1:i+5]), 16, 16)
				if err != nil {
					return nil, 0, err
				}
				v, i = utf8.AppendRune(v, rune(r)), i+4
				continue
			}
			plain, ok := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f',
				'"': '"', '\\': '\\', '/': '/'}[p[i]]
			if !ok {
				return nil, 0, errLine
			}
			v = append(v, plain)
		}
	}
	return nil, 0, errLine
}
