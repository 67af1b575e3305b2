package textfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

const (
	// A piece becomes a batch or two, so it is about as much text as one holds rows.
	minLines, maxLines = 64 << 10, 1 << 20
	// maxDecoders is where reading the file, which goroutines do in turn, is as
	// much work as decoding is for one of them.
	maxDecoders = 4
)

// LineReader decodes a file of lines in several goroutines, a piece each, ahead
// of the one that asks for the rows and in the order of the file. A few pieces
// are in memory at once.
type LineReader struct {
	in      *Input
	stop    chan struct{} // closed: nobody wants more
	running sync.WaitGroup
	size    atomic.Int64 // of a piece, by the lines of the last one
	queue   chan *piece

	turn sync.Mutex // guards in, and that pieces are queued as they were read
	last bool       // no piece follows

	at        *piece // whose batches Next gives
	line      int64  // before it
	offset    int64  // of the file, behind it
	unknown   int64
	positions []int64
	err       error
}

// piece is what becomes of some lines.
type piece struct {
	offset  int64 // of the file, behind them
	batches chan found
	lines   int64 // how many there were; set, as is err, before batches is closed
	err     error // why nothing follows
}

// ReadLines begins to read the records behind the first ones, which are done. It
// closes the input if it fails, as Close does. Each goroutine has a decoder of
// its own. withPositions: Positions will be asked.
func ReadLines(ctx context.Context, in *Input, done int64, withPositions bool, decoder func() LineDecoder) (
	*LineReader, error,
) {
	r := &LineReader{in: in, stop: make(chan struct{})}
	r.size.Store(pieceBytes)
	first := &lines{rows: decoder(), most: in.most, batch: Batch{WithPositions: withPositions}}
	if err := r.skip(ctx, first, done); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	decoders := min(runtime.GOMAXPROCS(0), maxDecoders)
	if in.ended {
		decoders = 1 // all that is left has been read
	}
	r.queue = make(chan *piece, decoders)
	for i := range decoders {
		l := &lines{rows: first.rows, most: in.most, batch: Batch{WithPositions: withPositions}}
		if i > 0 {
			l.rows = decoder()
		}
		l.batch.Rows = l.rows
		r.running.Go(func() { r.work(l) })
	}
	return r, nil
}

// skip goes to the first record that is wanted.
func (r *LineReader) skip(ctx context.Context, l *lines, records int64) error {
	if err := r.in.More(); err != nil {
		return err
	}
	if err := r.in.Begin('{'); err != nil {
		return fmt.Errorf("%s:1: %w", r.in.name, err)
	}
	for done := int64(0); done < records; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		l.text, l.truncated, err = r.in.Lines(l.text, pieceBytes)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: want the %d records that were read before, got %d: the file has become shorter",
				r.in.name, records, done)
		}
		if err != nil {
			return err
		}
		whole := l.text
		done += l.skip(records - done)
		r.in.unread(l.text)
		l.text = whole
	}
	r.line = l.line
	return nil
}

// work decodes pieces until there are no more.
func (r *LineReader) work(l *lines) {
	var buffer []byte
	for {
		p := r.queuePiece(l, &buffer)
		if p == nil {
			return
		}
		p.err = guarded(func() error { return r.decode(l, p) })
		p.lines = l.line
		close(p.batches)
	}
}

// queuePiece reads the next piece into the buffer, and queues it before another
// goroutine can read the one behind it. It returns nil if there is none.
func (r *LineReader) queuePiece(l *lines, buffer *[]byte) *piece {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.last {
		return nil
	}
	p := &piece{batches: make(chan found, 2)} // of most pieces, all
	err := guarded(func() (err error) {
		l.text, l.truncated, err = r.in.Lines(*buffer, int(r.size.Load()))
		return err
	})
	l.line, p.offset = 0, r.in.Offset()
	if r.last = err != nil; r.last {
		p.err = err
		close(p.batches)
	} else if cap(l.text) <= 2*maxLines {
		*buffer = l.text
	}
	select {
	case r.queue <- p:
	case <-r.stop:
		r.last = true
	}
	if r.last {
		return nil
	}
	return p
}

// decode hands on what becomes of a piece.
func (r *LineReader) decode(l *lines, p *piece) error {
	size, known := int64(len(l.text)), l.rows.UnknownKeys()
	for len(l.text) > 0 {
		rows, rejected, err := l.batch.Next(context.Background(), l.step)
		if err != nil {
			return err
		}
		unknown := l.rows.UnknownKeys()
		f := found{rows: rows, rejected: rejected, positions: l.batch.Positions(), unknown: unknown - known}
		known = unknown
		if rows == nil && len(rejected) == 0 {
			continue // blank lines
		}
		select {
		case p.batches <- f:
		case <-r.stop:
			return nil
		}
	}
	const nearly = sdk.DefaultBatchRows * 15 / 16
	r.size.Store(min(maxLines, max(minLines, nearly*size/max(1, l.line))))
	return nil
}

// guarded makes an error of a panic, which outside of the caller's goroutine
// would end the process.
func guarded(call func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return call()
}

// Next gives the rows and rejected records of the next lines.
func (r *LineReader) Next(ctx context.Context) (arrow.RecordBatch, []sdk.Reject, error) {
	for ctx.Err() == nil && r.err == nil {
		if r.at == nil {
			select {
			case r.at = <-r.queue:
				r.offset = r.at.offset
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
		}
		select {
		case f, more := <-r.at.batches:
			if more {
				return r.withFilePositions(f)
			}
			r.line += r.at.lines
			r.err, r.at = r.at.err, nil
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	return nil, nil, r.err
}

// withFilePositions counts lines from the beginning of the file instead of the piece's.
func (r *LineReader) withFilePositions(f found) (arrow.RecordBatch, []sdk.Reject, error) {
	for i := range f.rejected {
		f.rejected[i].Position += r.line
	}
	for i := range f.positions {
		f.positions[i] += r.line
	}
	r.unknown += f.unknown
	r.positions = f.positions
	return f.rows, f.rejected, nil
}

// Positions are the lines of the rows that the last Next gave.
func (r *LineReader) Positions() []int64 { return r.positions }

// Offset is how much of the file has been read.
func (r *LineReader) Offset() int64 { return r.offset }

// UnknownKeys is how many keys of what Next gave no column took.
func (r *LineReader) UnknownKeys() int64 { return r.unknown }

// Close ends the goroutines and closes the file.
func (r *LineReader) Close() error {
	close(r.stop)
	err := r.in.file.Close() // first: it ends a read that waits
	r.running.Wait()
	r.in.stop()
	return err
}
