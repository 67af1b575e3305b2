package ticketgenerator

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// request is a text taken apart: what is copied, and what is filled in after it.
type request []piece

type piece struct {
	text  string
	words []string // one of them follows; none: nothing does
	digit bool     // five digits follow
}

// phrasebook writes requests that suit a type of ticket. Openings, bodies and
// closings are drawn apart, so that few texts make many requests.
type phrasebook struct {
	tongues []tongue
}

type tongue struct {
	openings, closings []request
	bodies             [][]request // by the index of the type
	capital            [][]request // the same bodies as the beginning of a text
}

// newPhrasebook prepares texts for these types; one that no text is written
// for gets those that suit every type.
func newPhrasebook(types []string) (*phrasebook, error) {
	var book phrasebook
	for _, l := range languages() {
		var t tongue
		var err error
		if t.openings, err = parseAll(l.openings, l.words); err != nil {
			return nil, err
		}
		if t.closings, err = parseAll(l.closings, l.words); err != nil {
			return nil, err
		}
		for _, name := range types {
			texts := l.requests[name]
			if len(texts) == 0 {
				texts = l.requests[""]
			}
			bodies, err := parseAll(texts, l.words)
			if err != nil {
				return nil, err
			}
			t.bodies = append(t.bodies, bodies)
			capital := make([]request, len(bodies))
			for i, body := range bodies {
				capital[i] = capitalised(body)
			}
			t.capital = append(t.capital, capital)
		}
		book.tongues = append(book.tongues, t)
	}
	return &book, nil
}

func parseAll(texts []string, words map[string][]string) ([]request, error) {
	var all []request
	for _, text := range texts {
		r, err := parseRequest(text, words)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func parseRequest(text string, words map[string][]string) (request, error) {
	var r request
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if !found {
			return append(r, piece{text: text}), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		choice, known := words[name]
		if !closed || !known && name != "number" {
			return nil, fmt.Errorf("reading the request %q: no words named %q", text, name)
		}
		r = append(r, piece{text: before, words: choice, digit: name == "number"})
		text = after
	}
	return r, nil
}

// capitalised is the request as the beginning of a text.
func capitalised(r request) request {
	upper := func(s string) string {
		first, size := utf8.DecodeRuneInString(s)
		return string(unicode.ToUpper(first)) + s[size:]
	}
	r = slices.Clone(r)
	if r[0].text != "" {
		r[0].text = upper(r[0].text)
		return r
	}
	r[0].words = slices.Clone(r[0].words)
	for i, word := range r[0].words {
		r[0].words[i] = upper(word)
	}
	return r
}

// append writes a request for a type. Which one is up to the 128 random bits.
func (b *phrasebook) append(dst []byte, kind int32, which, fill uint64) []byte {
	t := &b.tongues[choose(which, len(b.tongues))]
	opening := t.openings[choose(which>>12, len(t.openings))]
	bodies := t.bodies[kind]
	if len(opening) == 0 {
		bodies = t.capital[kind]
	}
	dst = opening.append(dst, fill)
	dst = bodies[choose(which>>24, len(bodies))].append(dst, fill)
	return t.closings[choose(which>>36, len(t.closings))].append(dst, fill>>8)
}

// choose scales the lowest 12 bits to a number below n, which is small.
func choose(random uint64, n int) int {
	return int(random & 0xfff * uint64(n) >> 12)
}

func (r request) append(dst []byte, fill uint64) []byte {
	for i := range r {
		p := &r[i]
		dst = append(dst, p.text...)
		if len(p.words) > 0 {
			dst = append(dst, p.words[choose(fill, len(p.words))]...)
			fill >>= 12
		} else if p.digit {
			n := fill & 0xffff
			dst = append(dst, '0'+byte(n/10000), '0'+byte(n/1000%10), '0'+byte(n/100%10),
				'0'+byte(n/10%10), '0'+byte(n%10))
			fill >>= 16
		}
	}
	return dst
}
