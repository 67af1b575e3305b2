package parquet

import (
	"bufio"
	"fmt"
	"io"
	"runtime/debug"

	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/kit/files"
	"etlengine/plugins/sdk"
)

const (
	valueBytes = 24       // of a pq.Value
	fixedBytes = 64 << 10 // of a column that is being read: buffers of the file, of levels and of values
)

// pageMemory is the memory that the columns of a file share for their pages and
// dictionaries. When it is used up, columns that are not being read drop theirs, and
// read them again when it is their turn: a file with many columns, each with a large
// page, takes time rather than memory.
type pageMemory struct {
	most     int64 // bytes
	used     int64
	columns  [][]*cursor // by column, in the order in which they are read
	leaves   int         // how many there are of columns
	reading  int         // the column that is read now
	dropped  bool        // pages were
	inflater inflater    // of all columns: they are read in turn

	raw, plain []byte // of the column that dropped its page last, for the next one
}

// mostPageMemory is how many bytes the pages of a file of so many bytes may take: what a
// sink may buffer, or what a larger file can hold up to a quarter of the memory limit.
func mostPageMemory(size int64) int64 {
	const share = 4
	return max(files.Budget(), min(maxRatio*size, debug.SetMemoryLimit(-1)/share))
}

// charge sets aside so many bytes for a page of c, besides its dictionary. Columns just
// read go first: all are read in turn, so those are needed last.
func (m *pageMemory) charge(c *chunk, page int) error {
	need := int64(fixedBytes + max(page, cap(c.raw)+cap(c.plain)) + c.dictionaryBytes)
	m.used += need - c.charged
	c.charged = need
	for i := 1; m.used > m.most && i < len(m.columns); i++ {
		for _, leaf := range m.columns[(m.reading-i+len(m.columns))%len(m.columns)] {
			leaf.drop()
		}
	}
	most := max(m.most, 2*maxPageBytes) // what one column may take: its fields are read side by side
	if m.used > most && len(m.columns) > 0 && len(m.columns[m.reading]) > 1 {
		return unsupportedError{fmt.Errorf("the pages of its fields take %s at once, and may take %s: "+
			"give the process more memory, or write the file with smaller pages", sdk.Bytes(m.used), sdk.Bytes(most))}
	}
	return nil
}

// mark is where a page begins: its offset in the file, and what was left before it.
type mark struct{ offset, left, values int64 }

func (c *chunk) seek(offset int64) {
	c.start = offset
	c.behind = io.NewSectionReader(c.file, offset, c.file.size-offset)
	c.in.Reset(c.behind)
}

// offset is that of the next byte in the file.
func (c *chunk) offset() int64 {
	read, _ := c.behind.Seek(0, io.SeekCurrent) // it cannot fail
	return c.start + read - int64(c.in.Buffered())
}

// drop gives back the memory of a column. The values of its slab are read again.
func (c *cursor) drop() {
	if c.chunk == nil || c.chunk.in == nil {
		return
	}
	c.chunk.drop(len(c.slab) - c.next)
	c.slab, c.next = nil, 0
}

// drop forgets the page at hand, of whose values the last ones given are not used yet.
func (c *chunk) drop(unused int) {
	c.memory.used, c.memory.dropped = c.memory.used-c.charged, true
	c.memory.raw, c.memory.plain = c.raw, c.plain
	kept := chunk{physical: c.physical, file: c.file, codec: c.codec, memory: c.memory, largest: c.largest,
		maxRepetition: c.maxRepetition, maxDefinition: c.maxDefinition,
		dictionaryPage: c.dictionaryPage, page: c.page, given: c.given - unused}
	*c = kept
}

// restore reads the page again that drop forgot, up to where it was.
func (c *chunk) restore() error {
	page, given := c.page, c.given
	c.in = bufio.NewReaderSize(nil, readBuffer)
	c.raw, c.plain, c.memory.raw, c.memory.plain = c.memory.raw, c.memory.plain, nil, nil
	if c.dictionaryPage > 0 && c.dictionaryPage < page.offset {
		c.seek(c.dictionaryPage)
		c.left, c.values = c.file.size-c.dictionaryPage, page.values
		if err := c.turn(); err != nil {
			return err
		}
	}
	c.seek(page.offset)
	c.page, c.left, c.values, c.given = page, page.left, page.values, 0
	if given == 0 {
		return nil
	}
	scratch := make([]pq.Value, slabRows)
	for left := given; left > 0; {
		n, err := c.readValues(scratch[:min(left, slabRows)])
		if err != nil {
			return fmt.Errorf("reading a page again: %w", err)
		}
		left -= n
	}
	c.given = given
	return nil
}
