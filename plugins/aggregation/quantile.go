package aggregation

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// quantileError is how far a result may be off, relative to the value of rank
// ⌊q·(n-1)⌋ among the n values of the cell in order. The bins are a little finer,
// since their bounds are rounded.
const (
	quantileError = 0.01
	binError      = 0.00999
)

// quantile estimates quantiles by a DDSketch: values are counted in bins that
// grow by 2 % from one to the next. The bins a cell has depend on its values
// alone, not on their order, and those of two cells can be added.
type quantile struct {
	from       int
	q          float64
	id         arrow.Type
	whole      bool // a column of whole numbers
	bins       *mapping.CubicallyInterpolatedMapping
	sketches   list[sketch]
	memoryUsed memoryUsed
}

// sketch is the bins of a cell. A bin's key has the order of its values.
type sketch struct {
	keys      numbers
	counts    []int64 // by the ids of keys
	any       bool
	low, high float64 // the least and the greatest value, if there is any but NaN
}

// Bins of positive values have their index plus middle as key, which is above 0;
// those of negative values the opposite. Values nearer to 0 than the smallest
// bin, which is at 2.3e-308, count as 0.
const (
	middle      = 1 << 33
	infinityKey = 1 << 40
	nanKey      = 1 << 41
)

func newQuantile(b bound, from int) *quantile {
	bins, err := mapping.NewCubicallyInterpolatedMapping(binError)
	if err != nil {
		panic("aggregation: " + err.Error()) // the error is a constant
	}
	return &quantile{from: from, q: b.Quantile, id: b.in.ID(), whole: !isFloat(b.in), bins: bins}
}

func (a *quantile) grow(n int) { a.sketches.extend(n) }

func (a *quantile) add(in *input) {
	column := &in.columns[a.from]
	nulls := column.bitmap != nil
	for i, cell := range in.cells {
		row := in.rows[i]
		if nulls && column.null(row) {
			continue
		}
		var v float64
		switch a.id {
		case arrow.FLOAT32, arrow.FLOAT64:
			v = column.floats[row]
		case arrow.UINT64:
			v = float64(uint64(column.fixed[row]) ^ 1<<63)
		default:
			v = float64(column.fixed[row])
		}
		a.insert(a.sketches.at(cell), v)
	}
}

func (a *quantile) insert(s *sketch, v float64) {
	a.count(s, a.key(v), 1)
	if v == v {
		s.extendRange(v+0, v+0) // -0 + 0 = 0
	}
}

func (a *quantile) key(v float64) int64 {
	size := math.Abs(v)
	key := int64(0)
	switch {
	case size != size:
		return nanKey
	case size > math.MaxFloat64:
		key = infinityKey
	case size >= a.bins.MinIndexableValue():
		key = int64(a.bins.Index(size)) + middle
	}
	if v < 0 {
		return -key
	}
	return key
}

// value is what stands for all values of a bin.
func (a *quantile) value(key int64) float64 {
	switch {
	case key == nanKey:
		return math.NaN()
	case key == infinityKey:
		return math.Inf(1)
	case key == 0:
		return 0
	case key < 0:
		return -a.value(-key)
	}
	return a.bins.Value(int(key - middle))
}

func (a *quantile) count(s *sketch, key, n int64) {
	id := s.keys.intern(key)
	if int(id) == len(s.counts) {
		a.memoryUsed.added(len(s.counts), len(s.counts)+1, binBytes)
		s.counts = append(s.counts, 0)
	}
	s.counts[id] += n
}

// extendRange extends the least and the greatest value.
func (s *sketch) extendRange(low, high float64) {
	if !s.any {
		s.any, s.low, s.high = true, low, high
	}
	s.low, s.high = min(s.low, low), max(s.high, high)
}

// bin is one of a sketch's, for those who want them in order.
type bin struct {
	key, n int64
}

func (s *sketch) sorted() (bins []bin, n int64) {
	for id, key := range s.keys.values {
		bins = append(bins, bin{key, s.counts[id]})
		n += s.counts[id]
	}
	slices.SortFunc(bins, func(a, b bin) int { return cmp.Compare(a.key, b.key) })
	return bins, n
}

func (a *quantile) result(b array.Builder, cell uint32) error {
	a.appendQuantile(b, cell, a.q)
	return nil
}

