package parquet

import (
	"encoding/binary"
	"errors"
)

var errDelta = errors.New("a page encoded as deltas is not well formed")

// deltas reads whole numbers of which the differences are bit-packed
// (DELTA_BINARY_PACKED). Numbers of 4 bytes are read the same way: sums wrap
// around, whether the writer's differences had 4 bytes or 8.
type deltas struct {
	data    []byte // behind the miniblock at hand
	total   int    // numbers that are left, of the whole
	last    int64
	started bool

	perMini int    // numbers in a miniblock
	minis   int    // miniblocks in a block
	least   int64  // difference, in the block
	widths  []byte // of the miniblocks of the block that are left

	mini  []byte // the miniblock at hand
	left  int    // numbers in it
	bit   uint
	width uint
}

func newDeltas(data []byte) (deltas, error) {
	d := deltas{data: data}
	block, minis, total := d.uvarint(), d.uvarint(), d.uvarint()
	first, n := binary.Varint(d.data)
	if n <= 0 || block == 0 || block > 1<<20 || minis == 0 || minis > block || block%minis != 0 ||
		block/minis%8 != 0 || total > 1<<31 {
		return d, errDelta
	}
	d.data = d.data[n:]
	d.perMini, d.minis, d.total, d.last = int(block/minis), int(minis), int(total), first
	return d, nil
}

// uvarint reads a number; 0 if there is none, which no header has in these places.
func (d *deltas) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.data = nil
		return 0
	}
	d.data = d.data[n:]
	return v
}

// next sets dst to the next numbers.
func (d *deltas) next(dst []int64) error {
	if len(dst) > d.total {
		return errShortPage
	}
	d.total -= len(dst)
	if len(dst) > 0 && !d.started {
		d.started = true
		dst[0], dst = d.last, dst[1:]
	}
	for i := range dst {
		if d.left == 0 {
			if err := d.begin(); err != nil {
				return err
			}
		}
		d.last += d.least + int64(longBits(d.mini, d.bit, d.width))
		d.bit += d.width
		d.left--
		dst[i] = d.last
	}
	return nil
}

// begin goes to the next miniblock.
func (d *deltas) begin() error {
	if len(d.widths) == 0 {
		least, n := binary.Varint(d.data)
		if n <= 0 || len(d.data) < n+d.minis {
			return errDelta
		}
		d.least, d.widths, d.data = least, d.data[n:n+d.minis], d.data[n+d.minis:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	size := int(d.width) * d.perMini / 8
	if d.width > 64 || size > len(d.data) {
		return errDelta
	}
	d.mini, d.data, d.left, d.bit = d.data[:size], d.data[size:], d.perMini, 0
	return nil
}

// end goes past all numbers that are left and returns what follows them.
func (d deltas) end() ([]byte, error) {
	if d.total > 0 && !d.started {
		d.total--
	}
	for d.total -= d.left; d.total > 0; d.total -= d.perMini {
		if err := d.begin(); err != nil {
			return nil, err
		}
	}
	return d.data, nil
}

// longBits is the number of up to 64 bits that begins at a bit.
func longBits(miniblock []byte, bit, width uint) uint64 {
	if width == 0 {
		return 0
	}
	at, shift := int(bit>>3), bit&7
	var low uint64
	if at+8 <= len(miniblock) {
		low = binary.LittleEndian.Uint64(miniblock[at:])
	} else {
		var end [8]byte
		copy(end[:], miniblock[at:])
		low = binary.LittleEndian.Uint64(end[:])
	}
	v := low >> shift
	if shift+width > 64 && at+8 < len(miniblock) {
		v |= uint64(miniblock[at+8]) << (64 - shift)
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}
