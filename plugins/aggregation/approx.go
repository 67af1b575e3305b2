package aggregation

import (
	"encoding/binary"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/cespare/xxhash/v2"
)

// A sketch has 2¹² registers of a byte: a standard error of 1.04/√4096, which
// is 1.6 %. Up to exactHashes values there is no error: their hashes are kept
// one by one, which takes no more memory than the registers would. What a cell
// holds depends on its set of values alone, never on their order.
const (
	sketchPrecision = 12
	exactHashes     = 512
)

// approx counts different values by a HyperLogLog sketch.
type approx struct {
	from       int
	kind       kind
	few        list[numbers]    // hashes, while there are few
	many       list[*registers] // nil while there are few
	memoryUsed memoryUsed
}

func (a *approx) grow(n int) {
	a.few.extend(n)
	a.many.extend(n)
}

func (a *approx) add(in *input) {
	column := &in.columns[a.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		if a.kind == textKind {
			a.insert(cell, xxhash.Sum64(column.value(row)))
		} else {
			a.insert(cell, scatter(uint64(column.fixed[row])))
		}
	}
}

// scatter spreads integers over all 64 bits, one to one. It must stay as it
// is, and so must xxhash: sketches in stored states were made with them.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (a *approx) insert(cell uint32, hash uint64) {
	if sketch := *a.many.at(cell); sketch != nil {
		sketch.insert(hash)
		return
	}
	few := a.few.at(cell)
	before := len(few.values)
	few.intern(int64(hash))
	a.memoryUsed.added(before, len(few.values), numberBytes)
	if len(few.values) <= exactHashes {
		return
	}
	sketch := &registers{}
	for _, hash := range few.values {
		sketch.insert(uint64(hash))
	}
	a.memoryUsed += memoryUsed(sketchBytes - few.heap())
	*a.many.at(cell), *a.few.at(cell) = sketch, numbers{}
}

// heap is what hangs on a cell.
func (a *approx) heap(cell uint32) memoryUsed {
	if *a.many.at(cell) != nil {
		return sketchBytes
	}
	return memoryUsed(a.few.at(cell).heap())
}

func (a *approx) merge(into, from uint32) {
	switch sketch := *a.many.at(from); {
	case sketch == nil:
		for _, hash := range a.few.at(from).values {
			a.insert(into, uint64(hash))
		}
	case *a.many.at(into) == nil:
		a.memoryUsed += sketchBytes - a.heap(into) // counted twice until from is cleared
		*a.many.at(into) = sketch
		for _, hash := range a.few.at(into).values {
			sketch.insert(uint64(hash))
		}
		*a.few.at(into) = numbers{}
	default:
		(*a.many.at(into)).merge(sketch)
	}
}

func (a *approx) result(b array.Builder, cell uint32) error {
	n := int64(len(a.few.at(cell).values))
	if sketch := *a.many.at(cell); sketch != nil {
		n = sketch.estimate()
	}
	b.(*array.Int64Builder).Append(n)
	return nil
}

func (a *approx) clear(cell uint32) {
	a.memoryUsed -= a.heap(cell)
	*a.few.at(cell), *a.many.at(cell) = numbers{}, nil
}

func (a *approx) bytes() int64 { return a.few.bytes() + a.many.bytes() + int64(a.memoryUsed) }

// encode writes the number of hashes and the hashes, or one number more than
// could be and the registers.
func (a *approx) encode(state []byte, cell uint32) []byte {
	if sketch := *a.many.at(cell); sketch != nil {
		return append(binary.AppendUvarint(state, exactHashes+1), sketch[:]...)
	}
	few := a.few.at(cell).values
	state = binary.AppendUvarint(state, uint64(len(few)))
	for _, hash := range few {
		state = binary.BigEndian.AppendUint64(state, uint64(hash))
	}
	return state
}

func (a *approx) decode(r *reader, cell uint32) {
	n := r.uvarint()
	if n <= exactHashes {
		for range n {
			if r.failed() {
				return
			}
			a.insert(cell, r.uint64())
		}
		return
	}
	sketch := &registers{}
	if ranks := r.bytes(len(sketch)); n != exactHashes+1 || len(ranks) == 0 || slices.Max(ranks) > mostRank {
		r.fail()
	} else {
		copy(sketch[:], ranks)
	}
	*a.many.at(cell) = sketch
	a.memoryUsed += sketchBytes
}
