package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/sdk"
)

// turn goes to the next page. io.EOF: there is none.
func (c *chunk) turn() error {
	if left := unread(c.encoded); left {
		return errors.New("a page has more values than it says")
	}
	c.encoded = nil
	if c.values == 0 {
		return io.EOF
	}
	c.page, c.given = mark{c.offset(), c.left, c.values}, 0
	h, err := readPageHeader(c.in)
	if err != nil {
		return fmt.Errorf("reading the header of a page: %w", err)
	}
	if err := h.check(c.left, c.values); err != nil {
		return err
	}
	if err := c.memory.charge(c, c.pageBytes(h)); err != nil {
		return err
	}
	if c.raw, err = readSome(c.raw[:0], c.in, h.size); err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	c.left -= int64(h.size) // headers left out: that is enough to bound the next page
	if h.hasCRC && crc32.ChecksumIEEE(c.raw) != h.crc {
		return errors.New("the checksum of a page is another one than its header says")
	}
	switch h.kind {
	case format.DataPage:
		err = c.version1(&h)
	case format.DataPageV2:
		err = c.version2(&h)
	case format.DictionaryPage:
		return c.readDictionary(&h)
	default:
		return nil
	}
	c.values -= int64(h.values)
	c.inPage = h.values
	return err
}

func (c *chunk) version1(h *pageHeader) error {
	page, err := c.inflate(c.raw, h.plainSize)
	if err != nil {
		return err
	}
	if c.maxRepetition > 0 {
		if c.repetitions, page, err = levelsV1(page, h.repetitions, c.maxRepetition, h.values); err != nil {
			return err
		}
	}
	if c.maxDefinition > 0 {
		if c.definitions, page, err = levelsV1(page, h.definitions, c.maxDefinition, h.values); err != nil {
			return err
		}
	}
	c.nulls, c.wantNulls = 0, -1
	c.encoded, err = newEncoded(h.encoding, c.physical, page, c.dictionary)
	return err
}

// levelsV1 finds the levels at the beginning of a page, and what follows them.
func levelsV1(page []byte, e format.Encoding, most, values int) (levels, []byte, error) {
	width := uint(bits.Len(uint(most)))
	switch e {
	case format.RLE:
		if len(page) < 4 || int64(binary.LittleEndian.Uint32(page)) > int64(len(page)-4) {
			if values == 0 {
				return nil, nil, nil
			}
			return nil, nil, errors.New("the levels of a page are longer than the page")
		}
		size := int(binary.LittleEndian.Uint32(page))
		h := newHybrid(page[4:4+size], width)
		return &h, page[4+size:], nil
	case format.BitPacked:
		size := (values*int(width) + 7) / 8
		if size > len(page) {
			return nil, nil, errShortPage
		}
		return &deprecatedLevels{data: page[:size], width: width}, page[size:], nil
	}
	return nil, nil, fmt.Errorf("levels encoded as %s", e)
}

func (c *chunk) version2(h *pageHeader) error {
	data := c.raw
	c.repetitions, c.definitions = nil, nil // of no bytes: all of them are 0
	if c.maxRepetition > 0 && h.repBytes > 0 {
		r := newHybrid(data[:h.repBytes], uint(bits.Len(uint(c.maxRepetition))))
		c.repetitions = &r
	}
	data = data[h.repBytes:]
	if c.maxDefinition > 0 && h.defBytes > 0 {
		d := newHybrid(data[:h.defBytes], uint(bits.Len(uint(c.maxDefinition))))
		c.definitions = &d
	}
	data = data[h.defBytes:]
	size, err := h.plainSize-h.repBytes-h.defBytes, error(nil)
	if h.uncompressed {
		if size != len(data) {
			return fmt.Errorf("a page should have %d bytes, it has %d", size, len(data))
		}
	} else if data, err = c.inflate(data, size); err != nil {
		return err
	}
	c.nulls, c.wantNulls = 0, h.nulls
	if c.maxDefinition == 0 && h.nulls > 0 {
		return errors.New("a page has nulls in a column that has none")
	}
	c.encoded, err = newEncoded(h.encoding, c.physical, data, c.dictionary)
	return err
}

// inflate decompresses a page, or the values of one. Of no values some writers
// write no bytes at all, not even those that the codec has for nothing.
func (c *chunk) inflate(data []byte, size int) ([]byte, error) {
	if c.codec == format.Uncompressed {
		if size != len(data) {
			return nil, fmt.Errorf("a page should have %d bytes, it has %d", size, len(data))
		}
		return data, nil
	}
	if len(data) == 0 && size == 0 {
		return nil, nil
	}
	var err error
	inflater := &c.memory.inflater
	inflater.codec = c.codec
	c.plain, err = inflater.inflate(c.plain[:0], data, size)
	return c.plain, err
}

func (c *chunk) readDictionary(h *pageHeader) error {
	if c.dictionary != nil {
		return errors.New("it has two dictionaries")
	}
	if h.encoding != format.Plain && h.encoding != plainDictionary {
		return fmt.Errorf("a dictionary encoded as %s", h.encoding)
	}
	page, err := c.inflate(c.raw, h.plainSize)
	if err != nil {
		return err
	}
	if size := c.leastSize(); c.kind == pq.Boolean && h.values > 0 || h.values > len(page)/size {
		return errors.New("a dictionary has fewer values than it says")
	}
	c.raw, c.plain = nil, nil // the page stays, for all that follow
	c.dictionaryBytes = len(page) + h.values*valueBytes
	if c.dictionaryBytes > max(2*maxPageBytes, maxRatio*h.size) {
		return fmt.Errorf("a dictionary of %d values takes %s, and has %s in the file", h.values,
			sdk.Bytes(c.dictionaryBytes), sdk.Bytes(h.size))
	}
	if err := c.memory.charge(c, 0); err != nil {
		return err
	}
	c.dictionaryPage = c.page.offset
	c.dictionary = make([]pq.Value, h.values)
	if h.values == 0 {
		return nil
	}
	_, err = newPlain(c.physical, page).next(c.dictionary)
	for _, v := range c.dictionary {
		if v.Kind() == pq.ByteArray {
			c.largest = max(c.largest, len(v.ByteArray()))
		}
	}
	return err
}

// pageBytes is what a page takes as it stands in the file, and decompressed.
func (c *chunk) pageBytes(h pageHeader) int {
	if c.codec == format.Uncompressed {
		return h.size
	}
	return h.size + h.plainSize
}

// leastSize is the bytes that a value of a dictionary has at the least.
func (p physical) leastSize() int {
	if p.kind == pq.ByteArray {
		return 4 // its length
	}
	return max(1, p.width())
}
