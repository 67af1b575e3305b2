package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// encoded reads the values of a page that are not null.
type encoded interface {
	// next sets the beginning of dst, which is not empty, to the next values and
	// returns how many, at least one. Bytes point into the page or into memory of
	// the reader, and are valid until the next call.
	next(dst []pq.Value) (int, error)
}

// physical is how the values of a column are kept.
type physical struct {
	kind   pq.Kind
	length int // of FIXED_LEN_BYTE_ARRAY
}

// width is the bytes of a value; 0: they vary, or it is a bit.
func (p physical) width() int {
	switch p.kind {
	case pq.Int32, pq.Float:
		return 4
	case pq.Int64, pq.Double:
		return 8
	case pq.Int96:
		return 12
	case pq.FixedLenByteArray:
		return p.length
	}
	return 0
}

// plainDictionary is the encoding that files of format version 1 name for what is
// Plain in a dictionary page and RLEDictionary in a data page: deprecated, and
// what many old files are in.
const plainDictionary format.Encoding = 2

// newEncoded finds how values are encoded. dictionary is nil if there is none.
func newEncoded(e format.Encoding, p physical, data []byte, dictionary []pq.Value) (encoded, error) {
	switch {
	case e == format.Plain:
		return newPlain(p, data), nil
	case e == format.RLEDictionary || e == plainDictionary:
		return newReferences(data, dictionary)
	case e == format.RLE && p.kind == pq.Boolean:
		if len(data) < 4 {
			return nil, errShortPage
		}
		size := min(int(binary.LittleEndian.Uint32(data)), len(data)-4)
		return &runs{hybrid: newHybrid(data[4:4+size], 1)}, nil
	case e == format.DeltaBinaryPacked && (p.kind == pq.Int32 || p.kind == pq.Int64):
		d, err := newDeltas(data)
		return &deltaNumbers{deltas: d, short: p.kind == pq.Int32}, err
	case e == format.DeltaLengthByteArray && p.kind == pq.ByteArray:
		return newDeltaTexts(data, p, false)
	case e == format.DeltaByteArray && (p.kind == pq.ByteArray || p.kind == pq.FixedLenByteArray):
		return newDeltaTexts(data, p, true)
	case e == format.ByteStreamSplit && p.width() > 0 && p.kind != pq.Int96:
		return &split{physical: p, data: data, rows: len(data) / p.width()}, nil
	}
	return nil, unsupportedError{fmt.Errorf("values of type %s encoded as %s are not supported", p.kind, e)}
}

// unsupportedError is of a file that is whole, but not of a kind that is read.
type unsupportedError struct{ error }

// plain values stand one after the other.
type plain struct {
	physical
	data []byte
	bit  int // of booleans
}

func newPlain(p physical, data []byte) *plain { return &plain{physical: p, data: data} }

func (p *plain) next(dst []pq.Value) (int, error) {
	switch p.kind {
	case pq.Boolean:
		if len(dst) > len(p.data)*8-p.bit {
			return 0, errShortPage
		}
		for i := range dst {
			dst[i] = pq.BooleanValue(p.data[p.bit>>3]>>(p.bit&7)&1 != 0)
			p.bit++
		}
		return len(dst), nil
	case pq.ByteArray:
		for i := range dst {
			if len(p.data) < 4 {
				return 0, errShortPage
			}
			size := uint64(binary.LittleEndian.Uint32(p.data))
			if size > uint64(len(p.data)-4) {
				return 0, errors.New("a value is longer than its page")
			}
			dst[i] = pq.ByteArrayValue(p.data[4 : 4+size : 4+size])
			p.data = p.data[4+size:]
		}
		return len(dst), nil
	}
	width := p.width()
	if len(dst)*width > len(p.data) {
		return 0, errShortPage
	}
	fixedValues(dst, p.data, p.physical)
	p.data = p.data[len(dst)*width:]
	return len(dst), nil
}

