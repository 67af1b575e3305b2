package parquet

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// chunk reads the values of one column in one row group. Nothing in the file is
// believed: what a header says is compared with what is there before anything is
// allocated or given out.
//
// parquet-go, which writes our files, is not asked to read pages: it fills short
// pages up, allocates by the length of runs, reads runs of booleans and deltas of
// 8 bytes wrongly, and refuses pages without values.
type chunk struct {
	physical
	in       *bufio.Reader
	left     int64 // bytes of the file, as far as its pages may reach
	values   int64 // of the column that no page gave yet
	inflater inflater

	maxRepetition, maxDefinition int

	raw, plain []byte // the page, as it stands in the file and decompressed; reused
	dictionary []pq.Value
	largest    int // bytes of the dictionary's largest value, as any row may be

	inPage               int // values of the page that no levels were read of
	repetitions          levels
	definitions          levels
	encoded              encoded
	nulls                int // of the page, that were read; in version 2 they are known before
	wantNulls            int // -1: not known
	reps, defs           []uint32
	repBuffer, defBuffer []uint32
}

// levels reads the levels of values.
type levels interface {
	next(dst []uint32) error
}

// source is a file whose footer was read.
type source struct {
	io.ReaderAt
	size int64 // up to the footer
}

// leafOf is what has to be known of a column to read it.
type leafOf struct {
	physical
	index                        int
	maxRepetition, maxDefinition int
}

func newLeaf(c *pq.Column) leafOf {
	l := leafOf{physical: physical{kind: c.Type().Kind()}, index: c.Index(),
		maxRepetition: c.MaxRepetitionLevel(), maxDefinition: c.MaxDefinitionLevel()}
	if l.kind == pq.FixedLenByteArray {
		l.length = c.Type().Length()
	}
	return l
}

// newChunk begins to read the column of a row group. Another chunk's memory may
// be used again.
func newChunk(from source, meta *format.ColumnChunk, leaf leafOf, old *chunk) (*chunk, error) {
	m := &meta.MetaData
	start := m.DataPageOffset
	if m.DictionaryPageOffset > 0 {
		start = min(start, m.DictionaryPageOffset)
	}
	if m.NumValues == 0 {
		start = from.size // of a column without values the footer need not say where its pages are
	}
	switch {
	case start < int64(len(magic)) || start > from.size:
		return nil, fmt.Errorf("it begins at %d in a file of %d bytes", start, from.size)
	case m.NumValues < 0:
		return nil, fmt.Errorf("it has %d values", m.NumValues)
	case pq.Kind(m.Type) != leaf.kind && leaf.kind >= 0:
		return nil, fmt.Errorf("its type is %s, and %s in a row group", leaf.kind, m.Type)
	}
	c := &chunk{}
	if old != nil {
		*c = chunk{in: old.in, raw: old.raw, plain: old.plain, repBuffer: old.repBuffer, defBuffer: old.defBuffer,
			inflater: old.inflater}
	} else {
		c.in = bufio.NewReaderSize(nil, readBuffer)
	}
	// Not by the size that the footer says: older writers leave the dictionary out of it.
	c.left = from.size - start
	c.in.Reset(io.NewSectionReader(from, start, c.left))
	c.physical, c.values, c.inflater.codec = leaf.physical, m.NumValues, m.Codec
	c.maxRepetition, c.maxDefinition = leaf.maxRepetition, leaf.maxDefinition
	return c, nil
}

// ReadValues sets the beginning of dst to the next values, nulls among them. io.EOF
// is the end. Bytes are valid until the next call.
func (c *chunk) ReadValues(dst []pq.Value) (int, error) {
	for len(c.defs) == 0 && len(c.reps) == 0 && c.inPage == 0 {
		if err := c.turn(); err != nil {
			return 0, err
		}
	}
	if c.maxDefinition == 0 && c.maxRepetition == 0 {
		n, err := c.encoded.next(dst[:min(len(dst), c.inPage)])
		c.inPage -= n
		return n, err
	}
	if len(c.defs) == 0 && len(c.reps) == 0 {
		if err := c.readLevels(min(len(dst), c.inPage)); err != nil {
			return 0, err
		}
	}
	return c.leveled(dst)
}

