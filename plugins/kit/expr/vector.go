package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// kind is what the values of a vector are, and which of its slices holds them.
type kind uint8

const (
	none kind = iota // cannot be a vector
	boolean
	integer
	unsigned // as the bits of an integer
	float
	text
	blob
	instant // microseconds since 1970
)

// The states of a row. Of a boolean they are its value too: no and yes are the
// two values that it can have. Other kinds have no for a row with a value.
const (
	no uint8 = iota
	yes
	null
	failed
)

// batch is what an expression is evaluated over.
type batch struct {
	rows arrow.RecordBatch
	n    int
}

// node is a part of an expression that gives a vector. Rows for which need is 0
// may get any value: nobody will look. A nil need is all rows.
type node interface {
	eval(b *batch, need []uint8) (*vector, error)
}

// vector is a column of values, or one value for all rows. Vectors are not
// changed once they have been handed out; they may share memory with the batch.
type vector struct {
	kind    kind
	one     bool           // a single value stands for all rows
	state   []uint8        // by row; nil: all have a value (never nil if boolean)
	reasons map[int]string // of the rows that failed

	ints    []int64
	floats  []float64
	offsets []int32 // one more than rows
	data    []byte
}

// stride makes an index of a row: i & stride is i, or 0 if there is one value.
func (v *vector) stride() int {
	if v.one {
		return 0
	}
	return -1
}

// bytes is the text of a row.
func (v *vector) bytes(row int) []byte {
	i := row & v.stride()
	return v.data[v.offsets[i]:v.offsets[i+1]]
}

// missing is the state of a row of any kind, with no for those that have a value.
func (v *vector) missing(row int) uint8 {
	if v.state == nil {
		return no
	}
	if s := v.state[row&v.stride()]; s >= null {
		return s
	}
	return no
}

// plain reports whether all rows have a value.
func (v *vector) plain() bool {
	if v.kind != boolean || v.state == nil {
		return v.state == nil
	}
	for _, s := range v.state {
		if s >= null {
			return false
		}
	}
	return true
}

// fail makes a row one that failed.
func (v *vector) fail(row, rows int, reason string) {
	if v.state == nil {
		v.state = make([]uint8, rows)
	}
	if v.reasons == nil {
		v.reasons = map[int]string{}
	}
	v.state[row], v.reasons[row] = failed, reason
}

// inherit gives v, whose values were computed from operands, their nulls and
// faults: of the leftmost operand that has one. A fault of v's own remains
// where all operands have values.
func (v *vector) inherit(rows int, operands ...*vector) {
	for at := len(operands) - 1; at >= 0; at-- {
		o := operands[at]
		if o.plain() {
			continue
		}
		if v.state == nil {
			v.state = make([]uint8, rows)
		}
		for i := range rows {
			switch o.missing(i) {
			case null:
				v.state[i] = null
			case failed:
				v.fail(i, rows, o.reasons[i])
			}
		}
	}
}

// failures lists the rows that failed, in order.
func (v *vector) failures() []RowError {
	if len(v.reasons) == 0 {
		return nil
	}
	var all []RowError
	for i, s := range v.state {
		if s == failed {
			all = append(all, RowError{i, v.reasons[i]})
		}
	}
	return all
}

// array is the vector as a column of a type of its kind.
func (v *vector) array(t arrow.DataType, rows int) arrow.Array {
	if v.one {
		v = v.spread(rows)
	}
	buffers := []*memory.Buffer{nil, nil}
	nulls := 0
	if !v.plain() {
		valid := make([]byte, bitutil.BytesForBits(int64(rows)))
		for i, s := range v.state[:rows] {
			if s >= null {
				nulls++
			} else {
				valid[i/8] |= 1 << (i % 8)
			}
		}
		buffers[0] = memory.NewBufferBytes(valid)
	}
	switch v.kind {
	case boolean:
		bits := make([]byte, bitutil.BytesForBits(int64(rows)))
		for i, s := range v.state[:rows] {
			bits[i/8] |= s & 1 &^ (s >> 1) << (i % 8)
		}
		buffers[1] = memory.NewBufferBytes(bits)
	case float:
		buffers[1] = memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(v.floats))
	case text, blob:
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v.offsets))
		buffers = append(buffers, memory.NewBufferBytes(v.data))
	default:
		buffers[1] = memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(v.ints))
	}
	return array.MakeFromData(array.NewData(t, rows, buffers, nil, nulls, 0))
}

// spread repeats a single value.
func (v *vector) spread(rows int) *vector {
	out := &vector{kind: v.kind}
	if v.state != nil {
		out.state = repeated(v.state, rows)
	}
	switch v.kind {
	case boolean:
	case float:
		out.floats = repeated(v.floats, rows)
	case text, blob:
		out.offsets = make([]int32, rows+1)
		for i := range rows {
			out.data = append(out.data, v.data...)
			out.offsets[i+1] = int32(len(out.data))
		}
	default:
		out.ints = repeated(v.ints, rows)
	}
	return out
}

func repeated[T any](one []T, rows int) []T {
	all := make([]T, rows)
	for i := range all {
		all[i] = one[0]
	}
	return all
}

// literal is a single value for all rows.
type literal struct{ *vector }

func (l literal) eval(*batch, []uint8) (*vector, error) { return l.vector, nil }

// promoted is a number as a double.
type promoted struct{ of node }

func (p promoted) eval(b *batch, need []uint8) (*vector, error) {
	v, err := p.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	return toFloats(v), nil
}

func toFloats(v *vector) *vector {
	if v.kind == float {
		return v
	}
	out := &vector{kind: float, one: v.one, state: v.state, reasons: v.reasons, floats: make([]float64,
		len(v.ints))}
	for i, n := range v.ints {
		if v.kind == unsigned {
			out.floats[i] = float64(uint64(n))
		} else {
			out.floats[i] = float64(n)
		}
	}
	return out
}
