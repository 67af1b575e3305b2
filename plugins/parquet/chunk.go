package parquet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
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
	file   source
	in     *bufio.Reader // nil: at the page that restore goes to
	start  int64         // of in, in the file
	behind *io.SectionReader
	left   int64 // bytes of the file, as far as its pages may reach
	values int64 // of the column that no page gave yet
	codec  format.CompressionCodec

	memory         *pageMemory
	charged        int64 // of it
	dictionaryPage int64 // where it begins; 0: no dictionary was read
	page           mark  // of the page at hand
	given          int   // values of the page that ReadValues returned

	maxRepetition, maxDefinition int

	raw, plain      []byte // the page, as it stands in the file and decompressed; reused
	dictionary      []pq.Value
	dictionaryBytes int // that it takes
	largest         int // bytes of the dictionary's largest value, as any row may be

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
	c := &chunk{memory: &pageMemory{most: math.MaxInt64}}
	if old != nil {
		*c = chunk{in: old.in, raw: old.raw, plain: old.plain, repBuffer: old.repBuffer, defBuffer: old.defBuffer,
			memory: old.memory, charged: old.charged}
	}
	// Not by the size that the footer says: older writers leave the dictionary out of it.
	c.file, c.left = from, from.size-start
	c.page = mark{start, c.left, m.NumValues}
	if c.in != nil {
		c.seek(start)
	}
	c.physical, c.values, c.codec = leaf.physical, m.NumValues, m.Codec
	c.maxRepetition, c.maxDefinition = leaf.maxRepetition, leaf.maxDefinition
	return c, nil
}

// ReadValues sets the beginning of dst to the next values, nulls among them. io.EOF
// is the end. Bytes are valid until the next call.
func (c *chunk) ReadValues(dst []pq.Value) (int, error) {
	if c.in == nil {
		if err := c.restore(); err != nil {
			return 0, err
		}
	}
	n, err := c.readValues(dst)
	c.given += n
	return n, err
}

func (c *chunk) readValues(dst []pq.Value) (int, error) {
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

// spread puts the values that dst begins with at their positions, nulls between
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
