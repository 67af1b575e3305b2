package textrows_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"etlengine/plugins/kit/textrows"
)

// record is what the reference makes of one: where it ends, and its cells if its
// quotes are as they should be.
type record struct {
	end   int
	cells []string
	fault bool
}

// reference reads one record byte by byte, with the states of Python's csv module: at
// the beginning of a cell, in text, in quotes, and behind a quote in quotes. open: it
// ends within quotes.
func reference(data string) (r record, open bool) {
	const begin, text, quotes, behind = 0, 1, 2, 3
	state, cell := begin, ""
	for i := 0; i < len(data); i++ {
		b := data[i]
		if state == quotes {
			if b == '"' {
				state = behind
			} else {
				cell += data[i : i+1]
			}
			continue
		}
		lineEnd := b == '\n' || b == '\r' && (i+1 == len(data) || data[i+1] == '\n')
		switch {
		case lineEnd:
			if r.end = i + 1; b == '\r' && i+1 < len(data) {
				r.end++
			}
			r.cells = append(r.cells, cell)
			return r, false
		case b == ',':
			r.cells, cell, state = append(r.cells, cell), "", begin
		case b == '"' && state == begin:
			state = quotes
		case b == '"' && state == behind:
			cell, state = cell+`"`, quotes
		default:
			r.fault = r.fault || state == behind || b == '"' || b == '\r'
			cell, state = cell+data[i:i+1], text
		}
	}
	r.end, r.cells = len(data), append(r.cells, cell)
	return r, state == quotes
}

// checkRecords holds the decoder against the reference to the end of data: each record
// ends at the same place, whatever is wrong with it, and no row comes out of a faulty one.
func checkRecords(t *testing.T, data string) {
	t.Helper()
	const width = 2
	d := textrows.NewDecoder(stringColumns(width), textrows.Options{})
	for left := data; len(left) > 0; {
		want, open := reference(left)
		rows := d.Rows()
		n, err := d.Next([]byte(left), true)
		checkEnd(t, left, want.end, open)
		if open {
			if n != 0 || !errors.Is(err, textrows.ErrUnclosed) {
				t.Fatalf("%q: got %d, %v for quotes that are never closed", left, n, err)
			}
			return
		}
		if n != want.end || want.fault && err == nil || d.Rows() > rows != (err == nil) {
			t.Fatalf("%q: got a record of %d bytes (%v), want %d (fault %v)", left, n, err, want.end, want.fault)
		}
		if got := d.Breaks(); got != strings.Count(left[:n], "\n") {
			t.Fatalf("%q: got %d line breaks", left[:n], got)
		}
		if skipped, err := d.Skip([]byte(left), true); skipped != n || err != nil {
			t.Fatalf("%q: skipped %d bytes of %d, %v", left, skipped, n, err)
		}
		checkPieces(t, left, n, err)
		if err == nil {
			for i, cell := range want.cells {
				want.cells[i] = strings.ReplaceAll(cell, "\r\n", "\n") // as compare has it
			}
			compare(t, asJSON(d.NewRecordBatch())[0], want.cells)
		}
		left = left[n:]
	}
}

// checkPieces reads a record that has not arrived whole: it is asked for more of it, or
// it ends where it would.
func checkPieces(t *testing.T, data string, n int, want error) {
	t.Helper()
	d := textrows.NewDecoder(stringColumns(2), textrows.Options{})
	for end := range min(n, 40) {
		if got, err := d.Next([]byte(data[:end]), false); got != 0 || !errors.Is(err, textrows.ErrMore) {
			if got != n && got != end { // a \r\n that is half there ends nothing
				t.Fatalf("%q of %q: got %d, %v; want more", data[:end], data[:n], got, err)
			}
			if fmt.Sprint(err) != fmt.Sprint(want) {
				t.Fatalf("%q of %q: got %v, want %v", data[:end], data[:n], err, want)
			}
		}
	}
}

// checkEnd finds the end of a record in pieces of every small size.
func checkEnd(t *testing.T, data string, end int, open bool) {
	t.Helper()
	d := textrows.NewDecoder(stringColumns(2), textrows.Options{})
	for size := 1; size <= 4; size++ {
		f, at, found := d.EndFinder(), 0, false
		for at < len(data) && !found {
			var n int
			n, found = f.Find([]byte(data[at:min(at+size, len(data))]))
			at += n
		}
		if at != end || f.Open() != open || found && open || f.Breaks() != strings.Count(data[:end], "\n") {
			t.Fatalf("%q: in pieces of %d got an end at %d (%v), open %v, %d line breaks; want %d, open %v",
				data, size, at, found, f.Open(), f.Breaks(), end, open)
		}
	}
}

// TestRecordsEndWhereTheirQuotesSay, with every fault in every place.
func TestRecordsEndWhereTheirQuotesSay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{`"`, `"`, `""`, ",", ",", "\n", "\n", "\r\n", "\r", "a", "b c", "é", "\x00", `",`, `,"`, `"` + "\n"}
	for range 20000 {
		var text strings.Builder
		for range r.IntN(24) {
			text.WriteString(pieces[r.IntN(len(pieces))])
		}
		checkRecords(t, text.String())
	}
}

// FuzzRecords is the same for any bytes.
func FuzzRecords(f *testing.F) {
	f.Add("5\" pipe,\"l1\nl2,l2b\nl3\"\nok,fine\n")
	f.Add("\"a\"b,\"c\nd\"\r\n\"x\",\"y\"\n")
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) < 4096 {
			checkRecords(t, strings.ToValidUTF8(data, "?"))
		}
	})
}
