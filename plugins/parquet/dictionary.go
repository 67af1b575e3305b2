package parquet

import (
	"hash/maphash"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// dictionary is the different values of a column in a row group, in the order
// in which they came.
type dictionary struct {
	pq.Dictionary // what is not asked of a writer's dictionary
	pageValues
	kind   columnType
	column int

	seed   maphash.Seed
	slots  []int32  // by hash: the index of a value and one, 0: none
	hashes []uint64 // of the values
}

const fewestSlots = 256 // a power of two

func newDictionary(inner pq.Dictionary, kind columnType, column int) *dictionary {
	return &dictionary{Dictionary: inner, kind: kind, column: column, seed: maphash.MakeSeed(),
		slots: make([]int32, fewestSlots)}
}

// index finds a value of the source, or adds it.
func (d *dictionary) index(row int) int32 {
	value := d.kind.source.value(row)
	hash := maphash.Bytes(d.seed, value)
	mask := uint64(len(d.slots) - 1)
	at := hash & mask
	for ; d.slots[at] != 0; at = (at + 1) & mask {
		if i := d.slots[at] - 1; d.hashes[i] == hash && string(d.value(int(i))) == string(value) {
			return i
		}
	}
	d.add(d.kind.source, row, row+1)
	d.hashes = append(d.hashes, hash)
	d.slots[at] = int32(d.n)
	if 2*d.n > len(d.slots) {
		d.grow()
	}
	return int32(d.n - 1)
}

func (d *dictionary) value(i int) []byte {
	if width := d.kind.source.width; width > 0 {
		return d.data[i*width : (i+1)*width]
	}
	return d.data[d.offsets[i]:d.offsets[i+1]]
}

func (d *dictionary) grow() {
	d.slots = make([]int32, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for i, hash := range d.hashes {
		at := hash & mask
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = int32(i + 1)
	}
}

// Type makes the buffers of indexes.
func (d *dictionary) Type() pq.Type { return &indexed{Type: d.Dictionary.Type(), dictionary: d} }

// Len is how many values there are.
func (d *dictionary) Len() int { return d.n }

// Size is the bytes of the values.
func (d *dictionary) Size() int64 { return int64(len(d.data)) }

// Page is the values.
func (d *dictionary) Page() pq.Page { return d.page(d.kind.Type, d.column) }

// Reset begins another row group.
func (d *dictionary) Reset() {
	d.reset()
	d.hashes = d.hashes[:0]
	clear(d.slots)
}

// indexed is the type of a column with a dictionary.
type indexed struct {
	pq.Type
	dictionary *dictionary
	made       bool
}

// NewColumnBuffer makes a buffer of indexes. parquet-go asks once more when it
// has given up the dictionary: then the buffer is one of values.
func (t *indexed) NewColumnBuffer(column, _ int) pq.ColumnBuffer {
	if t.made {
		return t.dictionary.kind.NewColumnBuffer(column, 0)
	}
	t.made = true
	return &indexes{ColumnBuffer: t.Type.NewColumnBuffer(column, 0), kind: t.Type, column: column,
		dictionary: t.dictionary}
}

// indexes are the values of a page, as their indexes in the dictionary.
type indexes struct {
	pq.ColumnBuffer // what is not asked of a writer's buffer
	kind            pq.Type
	column          int
	dictionary      *dictionary
	values          []int32
	used            []bool     // by index: a value of this page
	distinct        pageValues // those used, for the bounds
}

// WriteValues adds the indexes of as many rows of the source.
func (x *indexes) WriteValues(values []pq.Value) (int, error) {
	from, to := x.dictionary.kind.source.next(len(values))
	for row := from; row < to; row++ {
		x.values = append(x.values, x.dictionary.index(row))
	}
	return len(values), nil
}

// Page is the page. Its bounds are those of the values that it uses.
func (x *indexes) Page() pq.Page {
	page := x.kind.NewPage(x.column, len(x.values), encoding.Int32Values(x.values))
	return boundedPage{page, x.bounds}
}

func (x *indexes) bounds() (least, greatest pq.Value) {
	d := x.dictionary
	x.used = append(x.used[:0], make([]bool, d.n)...)
	for _, i := range x.values {
		x.used[i] = true
	}
	all := columnSource{width: d.kind.source.width, data: d.data, offsets: d.offsets}
	x.distinct.reset()
	for i, used := range x.used {
		if used {
			x.distinct.add(&all, i, i+1)
		}
	}
	least, greatest, _ = x.distinct.page(d.kind.Type, x.column).Bounds()
	return least, greatest
}

// Len is how many values there are.
func (x *indexes) Len() int { return len(x.values) }

// Size is their bytes.
func (x *indexes) Size() int64 { return 4 * int64(len(x.values)) }

// Reset begins another page.
func (x *indexes) Reset() { x.values = x.values[:0] }
