package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// A column of parquet-go is filled through 24 bytes for each value, which it
// then looks at one by one. A feed goes past that: the column's type makes
// buffers that are told by such values how many rows to take, and take them
// from an array, many at once. What stands in the file is the same.

// feed is the array whose values the buffers of a column take next.
type feed struct {
	width   int      // bytes of a value; 0: they vary
	offsets []uint32 // of the array's own rows, if they vary
	data    []byte   // if not, of its own rows too
	nulls   func(row int) bool
	at      int // the row to be taken next
}

// newFeed is one for values of a type, or nil: they have to be handed over one
// by one.
func newFeed(t arrow.DataType) *feed {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY:
		return &feed{}
	case arrow.INT32, arrow.DATE32:
		return &feed{width: 4}
	case arrow.INT64, arrow.UINT64, arrow.TIMESTAMP, arrow.TIME64:
		return &feed{width: 8}
	case arrow.FLOAT32, arrow.FLOAT64:
		return &feed{width: t.(arrow.FixedWidthDataType).Bytes()}
	}
	return nil
}

// set takes up an array.
func (f *feed) set(a arrow.Array) {
	f.at, f.nulls, f.offsets, f.data = 0, nil, nil, nil
	if a.NullN() > 0 {
		f.nulls = a.IsNull
	}
	buffers, from := a.Data().Buffers(), a.Data().Offset()
	switch {
	case buffers[1] == nil: // no row
	case f.width > 0:
		f.data = buffers[1].Bytes()[from*f.width:]
	default:
		f.offsets = arrow.Uint32Traits.CastFromBytes(buffers[1].Bytes())[from:]
		if buffers[2] != nil {
			f.data = buffers[2].Bytes()
		}
	}
}

// take goes past the next n rows that are not null, which follow each other.
func (f *feed) take(n int) (from, to int) {
	for f.nulls != nil && f.nulls(f.at) {
		f.at++
	}
	from, f.at = f.at, f.at+n
	return from, f.at
}

// value is the bytes of a row.
func (f *feed) value(row int) []byte {
	if f.width > 0 {
		return f.data[row*f.width : (row+1)*f.width]
	}
	return f.data[f.offsets[row]:f.offsets[row+1]]
}

// fed is a type whose column buffers and dictionaries have a feed.
type fed struct {
	pq.Type
	feed *feed
}

// NewColumnBuffer makes the buffer of a page.
func (t fed) NewColumnBuffer(column, _ int) pq.ColumnBuffer {
	return &buffer{ColumnBuffer: t.Type.NewColumnBuffer(column, 0), kind: t.Type, column: column, feed: t.feed}
}

// NewDictionary makes the dictionary of a row group.
func (t fed) NewDictionary(column, _ int, _ encoding.Values) pq.Dictionary {
	inner := t.Type.NewDictionary(column, 0, t.NewValues(nil, []uint32{0}))
	return newDictionary(inner, t, column)
}

// packed are values as Arrow and parquet-go both keep them.
type packed struct {
	data    []byte
	offsets []uint32 // where values that vary in length end
	n       int
}

func (p *packed) reset() {
	p.data, p.offsets, p.n = p.data[:0], p.offsets[:0], 0
}

// add takes rows of a feed.
func (p *packed) add(f *feed, from, to int) {
	p.n += to - from
	if f.width > 0 {
		p.data = append(p.data, f.data[from*f.width:to*f.width]...)
		return
	}
	shift := uint32(len(p.data)) - f.offsets[from]
	p.data = append(p.data, f.data[f.offsets[from]:f.offsets[to]]...)
	if len(p.offsets) == 0 {
		p.offsets = append(p.offsets, 0)
	}
	for _, end := range f.offsets[from+1 : to+1] {
		p.offsets = append(p.offsets, end+shift)
	}
}

// size is as parquet-go would count it: pages end by it.
func (p *packed) size(width int) int64 {
	if width > 0 {
		return int64(len(p.data))
	}
	return int64(len(p.data)) + 4*int64(p.n)
}

// page is a page of the values.
func (p *packed) page(kind pq.Type, column int) pq.Page {
	if len(p.offsets) == 0 {
		p.offsets = append(p.offsets, 0)
	}
	page := kind.NewPage(column, p.n, kind.NewValues(p.data, p.offsets))
	if kind.Kind() == pq.ByteArray {
		return bounded{page, func() (least, greatest pq.Value) {
			low, high := p.bounds()
			return pq.ByteArrayValue(low), pq.ByteArrayValue(high)
		}}
	}
	return page
}

// bounded is a page with another way to its bounds.
type bounded struct {
	pq.Page
	bounds func() (least, greatest pq.Value)
}

// Bounds are the least and the greatest value.
func (b bounded) Bounds() (least, greatest pq.Value, ok bool) {
	if b.NumValues() == 0 {
		return least, greatest, false
	}
	least, greatest = b.bounds()
	return least, greatest, true
}

// bounds are the least and the greatest of texts. Most of them are told to be
// neither by their first eight bytes.
func (p *packed) bounds() (least, greatest []byte) {
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

// buffer is the values of a page.
type buffer struct {
	pq.ColumnBuffer // what is not asked of a writer's buffer
	packed
	kind   pq.Type
	column int
	feed   *feed
}

// WriteValues takes as many rows from the feed.
func (b *buffer) WriteValues(values []pq.Value) (int, error) {
	from, to := b.feed.take(len(values))
	b.add(b.feed, from, to)
	return len(values), nil
}

// Page is the page.
func (b *buffer) Page() pq.Page { return b.page(b.kind, b.column) }

// Len is how many values there are.
func (b *buffer) Len() int { return b.n }

// Size is what they take.
func (b *buffer) Size() int64 { return b.size(b.feed.width) }

// Reset begins another page.
func (b *buffer) Reset() { b.reset() }
