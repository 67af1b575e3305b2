package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The types of fields in Thrift's compact protocol, in which footers and the
// headers of pages are written.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

// thriftDepth is how deep structs and lists may lie in each other. Parquet needs
// about ten.
const thriftDepth = 32

var errThrift = errors.New("its metadata is no valid Thrift")

// thriftReader reads the fields of structs one by one, and allocates nothing by
// what they say of their length. The first error ends everything: it is asked for
// once, at the end.
type thriftReader struct {
	in      *bufio.Reader
	err     error
	structs uint64 // that were skipped in lists
}

func (r *thriftReader) fail(err error) {
	if r.err != nil {
		return
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	r.err = err
}

func (r *thriftReader) byte() byte {
	if r.err != nil {
		return 0
	}
	b, err := r.in.ReadByte()
	if err != nil {
		r.fail(err)
	}
	return b
}

func (r *thriftReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		r.fail(err)
	}
	return n
}

func (r *thriftReader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

// fields calls each for the fields of a struct. each reads the field's value and
// returns true, or leaves it to be skipped.
func (r *thriftReader) fields(depth int, each func(id int64, kind byte) bool) {
	if depth > thriftDepth {
		r.fail(errThrift)
	}
	for id := int64(0); r.err == nil; {
		head := r.byte()
		kind := head & 0x0f
		if kind == 0 {
			return
		}
		if delta := head >> 4; delta != 0 {
			id += int64(delta)
		} else {
			id = r.varint()
		}
		if r.err == nil && !each(id, kind) {
			r.skip(kind, depth+1)
		}
	}
}

// skip passes over a value.
func (r *thriftReader) skip(kind byte, depth int) {
	switch kind {
	case thriftTrue, thriftFalse: // the type of the field is its value
	case thriftByte:
		r.byte()
	case thriftInt16, thriftInt32, thriftInt64:
		r.uvarint()
	case thriftDouble:
		r.discard(8)
	case thriftUUID:
		r.discard(16)
	case thriftBinary:
		r.discard(r.uvarint())
	case thriftList, thriftSet:
		r.skipList(depth)
	case thriftMap:
		r.skipMap(depth)
	case thriftStruct:
		r.fields(depth, func(int64, byte) bool { return false })
	default:
		r.fail(errThrift)
	}
}

func (r *thriftReader) discard(n uint64) {
	if r.err != nil {
		return
	}
	if n > 1<<31-1 {
		r.fail(errThrift)
		return
	}
	if _, err := r.in.Discard(int(n)); err != nil {
		r.fail(err)
	}
}

// list is the type of the elements that follow, and their number.
func (r *thriftReader) list() (kind byte, n uint64) {
	head := r.byte()
	if n = uint64(head >> 4); n == 15 {
		n = r.uvarint()
	}
	return head & 0x0f, n
}

func (r *thriftReader) skipList(depth int) {
	if depth > thriftDepth {
		r.fail(errThrift)
	}
	kind, n := r.list()
	if kind == thriftStruct {
		r.structs += n
	}
	for ; n > 0 && r.err == nil; n-- {
		r.skipElement(kind, depth+1)
	}
}

// skipElement passes over an element of a list or a map, where booleans take a byte.
func (r *thriftReader) skipElement(kind byte, depth int) {
	if kind == thriftTrue || kind == thriftFalse {
		kind = thriftByte
	}
	r.skip(kind, depth)
}

func (r *thriftReader) skipMap(depth int) {
	if depth > thriftDepth {
		r.fail(errThrift)
	}
	n := r.uvarint()
	if n == 0 || r.err != nil {
		return
	}
	kinds := r.byte()
	for ; n > 0 && r.err == nil; n-- {
		r.skipElement(kinds>>4, depth+1)
		r.skipElement(kinds&0x0f, depth+1)
	}
}
