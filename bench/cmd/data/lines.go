package main

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	span     = time.Hour       // of event time, whatever the number of lines
	disorder = 5 * time.Second // how far a line may run behind
	clients  = 10_000
	idSpace  = 36 * 36 * 36 * 36 * 36 * 36 * 36 // ticket ids: one character for the seed, seven for this
	idStep   = 50_000_000_003                   // has no factor in common with idSpace: ids never repeat
)

// lines makes one line after the other.
type lines struct {
	random *rand.Rand
	start  time.Time
	rows   int
	width  int
	made   int
}

func newLines(rows, width int, seed uint64) *lines {
	return &lines{
		random: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)),
		start:  time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		rows:   rows,
		width:  width,
	}
}

// ticket appends a support ticket, about 190 bytes.
func (l *lines) ticket(b []byte) []byte {
	at := l.next()
	b = append(b, `{"ticket_id":"T`...)
	b = appendID(b, uint64(l.made))
	b = append(b, `","client_id":"C`...)
	b = appendPadded(b, l.random.IntN(clients), 5)
	b = append(b, `","created_at":"`...)
	b = appendTime(b, at)
	b = append(b, `","demande":"`...)
	b = l.request(b)
	b = append(b, `","type":"`...)
	b = append(b, pick(l.random, types())...)
	b = append(b, `","priorite":"`...)
	b = append(b, pick(l.random, priorites())...)
	b = append(b, `","duration_ms":`...)
	b = strconv.AppendInt(b, l.duration(), 10)
	return append(b, "}\n"...)
}

// keys appends a line with a key of each cardinality: k2 is one of 100, k6 of a
// million, and own is a key of this line alone.
func (l *lines) keys(b []byte) []byte {
	at := l.next()
	b = append(b, `{"created_at":"`...)
	b = appendTime(b, at)
	for digits, of := 2, 100; digits <= 6; digits, of = digits+1, of*10 {
		b = append(b, `","k`...)
		b = strconv.AppendInt(b, int64(digits), 10)
		b = append(b, `":"`...)
		b = appendPadded(b, l.random.IntN(of), 7)
	}
	b = append(b, `","own":"`...)
	b = appendID(b, uint64(l.made))
	b = append(b, `","duration_ms":`...)
	b = strconv.AppendInt(b, l.duration(), 10)
	return append(b, "}\n"...)
}

// appendManyColumns appends a line of a time and many columns, strings and numbers in turn.
func (l *lines) appendManyColumns(b []byte) []byte {
	at := l.next()
	b = append(b, `{"created_at":"`...)
	b = appendTime(b, at)
	b = append(b, '"')
	for i := 1; i < l.width; i++ {
		b = append(b, `,"c`...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, `":`...)
		switch i % 3 {
		case 0:
			b = strconv.AppendInt(b, l.random.Int64N(1_000_000), 10)
		case 1:
			b = append(b, `"v`...)
			b = appendPadded(b, l.random.IntN(5_000), 6)
			b = append(b, '"')
		default:
			b = strconv.AppendFloat(b, float64(l.random.IntN(10_000_000))/100, 'f', -1, 64)
		}
	}
	return append(b, "}\n"...)
}

// next is the time of the next line: the span is gone through evenly, with a
// little disorder that the watermark of the jobs forgives.
func (l *lines) next() time.Time {
	even := time.Duration(float64(span) * float64(l.made) / float64(l.rows))
	l.made++
	back := time.Duration(l.random.Int64N(int64(disorder)))
	return l.start.Add(max(0, even-back).Truncate(time.Millisecond))
}

// duration has a long tail, as the time that tickets take has.
func (l *lines) duration() int64 {
	return 100 + int64(math.Exp(l.random.NormFloat64()*1.2+9))
}

// request appends what a ticket says: with numbers, with accents, with what
// JSON and CSV must escape.
func (l *lines) request(b []byte) []byte {
	template := requests()[l.random.IntN(len(requests()))]
	for i := range len(template) {
		if template[i] == '#' {
			b = appendPadded(b, l.random.IntN(100_000), 5)
		} else {
			b = append(b, template[i])
		}
	}
	return b
}

func pick(random *rand.Rand, of []string) string { return of[random.IntN(len(of))] }

func appendID(b []byte, n uint64) []byte {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	n = n * idStep % idSpace
	for range 7 {
		b = append(b, digits[n%36])
		n /= 36
	}
	return b
}

func appendPadded(b []byte, n, width int) []byte {
	for scale := int(math.Pow10(width - 1)); scale > 0; scale /= 10 {
		b = append(b, byte('0'+n/scale%10))
	}
	return b
}

func appendTime(b []byte, t time.Time) []byte {
	return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
}
