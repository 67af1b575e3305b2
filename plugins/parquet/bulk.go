package parquet

import (
	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/parquet-go/parquet-go"
)

// bulk appends many texts, or bytes, at once: there is memory for all of them before the
// first is copied, and for a batch as for the one before it.
type bulk struct {
	*array.BinaryBuilder
	rows, bytes int // of the last batch, or of the one at hand
}

// mostExpected bounds the bytes of a batch that are expected by the one before it.
const mostExpected = 1 << 20

// newBulk is nil if values of a column need more than to be copied.
func newBulk(b array.Builder, from pq.Type) *bulk {
	switch b := b.(type) {
	case *array.StringBuilder:
		if textual(from) {
			return &bulk{BinaryBuilder: b.BinaryBuilder}
		}
	case *array.BinaryBuilder:
		return &bulk{BinaryBuilder: b}
	}
	return nil
}

// append appends values, nulls among them, and returns their size in bytes. It does
// nothing and is false if one has more than most bytes.
func (b *bulk) append(values []pq.Value, most int) (size int, ok bool) {
	for i := range values {
		n := len(values[i].ByteArray())
		if n > most {
			return 0, false
		}
		size += n
	}
	if b.Len() == 0 {
		b.Reserve(b.rows)
		b.ReserveData(min(b.bytes, mostExpected))
	}
	b.Reserve(len(values))
	if have := b.DataLen(); b.DataCap() < have+size {
		b.ReserveData(max(size, have)) // doubled, so that it is seldom copied
	}
	for i := range values {
		if values[i].IsNull() {
			b.AppendNull()
		} else {
			b.UnsafeAppend(values[i].ByteArray())
		}
	}
	b.rows, b.bytes = b.Len(), b.DataLen()
	return size + 4*len(values), true
}
