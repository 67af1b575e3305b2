package aggregation

import (
	"encoding/binary"
	"errors"
)

var errState = errors.New("the stored state is damaged")

// reader reads a value of the state. After the first failure it gives zeros.
type reader struct {
	remaining []byte
	bad       bool
}

func (r *reader) fail() { r.bad, r.remaining = true, nil }

func (r *reader) failed() bool { return r.bad }

// done demands that all was read.
func (r *reader) done() error {
	if r.bad || len(r.remaining) > 0 {
		return errState
	}
	return nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.remaining)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.remaining = r.remaining[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.remaining)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.remaining = r.remaining[n:]
	return v
}

// time reads a time, or unset.
func (r *reader) time() int64 {
	v := r.varint()
	// A watermark is off the rows by the delay, and by idle time.
	const slack = 400 * 366 * 24 * 3600 * 1_000_000
	if v != unset && (v < minTime-slack || v > maxTime+slack) {
		r.fail()
	}
	return v
}

// rows reads how many rows there were: few enough that adding more cannot overflow.
func (r *reader) rows() int64 {
	n := r.varint()
	if n < 0 || n > 1<<62 {
		r.fail()
		return 0
	}
	return n
}

func (r *reader) byte() byte {
	if len(r.remaining) == 0 {
		r.fail()
		return 0
	}
	v := r.remaining[0]
	r.remaining = r.remaining[1:]
	return v
}

func (r *reader) bool() bool {
	v := r.byte()
	if v > 1 {
		r.fail()
	}
	return v == 1
}

func (r *reader) uint64() uint64 {
	if len(r.remaining) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.remaining)
	r.remaining = r.remaining[8:]
	return v
}

// text reads bytes that stand behind their length. They share the value's memory.
func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.remaining)) {
		r.fail()
		return nil
	}
	return r.bytes(int(n))
}

// bytes reads so many of them.
func (r *reader) bytes(n int) []byte {
	if n > len(r.remaining) {
		r.fail()
		return nil
	}
	v := r.remaining[:n]
	r.remaining = r.remaining[n:]
	return v
}

// count reads a number of items of at least so many bytes each, so that a
// damaged one cannot ask for more memory than there is state.
func (r *reader) count(least int) int {
	n := r.uvarint()
	if n > uint64(len(r.remaining)/least) {
		r.fail()
		return 0
	}
	return int(n)
}
