package parquet

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var errShortPage = errors.New("a page has fewer values than it says")

// hybrid reads numbers of a fixed width in runs: of one number repeated, or of
// numbers packed bit by bit (RLE / Bit-Packing Hybrid). It is asked for as many as
// are wanted, so how long a run says it is costs nothing.
type hybrid struct {
	data  []byte // behind the run at hand
	width uint

	left     int    // of the run
	runBytes []byte // of the run, or nil: it repeats value
	bit      uint   // of runBytes, where the next number begins
	value    uint32
}

// newHybrid reads numbers of so many bits, at most 32.
func newHybrid(data []byte, width uint) hybrid { return hybrid{data: data, width: width} }

// next sets dst to the next numbers.
func (h *hybrid) next(dst []uint32) error {
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.begin(); err != nil {
				return err
			}
		}
		n := min(len(dst), h.left)
		if h.runBytes == nil {
			for i := range dst[:n] {
				dst[i] = h.value
			}
		} else {
			unpack(dst[:n], h.runBytes, h.bit, h.width)
			h.bit += uint(n) * h.width
		}
		h.left, dst = h.left-n, dst[n:]
	}
	return nil
}

// begin reads the head of the next run.
func (h *hybrid) begin() error {
	head, n := binary.Uvarint(h.data)
	if n <= 0 || head>>1 > 1<<31 {
		return errShortPage
	}
	h.data = h.data[n:]
	if head&1 == 0 {
		bytes := int(h.width+7) / 8
		if len(h.data) < bytes || head>>1 == 0 {
			return errShortPage
		}
		var padded [4]byte
		copy(padded[:], h.data[:bytes])
		h.value, h.runBytes, h.left = binary.LittleEndian.Uint32(padded[:]), nil, int(head>>1)
		if bits.Len32(h.value) > int(h.width) {
			return errors.New("a run repeats a number that is wider than its width")
		}
		h.data = h.data[bytes:]
		return nil
	}
	h.left, h.bit = int(head>>1)*8, 0
	if h.width == 0 {
		h.runBytes, h.value = nil, 0
		return nil
	}
	// The last run may be shorter than it says: writers differ in whether they fill it up.
	bytes := min(int(head>>1)*int(h.width), len(h.data))
	h.runBytes, h.data = h.data[:bytes], h.data[bytes:]
	if h.left = min(h.left, bytes*8/int(h.width)); h.left == 0 {
		return errShortPage
	}
	return nil
}

// unpack sets dst to numbers of a width that begin at a bit, the least bit first.
func unpack(dst []uint32, runBytes []byte, bit, width uint) {
	mask := uint64(1)<<width - 1
	i := 0
	for ; i < len(dst); i++ {
		at := bit >> 3
		if int(at)+8 > len(runBytes) {
			break
		}
		dst[i] = uint32(binary.LittleEndian.Uint64(runBytes[at:]) >> (bit & 7) & mask)
		bit += width
	}
	for ; i < len(dst); i++ {
		var end [8]byte
		copy(end[:], runBytes[bit>>3:])
		dst[i] = uint32(binary.LittleEndian.Uint64(end[:]) >> (bit & 7) & mask)
		bit += width
	}
}

// deprecatedLevels are levels in the older encoding, BIT_PACKED: the greatest bit first,
// and no runs.
type deprecatedLevels struct {
	data  []byte
	bit   uint
	width uint
}

func (p *deprecatedLevels) next(dst []uint32) error {
	if (p.bit+uint(len(dst))*p.width+7)/8 > uint(len(p.data)) {
		return errShortPage
	}
	for i := range dst {
		var level uint32
		for range p.width {
			level = level<<1 | uint32(p.data[p.bit>>3]>>(7-p.bit&7)&1)
			p.bit++
		}
		dst[i] = level
	}
	return nil
}