func (a *quantile) appendQuantile(b array.Builder, cell uint32, q float64) {
	s := a.sketches.at(cell)
	bins, n := s.sorted()
	if n == 0 {
		b.AppendNull()
		return
	}
	b.(*array.Float64Builder).Append(a.pick(s, bins, min(int64(q*float64(n-1)), n-1), n-1))
}

// pick is the value of a rank.
func (a *quantile) pick(s *sketch, bins []bin, rank, last int64) float64 {
	at, left := 0, rank
	for left >= bins[at].n {
		left -= bins[at].n
		at++
	}
	v := a.value(bins[at].key)
	switch {
	case v != v:
		return v
	case rank == 0:
		return s.low
	case rank == last:
		return s.high
	}
	// Of whole numbers below 50 a hundredth is less than a half. Others are
	// nearer, too, if they are not beyond what there is.
	if size := math.Abs(v); a.whole && size < 49 {
		v = math.Round(v)
	}
	return min(max(v, s.low), s.high)
}

func (a *quantile) merge(into, from uint32) {
	s, other := a.sketches.at(into), a.sketches.at(from)
	for id, key := range other.keys.values {
		a.count(s, key, other.counts[id])
	}
	if other.any {
		s.extendRange(other.low, other.high)
	}
}

func (a *quantile) clear(cell uint32) {
	a.memoryUsed.added(len(a.sketches.at(cell).counts), 0, binBytes)
	*a.sketches.at(cell) = sketch{}
}

func (a *quantile) bytes() int64 { return a.sketches.bytes() + int64(a.memoryUsed) }

// encode writes the bins in order, each as its distance from the one before.
func (a *quantile) encode(state []byte, cell uint32) []byte {
	s := a.sketches.at(cell)
	bins, _ := s.sorted()
	state = binary.AppendUvarint(state, uint64(len(bins)))
	before := int64(-infinityKey)
	for _, bin := range bins {
		state = binary.AppendUvarint(state, uint64(bin.key-before))
		state = binary.AppendUvarint(state, uint64(bin.n))
		before = bin.key
	}
	if !s.any {
		return append(state, 0)
	}
	state = binary.BigEndian.AppendUint64(append(state, 1), math.Float64bits(s.low))
	return binary.BigEndian.AppendUint64(state, math.Float64bits(s.high))
}

func (a *quantile) decode(r *reader, cell uint32) {
	s := a.sketches.at(cell)
	const mostRows = 1 << 62
	key, left := int64(-infinityKey), int64(mostRows)
	for i := range r.count(2) {
		step, n := r.uvarint(), r.uvarint()
		if step > nanKey-uint64(key) || step == 0 && i > 0 || n == 0 || n > uint64(left) {
			r.fail()
			return
		}
		key, left = key+int64(step), left-int64(n)
		if !a.known(key) {
			r.fail()
			return
		}
		a.count(s, key, int64(n))
	}
	if s.any = r.bool(); s.any {
		s.low, s.high = math.Float64frombits(r.uint64()), math.Float64frombits(r.uint64())
	}
	if s.any && !(s.low <= s.high) || s.any != slices.ContainsFunc(s.keys.values, isNumber) {
		r.fail()
	}
}

func isNumber(key int64) bool { return key != nanKey }

// known reports whether there is a bin with this key.
func (a *quantile) known(key int64) bool {
	size := max(key, -key)
	least, most := a.bins.Index(a.bins.MinIndexableValue())+middle, a.bins.Index(math.MaxFloat64)+middle
	return key == 0 || key == nanKey || size == infinityKey || size >= int64(least) && size <= int64(most)
}

// sameSketch is a further quantile of values that are sketched already.
type sameSketch struct {
	of *quantile
	q  float64
}

func (s *sameSketch) result(b array.Builder, cell uint32) error {
	s.of.appendQuantile(b, cell, s.q)
	return nil
}

func (s *sameSketch) grow(int)                             {}
func (s *sameSketch) add(*input)                           {}
func (s *sameSketch) merge(_, _ uint32)                    {}
func (s *sameSketch) clear(uint32)                         {}
func (s *sameSketch) bytes() int64                         { return 0 }
func (s *sameSketch) encode(state []byte, _ uint32) []byte { return state }
func (s *sameSketch) decode(*reader, uint32)               {}