// readLevels reads the levels of the next n values.
func (c *chunk) readLevels(n int) error {
	if c.maxRepetition > 0 {
		c.repBuffer = slices.Grow(c.repBuffer[:0], n)[:n]
		if c.reps = c.repBuffer; c.repetitions == nil {
			clear(c.reps)
		} else if err := c.repetitions.next(c.reps); err != nil {
			return err
		}
		if slices.Max(c.reps) > uint32(c.maxRepetition) {
			return errors.New("a level of repetition is above those of its column")
		}
	}
	if c.maxDefinition > 0 {
		c.defBuffer = slices.Grow(c.defBuffer[:0], n)[:n]
		if c.defs = c.defBuffer; c.definitions == nil {
			clear(c.defs)
		} else if err := c.definitions.next(c.defs); err != nil {
			return err
		}
		if slices.Max(c.defs) > uint32(c.maxDefinition) {
			return errors.New("a level of definition is above those of its column")
		}
	}
	c.inPage -= n
	for _, level := range c.defs {
		if level != uint32(c.maxDefinition) {
			c.nulls++
		}
	}
	if c.wantNulls >= 0 && (c.nulls > c.wantNulls || c.inPage == 0 && c.nulls < c.wantNulls) {
		return fmt.Errorf("a page should have %d nulls, it has %d", c.wantNulls, c.nulls)
	}
	return nil
}

// leveled gives values by the levels that were read.
func (c *chunk) leveled(dst []pq.Value) (int, error) {
	n := min(len(dst), max(len(c.defs), len(c.reps)))
	whole := n
	if c.maxDefinition > 0 {
		whole = c.wholeOf(n)
	}
	if whole > 0 {
		got, err := c.encoded.next(dst[:whole])
		if err != nil {
			return 0, err
		}
		if got < whole { // there is more than is put together at once: up to the first that is not
			n, whole = c.upTo(got), got
		}
	}
	c.spread(dst[:n], whole)
	if c.maxRepetition > 0 {
		c.reps = c.reps[n:]
	}
	if c.maxDefinition > 0 {
		c.defs = c.defs[n:]
	}
	return n, nil
}

// wholeOf is how many of the next n values are not null.
func (c *chunk) wholeOf(n int) (whole int) {
	for _, level := range c.defs[:n] {
		if level == uint32(c.maxDefinition) {
			whole++
		}
	}
	return whole
}

// upTo is how many values there are up to the one behind so many that are not null.
func (c *chunk) upTo(whole int) int {
	if c.maxDefinition == 0 {
		return whole
	}
	for i, level := range c.defs {
		if level != uint32(c.maxDefinition) {
			continue
		}
		if whole == 0 {
			return i
		}
		whole--
	}
	return len(c.defs)
}

// spread puts the values that dst begins with into their places, nulls between
// them, and gives all of them their levels.
func (c *chunk) spread(dst []pq.Value, whole int) {
	for i := len(dst) - 1; i >= 0; i-- {
		if c.maxDefinition > 0 {
			if level := c.defs[i]; level == uint32(c.maxDefinition) {
				whole--
				if whole != i {
					dst[i] = dst[whole]
				}
			} else {
				dst[i] = pq.Value{}
			}
			dst[i].SetDefinitionLevel(int(c.defs[i]))
		}
		if c.maxRepetition > 0 {
			dst[i].SetRepetitionLevel(int(c.reps[i]))
		}
	}
}

// turn goes to the next page. io.EOF: there is none.
func (c *chunk) turn() error {
	if left := unread(c.encoded); left {
		return errors.New("a page has more values than it says")
	}
	c.encoded = nil
	if c.values == 0 {
		return io.EOF
	}
	h, err := readPageHeader(c.in)
	if err != nil {
		return fmt.Errorf("reading the header of a page: %w", err)
	}
	if err := h.check(c.left, c.values); err != nil {
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
		return &packedLevels{data: page[:size], width: width}, page[size:], nil
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
	if c.inflater.codec == format.Uncompressed {
		if size != len(data) {
			return nil, fmt.Errorf("a page should have %d bytes, it has %d", size, len(data))
		}
		return data, nil
	}
	if len(data) == 0 && size == 0 {
		return nil, nil
	}
	var err error
	c.plain, err = c.inflater.inflate(c.plain[:0], data, size)
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
	if h.values > len(page) || c.kind == pq.Boolean && h.values > 0 { // a value has a byte at the least
		return errors.New("a dictionary has fewer values than it says")
	}
	page = slices.Clone(page) // for all pages that follow
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
