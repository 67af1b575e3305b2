package expr

import (
	"bytes"
	"cmp"
)

// order is a comparison.
type order uint8

const (
	equal order = iota
	unequal
	less
	lessEqual
	greater
	greaterEqual
)

var orders = map[string]order{fnEqual: equal, fnUnequal: unequal, "_<_": less, "_<=_": lessEqual,
	"_>_": greater, "_>=_": greaterEqual}

// comparison compares two vectors of one kind.
type comparison struct {
	order       order
	left, right node
}

func (c *comparison) eval(b *batch, need []uint8) (*vector, error) {
	left, err := c.left.eval(b, need)
	if err != nil {
		return nil, err
	}
	right, err := c.right.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, state: make([]uint8, b.n)}
	switch left.kind {
	case boolean:
		compare(c.order, left.state, right.state, left.stride(), right.stride(), out.state)
	case unsigned:
		// Only equality is asked for by the bits alone.
		compareUnsigned(c.order, left, right, out.state)
	case float:
		compare(c.order, left.floats, right.floats, left.stride(), right.stride(), out.state)
	case text, blob:
		c.texts(left, right, out.state)
	default:
		compare(c.order, left.ints, right.ints, left.stride(), right.stride(), out.state)
	}
	out.inherit(b.n, left, right)
	return out, nil
}

// bit is 1 for true; it compiles to no branch.
func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func compare[T cmp.Ordered](o order, left, right []T, l, r int, out []uint8) {
	switch o {
	case equal:
		for i := range out {
			out[i] = bit(left[i&l] == right[i&r])
		}
	case unequal:
		for i := range out {
			out[i] = bit(left[i&l] != right[i&r])
		}
	case less:
		for i := range out {
			out[i] = bit(left[i&l] < right[i&r])
		}
	case lessEqual:
		for i := range out {
			out[i] = bit(left[i&l] <= right[i&r])
		}
	case greater:
		for i := range out {
			out[i] = bit(left[i&l] > right[i&r])
		}
	case greaterEqual:
		for i := range out {
			out[i] = bit(left[i&l] >= right[i&r])
		}
	}
}

// compareUnsigned compares the bits as what they stand for.
func compareUnsigned(o order, left, right *vector, out []uint8) {
	l, r := left.stride(), right.stride()
	for i := range out {
		out[i] = bit(o.holds(cmp.Compare(uint64(left.ints[i&l]), uint64(right.ints[i&r]))))
	}
}

// holds reports whether the comparison is true of two values of which Compare
// says way.
func (o order) holds(way int) bool {
	switch o {
	case equal:
		return way == 0
	case unequal:
		return way != 0
	case less:
		return way < 0
	case lessEqual:
		return way <= 0
	case greater:
		return way > 0
	}
	return way >= 0
}

func (c *comparison) texts(left, right *vector, out []uint8) {
	if left.one && !right.one && c.order <= unequal {
		left, right = right, left
	}
	if c.order <= unequal && right.one && !left.one {
		textIs(left, right.bytes(0), bit(c.order == equal), out)
		return
	}
	if c.order <= unequal {
		for i := range out {
			out[i] = bit(bytes.Equal(left.bytes(i), right.bytes(i)) == (c.order == equal))
		}
		return
	}
	for i := range out {
		out[i] = bit(c.order.holds(bytes.Compare(left.bytes(i), right.bytes(i))))
	}
}

// textIs finds the rows that are a value. Most rows differ in length or in the
// first byte, which is cheaper to see than to call anything.
func textIs(v *vector, value []byte, same uint8, out []uint8) {
	start := v.offsets[0]
	for i := range out {
		end := v.offsets[i+1]
		hit := int(end-start) == len(value) && (len(value) == 0 ||
			v.data[start] == value[0] && string(v.data[start:end]) == string(value))
		out[i] = bit(hit) ^ 1 ^ same
		start = end
	}
}

// membership reports for each row whether it is one of a list of literals.
type membership struct {
	of     node
	texts  [][]byte
	set    map[string]struct{} // of more than a few texts
	ints   map[int64]struct{}
	floats map[float64]struct{}
}

// few is how many texts are compared one by one before a map is quicker.
const few = 8

func newMembership(of node, items []*vector) *membership {
	m := &membership{of: of}
	for _, item := range items {
		switch item.kind {
		case text, blob:
			m.texts = append(m.texts, item.bytes(0))
		case float:
			m.floats = added(m.floats, item.floats[0])
		case boolean:
			m.ints = added(m.ints, int64(item.state[0]))
		default:
			m.ints = added(m.ints, item.ints[0])
		}
	}
	if len(m.texts) > few {
		for _, item := range m.texts {
			m.set = added(m.set, string(item))
		}
	}
	return m
}

func added[T comparable](set map[T]struct{}, item T) map[T]struct{} {
	if set == nil {
		set = map[T]struct{}{}
	}
	set[item] = struct{}{}
	return set
}

func (m *membership) eval(b *batch, need []uint8) (*vector, error) {
	v, err := m.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, state: make([]uint8, b.n)}
	switch {
	case m.set != nil:
		for i := range out.state {
			_, hit := m.set[string(v.bytes(i))]
			out.state[i] = bit(hit)
		}
	case v.kind == text || v.kind == blob:
		for i := range out.state {
			out.state[i] = m.among(v.bytes(i))
		}
	case v.kind == float:
		for i, s := 0, v.stride(); i < b.n; i++ {
			_, hit := m.floats[v.floats[i&s]]
			out.state[i] = bit(hit)
		}
	case v.kind == boolean:
		for i, s := 0, v.stride(); i < b.n; i++ {
			_, hit := m.ints[int64(v.state[i&s])]
			out.state[i] = bit(hit)
		}
	default:
		for i, s := 0, v.stride(); i < b.n; i++ {
			_, hit := m.ints[v.ints[i&s]]
			out.state[i] = bit(hit)
		}
	}
	out.inherit(b.n, v)
	return out, nil
}

func (m *membership) among(value []byte) uint8 {
	for _, item := range m.texts {
		if len(item) == len(value) && string(item) == string(value) {
			return yes
		}
	}
	return no
}
