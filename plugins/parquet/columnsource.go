package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// parquet-go fills a column through 24 bytes for each value, which it then
// examines one by one. A columnSource goes past that: the column's type makes
// buffers to which such values say only how many rows follow, and which copy these
// from an array, many at once. The file is the same.

// columnSource is the array whose values the page buffers of a column copy next.
type columnSource struct {
	width   int      // bytes of a value; 0: they vary
	offsets []uint32 // of the array's own rows, if they vary
	data    []byte   // if not, of its own rows too
	nulls   func(row int) bool
	at      int // the next row
}

// newColumnSource is one for values of a type, or nil: they have to be written one by
// one.
func newColumnSource(t arrow.DataType) *columnSource {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY:
		return &columnSource{}
	case arrow.INT32, arrow.DATE32:
		return &columnSource{width: 4}
	case arrow.INT64, arrow.UINT64, arrow.TIMESTAMP, arrow.TIME64:
		return &columnSource{width: 8}
	case arrow.FLOAT32, arrow.FLOAT64:
		return &columnSource{width: t.(arrow.FixedWidthDataType).Bytes()}
	}
	return nil
}

// set continues with the rows of an array.
func (s *columnSource) set(a arrow.Array) {
	s.at, s.nulls, s.offsets, s.data = 0, nil, nil, nil
	if a.NullN() > 0 {
		s.nulls = a.IsNull
	}
	buffers, from := a.Data().Buffers(), a.Data().Offset()
	switch {
	case buffers[1] == nil: // no row
	case s.width > 0:
		s.data = buffers[1].Bytes()[from*s.width:]
	default:
		s.offsets = arrow.Uint32Traits.CastFromBytes(buffers[1].Bytes())[from:]
		if buffers[2] != nil {
			s.data = buffers[2].Bytes()
		}
	}
}

// next returns the next n rows that are not null, which follow each other.
func (s *columnSource) next(n int) (from, to int) {
	for s.nulls != nil && s.nulls(s.at) {
		s.at++
	}
	from, s.at = s.at, s.at+n
	return from, s.at
}

// value is the bytes of a row.
func (s *columnSource) value(row int) []byte {
	if s.width > 0 {
		return s.data[row*s.width : (row+1)*s.width]
	}
	return s.data[s.offsets[row]:s.offsets[row+1]]
}

// columnType is a type whose page buffers and dictionaries have a source.
type columnType struct {
	pq.Type
	source *columnSource
}

// NewColumnBuffer makes the buffer of a page.
func (t columnType) NewColumnBuffer(column, _ int) pq.ColumnBuffer {
	inner := t.Type.NewColumnBuffer(column, 0)
	return &pageBuffer{ColumnBuffer: inner, kind: t.Type, column: column, source: t.source}
}

// NewDictionary makes the dictionary of a row group.
func (t columnType) NewDictionary(column, _ int, _ encoding.Values) pq.Dictionary {
	inner := t.Type.NewDictionary(column, 0, t.NewValues(nil, []uint32{0}))
	return newDictionary(inner, t, column)
}

// pageValues are values in the layout of both Arrow and parquet-go.
type pageValues struct {
	data    []byte
	offsets []uint32 // where values that vary in length end
	n       int
}

func (p *pageValues) reset() {
	p.data, p.offsets, p.n = p.data[:0], p.offsets[:0], 0
}

// add appends rows of a source.
func (p *pageValues) add(s *columnSource, from, to int) {
	p.n += to - from
	if s.width > 0 {
		p.data = append(p.data, s.data[from*s.width:to*s.width]...)
		return
	}
	shift := uint32(len(p.data)) - s.offsets[from]
	p.data = append(p.data, s.data[s.offsets[from]:s.offsets[to]]...)
	if len(p.offsets) == 0 {
		p.offsets = append(p.offsets, 0)
	}
	for _, end := range s.offsets[from+1 : to+1] {
		p.offsets = append(p.offsets, end+shift)
	}
}

// size is as parquet-go would count it: pages end by it.
func (p *pageValues) size(width int) int64 {
	if width > 0 {
		return int64(len(p.data))
	}
	return int64(len(p.data)) + 4*int64(p.n)
}

// page is a page of the values.
func (p *pageValues) page(kind pq.Type, column int) pq.Page {
	if len(p.offsets) == 0 {
		p.offsets = append(p.offsets, 0)
	}
	page := kind.NewPage(column, p.n, kind.NewValues(p.data, p.offsets))
	if kind.Kind() == pq.ByteArray {
		return boundedPage{page, func() (least, greatest pq.Value) {
			low, high := p.bounds()
			return pq.ByteArrayValue(low), pq.ByteArrayValue(high)
		}}
	}
	return page
}

// boundedPage is a page that computes its bounds in another way.
type boundedPage struct {
	pq.Page
	bounds func() (least, greatest pq.Value)
}

// Bounds are the least and the greatest value.
func (b boundedPage) Bounds() (least, greatest pq.Value, ok bool) {
	if b.NumValues() == 0 {
		return least, greatest, false
	}
	least, greatest = b.bounds()
	return least, greatest, true
}

// bounds are the least and the greatest of texts. For most of them the first eight
// bytes rule both out.
func (p *pageValues) bounds() (least, greatest []byte) {
	var low, high uint64
	for i := range p.n {
		text := p.data[p.offsets[i]:p.offsets[i+1]]
		begin := beginning(text)
		if i == 0 {
			least, greatest, low, high = text, text, begin, begin
			continue
		}
		if begin <= low && string(text) < string(least) {
			least, low = text, begin
		}
		if begin >= high && string(text) > string(greatest) {
			greatest, high = text, begin
		}
	}
	return least, greatest
}

// beginning is a number that is not above that of a greater text.
func beginning(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	begin := uint64(0)
	for i, b := range text {
		begin |= uint64(b) << (56 - 8*i)
	}
	return begin
}

// pageBuffer is the values of a page.
type pageBuffer struct {
	pq.ColumnBuffer // what is not asked of a writer's buffer
	pageValues
	kind   pq.Type
	column int
	source *columnSource
}

// WriteValues appends as many rows of the source.
func (b *pageBuffer) WriteValues(values []pq.Value) (int, error) {
	from, to := b.source.next(len(values))
	b.add(b.source, from, to)
	return len(values), nil
}

// Page is the page.
func (b *pageBuffer) Page() pq.Page { return b.page(b.kind, b.column) }

// Len is how many values there are.
func (b *pageBuffer) Len() int { return b.n }

// Size is their bytes.
func (b *pageBuffer) Size() int64 { return b.size(b.source.width) }

// Reset begins another page.
func (b *pageBuffer) Reset() { b.reset() }