// fixedValues sets dst to values of a fixed width, which data holds.
func fixedValues(dst []pq.Value, data []byte, p physical) {
	switch p.kind {
	case pq.Int32:
		for i := range dst {
			dst[i] = pq.Int32Value(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case pq.Int64:
		for i := range dst {
			dst[i] = pq.Int64Value(int64(binary.LittleEndian.Uint64(data[8*i:])))
		}
	case pq.Float:
		for i := range dst {
			dst[i] = pq.FloatValue(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case pq.Double:
		for i := range dst {
			dst[i] = pq.DoubleValue(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		}
	case pq.Int96:
		for i := range dst {
			dst[i] = pq.Int96Value(deprecated.Int96{binary.LittleEndian.Uint32(data[12*i:]),
				binary.LittleEndian.Uint32(data[12*i+4:]), binary.LittleEndian.Uint32(data[12*i+8:])})
		}
	default:
		for i := range dst {
			dst[i] = pq.FixedLenByteArrayValue(data[p.length*i : p.length*(i+1) : p.length*(i+1)])
		}
	}
}

// unread reports whether a page whose values were all read has more of them. Runs may
// be filled up, so of those nothing can be said.
func unread(e encoded) bool {
	switch e := e.(type) {
	case *plain:
		return len(e.data) > (e.bit+7)/8
	case *deltaNumbers:
		return e.deltas.total > 0
	case *deltaTexts:
		return e.sizes.total > 0 || len(e.data) > 0
	case *split:
		return e.at < e.rows
	}
	return false
}

// references are indexes in the dictionary.
type references struct {
	hybrid     hybrid
	dictionary []pq.Value
	numbers    []uint32 // reused
}

func newReferences(data []byte, dictionary []pq.Value) (*references, error) {
	if dictionary == nil {
		return nil, errors.New("a page refers to a dictionary, and there is none")
	}
	if len(data) == 0 { // of no values
		return &references{}, nil
	}
	if data[0] > 32 {
		return nil, fmt.Errorf("references into a dictionary of %d bits", data[0])
	}
	return &references{hybrid: newHybrid(data[1:], uint(data[0])), dictionary: dictionary}, nil
}

func (x *references) next(dst []pq.Value) (int, error) {
	x.numbers = slices.Grow(x.numbers[:0], len(dst))[:len(dst)]
	if err := x.hybrid.next(x.numbers); err != nil {
		return 0, err
	}
	for i, at := range x.numbers {
		if uint64(at) >= uint64(len(x.dictionary)) {
			return 0, fmt.Errorf("a value has the index %d in a dictionary of %d", at, len(x.dictionary))
		}
		dst[i] = x.dictionary[at]
	}
	return len(dst), nil
}

// runs are booleans in runs.
type runs struct {
	hybrid  hybrid
	numbers []uint32 // reused
}

func (r *runs) next(dst []pq.Value) (int, error) {
	r.numbers = slices.Grow(r.numbers[:0], len(dst))[:len(dst)]
	if err := r.hybrid.next(r.numbers); err != nil {
		return 0, err
	}
	for i, bit := range r.numbers {
		dst[i] = pq.BooleanValue(bit != 0)
	}
	return len(dst), nil
}

// deltaNumbers are whole numbers as differences.
type deltaNumbers struct {
	deltas  deltas
	short   bool    // they have 4 bytes
	numbers []int64 // reused
}

func (d *deltaNumbers) next(dst []pq.Value) (int, error) {
	d.numbers = slices.Grow(d.numbers[:0], len(dst))[:len(dst)]
	if err := d.deltas.next(d.numbers); err != nil {
		return 0, err
	}
	for i, v := range d.numbers {
		if d.short {
			dst[i] = pq.Int32Value(int32(v))
		} else {
			dst[i] = pq.Int64Value(v)
		}
	}
	return len(dst), nil
}

// split are values of which all first bytes stand together, then all second ones.
type split struct {
	physical
	data  []byte
	rows  int
	at    int
	whole []byte // values put together, reused
}

func (s *split) next(dst []pq.Value) (int, error) {
	if len(dst) > s.rows-s.at {
		return 0, errShortPage
	}
	width := s.width()
	s.whole = slices.Grow(s.whole[:0], len(dst)*width)[:len(dst)*width]
	for b := range width {
		from := s.data[b*s.rows+s.at:]
		for i := range dst {
			s.whole[i*width+b] = from[i]
		}
	}
	s.at += len(dst)
	fixedValues(dst, s.whole, s.physical)
	return len(dst), nil
}

// deltaTexts are bytes whose lengths stand before all of them, and of which each
// may begin as the one before did.
type deltaTexts struct {
	physical
	shared   deltas // bytes that are those of the value before; prefixed says whether there are any
	sizes    deltas // of what follows
	data     []byte
	last     []byte
	texts    []byte   // values put together, reused
	lengths  [2]int64 // of one value: as read
	prefixed bool
}

// textsBytes is about how many bytes of values are put together at a time: one
// long beginning may be that of many values.
const textsBytes = 1 << 20

func newDeltaTexts(data []byte, p physical, prefixed bool) (*deltaTexts, error) {
	t := &deltaTexts{physical: p, prefixed: prefixed}
	var err error
	if prefixed {
		if t.shared, err = newDeltas(data); err != nil {
			return nil, err
		}
		if data, err = t.shared.end(); err != nil {
			return nil, err
		}
	}
	if t.sizes, err = newDeltas(data); err != nil {
		return nil, err
	}
	t.data, err = t.sizes.end()
	return t, err
}

func (t *deltaTexts) next(dst []pq.Value) (int, error) {
	t.texts = t.texts[:0]
	for i := range dst {
		if i > 0 && len(t.texts) > textsBytes {
			return i, nil
		}
		value, err := t.text()
		if err != nil {
			return 0, err
		}
		if t.kind == pq.FixedLenByteArray {
			if len(value) != t.length {
				return 0, fmt.Errorf("a value of %d bytes, want %d", len(value), t.length)
			}
			dst[i] = pq.FixedLenByteArrayValue(value)
		} else {
			dst[i] = pq.ByteArrayValue(value)
		}
	}
	return len(dst), nil
}

// text is the next value. With a shared beginning it is put together in texts. Values
// in it stay valid when it grows: append copies them, and leaves the old array as it is.
func (t *deltaTexts) text() ([]byte, error) {
	if err := t.sizes.next(t.lengths[:1]); err != nil {
		return nil, err
	}
	size := t.lengths[0]
	if size < 0 || size > int64(len(t.data)) {
		return nil, errors.New("a value is longer than its page")
	}
	value := t.data[:size:size]
	t.data = t.data[size:]
	if !t.prefixed {
		return value, nil
	}
	if err := t.shared.next(t.lengths[:1]); err != nil {
		return nil, err
	}
	shared := t.lengths[0]
	if shared < 0 || shared > int64(len(t.last)) || shared+size > maxPageBytes {
		return nil, errors.New("a value begins with more bytes than the one before has")
	}
	at := len(t.texts)
	t.texts = append(append(t.texts, t.last[:shared]...), value...)
	value = t.texts[at:len(t.texts):len(t.texts)]
	t.last = append(t.last[:0], value...)
	return value, nil
}
