package textfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// keptOfTooLong is how much of a record that is too long goes to the dead letters.
const keptOfTooLong = 4096

// Beginning returns what dead letters get of a record that is too long. It ends with a
// whole character: text has to stay text.
func Beginning(record []byte) []byte {
	if len(record) <= keptOfTooLong {
		return record
	}
	end := keptOfTooLong
	for end > keptOfTooLong-utf8.UTFMax && !utf8.RuneStart(record[end]) {
		end--
	}
	return record[:end]
}

// Lines gives about size bytes of whole lines, or one line that is longer, in
// buffer if that is large enough. The last line of a file may have no break. Of
// a line that is longer than a record may be it gives no more than the beginning
// that is kept of one, and truncated is true. After the last line it fails with io.EOF.
func (in *Input) Lines(buffer []byte, size int) (text []byte, truncated bool, err error) {
	if in.failed != nil {
		return nil, false, in.failed
	}
	text = append(buffer[:0], in.Data()...)
	in.hold(nil)
	for ; ; size = min(2*len(text), in.most+1) {
		text, in.failed = in.fill(text, size)
		at := bytes.LastIndexByte(text, '\n')
		switch {
		case at >= 0 && !in.ended:
			in.hold(text[at+1:])
			return text[:at+1], false, nil
		case in.failed != nil:
			return nil, false, in.failed
		case in.ended && len(text) == 0:
			return nil, false, io.EOF
		case in.ended:
			return text, false, nil
		case len(text) > in.most:
			return Beginning(text), true, in.SkipLine()
		}
	}
}

// hold makes remaining what Data is.
func (in *Input) hold(remaining []byte) {
	in.buffer, in.start = append(in.buffer[:0], remaining...), 0
}

// unread puts back whole lines that Lines gave last.
func (in *Input) unread(text []byte) {
	in.hold(append(bytes.Clone(text), in.Data()...))
}

// LineDecoder is a decoder of records that are a line each.
type LineDecoder interface {
	Rows
	Append(line []byte) error // keeps nothing of line; after an error nothing has been added
	UnknownKeys() int64
}

// lines decodes pieces of whole lines. Lines are counted from the beginning of
// the piece.
type lines struct {
	rows      LineDecoder
	batch     Batch
	most      int
	text      []byte // what is left of the piece
	truncated bool   // it is the beginning of a line that is too long
	line      int64
}

// found is what came of some lines of a piece.
type found struct {
	rows      arrow.RecordBatch
	rejected  []sdk.Reject
	positions []int64
	unknown   int64 // keys that no column took
}

// step reads one line into the batch. At the end of the piece the batch is to
// be handed on.
func (l *lines) step() error {
	line, err := l.peek()
	switch {
	case err != nil:
		return err
	case l.truncated || len(line) > l.most:
		l.batch.Reject(l.line+1, fmt.Errorf("want a line of at most %s, got a longer one; "+
			"max_line_bytes sets the limit", sdk.Bytes(l.most)), Beginning(line))
	case !l.batch.Fits(len(line)):
		return ErrFull
	default:
		if err := l.rows.Append(line); err != nil {
			l.batch.Reject(l.line+1, err, line)
		} else {
			l.batch.Accept(l.line + 1)
		}
	}
	l.pass(line)
	return nil
}

// peek finds the next line that is not blank and gives it without its break.
func (l *lines) peek() ([]byte, error) {
	for len(l.text) > 0 {
		line := l.text
		if at := bytes.IndexByte(line, '\n'); at >= 0 {
			line = line[:at]
		}
		if len(line) > 0 && line[0] == '{' || l.truncated || len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
		l.pass(line)
	}
	return nil, ErrFull
}

// pass goes past the line that peek gave.
func (l *lines) pass(line []byte) {
	l.text = l.text[min(len(line)+1, len(l.text)):]
	l.line++
}

// skip goes past so many records, and returns how many there were.
func (l *lines) skip(records int64) (skipped int64) {
	for ; skipped < records; skipped++ {
		line, err := l.peek()
		if errors.Is(err, ErrFull) {
			break
		}
		l.pass(line)
	}
	return skipped
}
