package parquet

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

// pageHeader is what stands before a page.
type pageHeader struct {
	kind         format.PageType
	size         int // of the page, compressed
	plainSize    int // uncompressed
	crc          uint32
	hasCRC       bool
	values       int // nulls among them
	nulls        int // in version 2
	encoding     format.Encoding
	definitions  format.Encoding // of levels, in version 1
	repetitions  format.Encoding
	defBytes     int // of levels, in version 2
	repBytes     int
	uncompressed bool // in version 2: the values are, whatever the codec
}

// readPageHeader reads a header. Its numbers are claims that are not checked yet,
// but none is negative.
func readPageHeader(in *bufio.Reader) (pageHeader, error) {
	var h pageHeader
	r := &thriftReader{in: in}
	number := func() int {
		n := r.varint()
		if n < 0 || n > 1<<31-1 {
			r.fail(fmt.Errorf("a page header says %d", n))
			return 0
		}
		return int(n)
	}
	numbers := func(fields map[int64]func()) func(int64, byte) bool {
		return func(id int64, kind byte) bool {
			set, ok := fields[id]
			if ok && kind == thriftInt32 {
				set()
			}
			return ok && kind == thriftInt32
		}
	}
	encoding := func(e *format.Encoding) func() { return func() { *e = format.Encoding(number()) } }
	plain := numbers(map[int64]func(){1: func() { h.kind = format.PageType(number()) },
		2: func() { h.plainSize = number() }, 3: func() { h.size = number() },
		4: func() { h.crc, h.hasCRC = uint32(r.varint()), true }})
	version1 := numbers(map[int64]func(){1: func() { h.values = number() }, 2: encoding(&h.encoding),
		3: encoding(&h.definitions), 4: encoding(&h.repetitions)})
	version2 := numbers(map[int64]func(){1: func() { h.values = number() }, 2: func() { h.nulls = number() },
		4: encoding(&h.encoding), 5: func() { h.defBytes = number() }, 6: func() { h.repBytes = number() }})
	r.fields(0, func(id int64, kind byte) bool {
		switch {
		case id == 5 && kind == thriftStruct, id == 7 && kind == thriftStruct:
			r.fields(1, version1) // a dictionary's begins with the same two numbers
		case id == 8 && kind == thriftStruct:
			r.fields(1, func(id int64, kind byte) bool {
				if id == 7 && kind == thriftFalse {
					h.uncompressed = true
				}
				return version2(id, kind)
			})
		default:
			return plain(id, kind)
		}
		return true
	})
	return h, r.err
}

// check holds what a header claims against what is left of the file and of the
// column.
func (h *pageHeader) check(bytesLeft, valuesLeft int64) error {
	switch {
	case int64(h.size) > bytesLeft:
		return fmt.Errorf("a page should have %d bytes, %d are left", h.size, bytesLeft)
	case h.plainSize > max(maxPageBytes, maxRatio*h.size):
		return fmt.Errorf("a page becomes %s from %s; the most is %s, or %d times as many", sdk.Bytes(h.plainSize),
			sdk.Bytes(h.size), sdk.Bytes(maxPageBytes), maxRatio)
	case h.kind == format.DictionaryPage || h.kind == format.IndexPage:
		return nil
	case int64(h.values) > valuesLeft:
		return errors.New("its pages have more values than it says")
	case h.kind == format.DataPageV2 && (h.defBytes+h.repBytes > h.size || h.defBytes+h.repBytes > h.plainSize):
		return errors.New("the levels of a page are longer than the page")
	case h.kind == format.DataPageV2 && h.nulls > h.values:
		return errors.New("a page has more nulls than values")
	}
	return nil
}
