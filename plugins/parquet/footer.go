package parquet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// Where the footer has keys with values of whatever application, as numbers of
// Thrift fields: those of the file, and those of columns in row groups. Nothing
// here reads them, and a key without a value, which the format allows, makes
// parquet-go refuse the file.
var keyValues = [][]int64{{5}, {4, 1, 3, 8}}

// withoutKeyValues is a file as if its footer had none, and its size.
func withoutKeyValues(r io.ReaderAt, size int64) (io.ReaderAt, int64, error) {
	var trailer [trailerSize]byte
	if _, err := r.ReadAt(trailer[:], size-int64(trailerSize)); err != nil {
		return nil, 0, err
	}
	length := int64(binary.LittleEndian.Uint32(trailer[:4])) // no more than the file has: checkEnds
	start := size - int64(trailerSize) - length
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, start); err != nil {
		return nil, 0, err
	}
	slim, err := dropFields(footer, keyValues)
	if err != nil {
		return nil, 0, err
	}
	slim = binary.LittleEndian.AppendUint32(slim, uint32(len(slim)))
	slim = append(slim, magic...)
	return &spliced{r, start, slim}, start + int64(len(slim)), nil
}

// spliced is a file whose end is another one.
type spliced struct {
	io.ReaderAt
	start int64
	end   []byte
}

// ReadAt reads what is before the end, and then the end.
func (s *spliced) ReadAt(p []byte, at int64) (n int, err error) {
	if at < s.start {
		head := p[:min(int64(len(p)), s.start-at)]
		if n, err = s.ReaderAt.ReadAt(head, at); n < len(head) || n == len(p) {
			return n, err
		}
	}
	if at+int64(n) > s.start+int64(len(s.end)) {
		return n, io.EOF
	}
	n += copy(p[n:], s.end[at+int64(n)-s.start:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// dropFields copies a Thrift struct without the fields that have one of the paths.
func dropFields(data []byte, paths [][]int64) ([]byte, error) {
	from := bytes.NewReader(data)
	c := fieldCopier{thriftReader: thriftReader{in: bufio.NewReader(from)}, data: data, from: from, drop: paths}
	c.structure(nil)
	return c.out, c.err
}

type fieldCopier struct {
	thriftReader
	data []byte
	from *bytes.Reader
	drop [][]int64
	out  []byte
}

// at is how much of data has been read.
func (c *fieldCopier) at() int { return len(c.data) - c.from.Len() - c.in.Buffered() }

// raw copies what read passes over.
func (c *fieldCopier) raw(read func()) {
	from := c.at()
	if read(); c.err == nil {
		c.out = append(c.out, c.data[from:c.at()]...)
	}
}

func (c *fieldCopier) structure(path []int64) {
	c.fields(len(path), func(id int64, kind byte) bool {
		inside := append(slices.Clone(path), id)
		if slices.ContainsFunc(c.drop, func(p []int64) bool { return slices.Equal(p, inside) }) {
			return false
		}
		c.out = append(c.out, kind) // with the number beside it: that of the field before may be gone
		c.out = binary.AppendVarint(c.out, id)
		switch kind {
		case thriftStruct:
			c.structure(inside)
		case thriftList:
			c.list(inside)
		default:
			c.raw(func() { c.skip(kind, len(inside)) })
		}
		return true
	})
	c.out = append(c.out, 0)
}

func (c *fieldCopier) list(path []int64) {
	var kind byte
	var n uint64
	c.raw(func() { kind, n = c.thriftReader.list() })
	for ; n > 0 && c.err == nil; n-- {
		if kind == thriftStruct {
			c.structure(path)
		} else {
			c.raw(func() { c.skipElement(kind, len(path)) })
		}
	}
}
