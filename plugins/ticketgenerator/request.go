package ticketgenerator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// request is a text taken apart: what is copied, and what is filled in after it.
type request []piece

type piece struct {
	text   string
	words  []string // one of them follows; none: nothing does
	digits bool     // five digits follow
}

// phrasebook holds requests for each type of ticket, ready but for their numbers:
// composing them once costs a fifth of composing them for every ticket.
type phrasebook struct {
	texts   []byte
	phrases []phrase // pageSize of the first type, pageSize of the second, …
	typical int      // bytes of a request, of the type that says most
}

type phrase struct {
	start, end uint32    // in texts
	numbers    [2]uint16 // where five digits go, from start; 0: nowhere
}

// pageSize is how many requests there are for a type; a power of two.
const pageSize = 1024

// newPhrasebook composes requests for these types; one that no text is written
// for gets those that suit every type.
func newPhrasebook(types []string, seed uint64) (*phrasebook, error) {
	var book phrasebook
	random := rand.NewPCG(seed, 0)
	for _, name := range types {
		var tongues []tongue
		for _, l := range languages() {
			t, err := newTongue(&l, name)
			if err != nil {
				return nil, err
			}
			tongues = append(tongues, t)
		}
		before := len(book.texts)
		for range pageSize {
			book.add(&tongues[choose(random.Uint64(), len(tongues))], random)
		}
		book.typical = max(book.typical, (len(book.texts)-before)/pageSize+1)
	}
	return &book, nil
}

func (b *phrasebook) add(t *tongue, random *rand.PCG) {
	p := phrase{start: uint32(len(b.texts))}
	opening := t.openings[choose(random.Uint64(), len(t.openings))]
	body := t.bodies[choose(random.Uint64(), len(t.bodies))]
	if len(opening) == 0 {
		body = capitalised(body)
	}
	closing := t.closings[choose(random.Uint64(), len(t.closings))]
	digits := 0
	for _, piece := range slices.Concat(opening, body, closing) {
		b.texts = append(b.texts, piece.text...)
		if len(piece.words) > 0 {
			b.texts = append(b.texts, piece.words[choose(random.Uint64(), len(piece.words))]...)
		} else if piece.digits && digits < len(p.numbers) {
			p.numbers[digits] = uint16(len(b.texts) - int(p.start))
			b.texts = append(b.texts, "00000"...)
			digits++
		}
	}
	p.end = uint32(len(b.texts))
	b.phrases = append(b.phrases, p)
}

// append writes a request for the type of this index.
func (b *phrasebook) append(dst []byte, kind int32, random uint64) []byte {
	p := &b.phrases[int(kind)*pageSize+int(random%pageSize)]
	at := len(dst)
	dst = append(dst, b.texts[p.start:p.end]...)
	random >>= 16
	for _, number := range p.numbers {
		if number > 0 {
			n := uint32(random & 0xffff)
			for i := at + int(number) + 4; n > 0; i-- {
				dst[i] = '0' + byte(n%10)
				n /= 10
			}
			random >>= 16
		}
	}
	return dst
}

// choose scales 64 random bits to a number below n, which is small.
func choose(random uint64, n int) int { return int(scale(uint64(n), random)) }

// tongue is what requests of one type are made of in one language.
type tongue struct {
	openings, bodies, closings []request
}

func newTongue(l *language, name string) (t tongue, err error) {
	texts := l.requests[name]
	if len(texts) == 0 {
		texts = l.requests[""]
	}
	if t.openings, err = parseAll(l.openings, l.words); err != nil {
		return t, err
	}
	if t.bodies, err = parseAll(texts, l.words); err != nil {
		return t, err
	}
	t.closings, err = parseAll(l.closings, l.words)
	return t, err
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
		before, inside, found := strings.Cut(text, "{")
		if !found {
			return append(r, piece{text: text}), nil
		}
		name, after, closed := strings.Cut(inside, "}")
		choice, known := words[name]
		if !closed || !known && name != "number" {
			return nil, fmt.Errorf("reading the request %q: no words named %q", text, name)
		}
		r = append(r, piece{text: before, words: choice, digits: name == "number"})
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
