package textrows

import "bytes"

// EndFinder finds where a record ends whose text arrives in pieces. It keeps none of
// them, so that a record of any length needs no memory. The end is the one that
// Decoder.Next would find, faults in the quotes included.
type EndFinder struct {
	delimiter byte
	state     cellState
	breaks    int
}

// cellState is the position in a cell. A \r needs no state of its own: it is text, or the \n
// behind it ends the record as it does anywhere outside quotes.
type cellState int

const (
	cellStart   cellState = iota
	cellText              // outside quotes: a quote opens nothing
	cellQuoted            // inside quotes
	cellQuoteIn           // behind a quote inside quotes: the closing one, or the first of two
)

// EndFinder returns a finder for a record of which nothing has been read.
func (d *Decoder) EndFinder() *EndFinder { return &EndFinder{delimiter: d.delimiter} }

// Find reads on in the record. It returns how many bytes of data belong to it, its line
// break included, and whether it ends there.
func (f *EndFinder) Find(data []byte) (n int, found bool) {
	for n < len(data) {
		if f.state == cellQuoted {
			n += f.skipQuoted(data[n:])
			continue
		}
		if f.state == cellText {
			if n = special(data, n, f.delimiter); n == len(data) {
				break
			}
		}
		b := data[n]
		n++
		switch {
		case b == '\n':
			f.breaks++
			return n, true
		case b == f.delimiter:
			f.state = cellStart
		case b == '"' && f.state != cellText:
			f.state = cellQuoted
		default:
			f.state = cellText
		}
	}
	return n, false
}

// skipQuoted returns the length of the text in quotes, its closing quote included.
func (f *EndFinder) skipQuoted(data []byte) int {
	n := bytes.IndexByte(data, '"') + 1
	if n > 0 {
		f.state = cellQuoteIn
	} else {
		n = len(data)
	}
	f.breaks += bytes.Count(data[:n], []byte("\n"))
	return n
}

// Breaks is how many line breaks the record had so far.
func (f *EndFinder) Breaks() int { return f.breaks }

// Open reports whether the text so far ends inside quotes. If it is all of the file, the
// record has no end.
func (f *EndFinder) Open() bool { return f.state == cellQuoted }
