package broker

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Limits of a request. What a field says of its length or count is a claim: the
// parser behind the guard allocates by it, and reads tagged fields that are not
// there for as long as their count says.
const (
	maxProduce  = 100 << 20 // bytes of a frame with records
	maxFrame    = 8 << 20   // bytes of any other frame
	maxElements = 100_000   // of all lists of a request together
	maxText     = 32_767    // bytes of a name or value, as in the protocol's own strings
	maxTags     = 64        // tagged fields of a struct
)

var errFrame = errors.New("not a request that the broker can read")

// walker reads a request by its layout and allocates nothing.
type walker struct {
	src      []byte
	pos      int
	version  int16
	flexible bool // lengths are varints, and structs end with tagged fields
	elements int
	bad      bool

	see func(f *field, value []byte) // gets every field but lists and structs; nil: nobody does
}

// checkRequest reports whether a body, behind the size of its frame, is a
// request of its layout from its first byte to its last. It shows the fields
// on the way.
func checkRequest(body []byte, see func(f *field, value []byte)) error {
	w := walker{src: body, see: see}
	key := int16(binary.BigEndian.Uint16(w.next(2)))
	w.version = int16(binary.BigEndian.Uint16(w.next(2)))
	w.next(4) // correlation id
	l := layouts()[key]
	if w.bad || !serves(key, w.version) {
		return errFrame
	}
	if n := int16(binary.BigEndian.Uint16(w.next(2))); n > 0 {
		w.next(int(n)) // client id, whose length is no varint in any version
	}
	w.flexible = isFlexible(key, w.version)
	if w.flexible {
		w.tags(nil)
	}
	if key == apiVersions && w.version > l.last {
		w.blank()
		return nil
	}
	w.fields(l.body.fields)
	if w.bad || w.pos != len(body) {
		return errFrame
	}
	return nil
}

// blank clears what is left of a request for versions that is newer than the
// broker. Its answer, which names the broker's own versions, needs nothing of
// that, and its layout is not known. Zeros are empty texts and no tagged fields.
func (w *walker) blank() {
	if !w.bad {
		clear(w.src[w.pos:])
	}
}

// serves reports whether kfake has a handler for a request. A newer client asks
// for the versions in a version of its own.
func serves(key, version int16) bool {
	l := layouts()[key]
	return l != nil && version >= l.first && (version <= l.last || key == apiVersions)
}

func isFlexible(key, version int16) bool { return version >= layouts()[key].flexible }

// firstFlexible is the first version of a request whose lengths are varints.
func firstFlexible(key int16, l *layout) int16 {
	for version := l.first; version <= l.last; version++ {
		req := kmsg.RequestForKey(key)
		if req.SetVersion(version); req.IsFlexible() {
			return version
		}
	}
	return l.last + 1
}

var zeros [16]byte

// next returns the next n bytes. Where there are fewer it returns zeros, so that
// callers need not ask each time whether all is well.
func (w *walker) next(n int) []byte {
	if w.bad || n < 0 || n > len(w.src)-w.pos {
		w.bad = true
		return zeros[:min(max(n, 0), len(zeros))]
	}
	w.pos += n
	return w.src[w.pos-n : w.pos]
}

func (w *walker) uvarint() uint32 {
	value, n := binary.Uvarint(w.src[w.pos:min(len(w.src), w.pos+binary.MaxVarintLen32)])
	if n <= 0 || value > 1<<32-1 {
		w.bad = true
		return 0
	}
	w.pos += n
	return uint32(value)
}

// length reads how long a text, bytes or a list is; 0 for null. Where it is no varint it
// has two bytes, or four.
func (w *walker) length(fourBytes bool) int {
	var n int64
	switch {
	case w.flexible:
		n = int64(w.uvarint()) - 1
	case fourBytes:
		n = int64(int32(binary.BigEndian.Uint32(w.next(4))))
	default:
		n = int64(int16(binary.BigEndian.Uint16(w.next(2))))
	}
	if n < -1 || n > int64(len(w.src)-w.pos) { // no element takes less than a byte
		w.bad = true
	}
	if w.bad {
		return 0
	}
	return int(max(n, 0))
}

// fields reads a struct.
func (w *walker) fields(fields []field) {
	for i := range fields {
		f := &fields[i]
		if f.tag < 0 && w.version >= f.first && w.version <= f.last {
			w.field(f)
		}
		if w.bad {
			return
		}
	}
	if w.flexible {
		w.tags(fields)
	}
}

func (w *walker) field(f *field) {
	switch f.kind {
	case fixedField:
		w.show(f, w.next(f.size))
	case textField:
		n := w.length(false)
		w.bad = w.bad || n > maxText
		w.show(f, w.next(n))
	case bytesField:
		w.show(f, w.next(w.length(true)))
	case structField:
		w.fields(f.fields)
	case nullableField:
		if there := w.next(1); there[0] != 0xff {
			w.fields(f.fields)
		}
	case listField:
		n := w.length(true)
		if w.elements += n; w.elements > maxElements {
			w.bad = true
		}
		for ; n > 0 && !w.bad; n-- {
			w.field(f.element)
		}
	}
}

func (w *walker) show(f *field, value []byte) {
	if w.see != nil && !w.bad {
		w.see(f, value)
	}
}

// tags reads the tagged fields behind a struct, which come in the order of their
// numbers. The known ones have a layout too.
func (w *walker) tags(known []field) {
	n := w.uvarint()
	if n > maxTags {
		w.bad = true
	}
	for next := int64(0); n > 0 && !w.bad; n-- {
		number := int64(w.uvarint())
		size := int(w.uvarint())
		if number < next || size > len(w.src)-w.pos {
			w.bad = true
			return
		}
		next = number + 1
		end := w.pos + size
		for i := range known {
			if f := &known[i]; int64(f.tag) == number && w.version >= f.first && w.version <= f.last {
				w.inside(f, end)
			}
		}
		w.pos = end
	}
}

// inside reads a tagged field, which ends where its size says.
func (w *walker) inside(f *field, end int) {
	all := w.src
	w.src = w.src[:end]
	w.field(f)
	w.bad = w.bad || w.pos != end
	w.src = all
}
