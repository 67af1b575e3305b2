package expr

import "slices"

// junction is && or ||: the first operand that decides wins, then a null, then
// a fault.
type junction struct {
	decides  uint8 // no for &&, yes for ||
	operands []node
}

func (j *junction) eval(b *batch, need []uint8) (*vector, error) {
	out := &vector{kind: boolean, state: repeated([]uint8{1 - j.decides}, b.n)}
	if need = slices.Clone(need); need == nil {
		need = repeated([]uint8{1}, b.n)
	}
	for at, operand := range j.operands {
		v, err := operand.eval(b, need)
		if err != nil {
			return nil, err
		}
		j.join(out, v, need)
		if at < len(j.operands)-1 && !slices.Contains(need, 1) {
			break
		}
	}
	return out, nil
}

// join takes in one more operand. Rows that are decided are not needed any more.
func (j *junction) join(out, v *vector, need []uint8) {
	table := j.table()
	stride, faults := v.stride(), uint8(0)
	for i, so := range out.state {
		joined := table[so<<2|v.state[i&stride]]
		out.state[i] = joined
		need[i] &= bit(joined != j.decides)
		faults |= bit(joined == failed)
	}
	if faults == 0 {
		return
	}
	for i, s := range out.state {
		if _, known := out.reasons[i]; s == failed && !known {
			out.fail(i, 0, v.reasons[i])
		}
	}
}

// table has the state of a row by its states so far and in the next operand.
func (j *junction) table() [16]uint8 {
	var table [16]uint8
	for so := range failed + 1 {
		for next := range failed + 1 {
			joined := so
			switch {
			case so == j.decides || next == j.decides:
				joined = j.decides
			case so == null || next == null:
				joined = null
			case so != failed:
				joined = next
			}
			table[so<<2|next] = joined
		}
	}
	return table
}

// negation is !.
type negation struct{ of node }

func (n *negation) eval(b *batch, need []uint8) (*vector, error) {
	v, err := n.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, one: v.one, reasons: v.reasons, state: make([]uint8, len(v.state))}
	flipped := [...]uint8{no: yes, yes: no, null: null, failed: failed}
	for i, s := range v.state {
		out.state[i] = flipped[s&3]
	}
	return out, nil
}

// isNull reports for each row whether it is null.
type isNull struct{ of node }

func (n *isNull) eval(b *batch, need []uint8) (*vector, error) {
	v, err := n.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: boolean, reasons: v.reasons, state: make([]uint8, b.n)}
	for i := range out.state {
		switch s := v.missing(i); s {
		case null:
			out.state[i] = yes
		case failed:
			out.state[i] = failed
		}
	}
	return out, nil
}

// missingColumn reports which rows are null of a column that cannot be a vector.
type missingColumn struct{ path path }

func (m *missingColumn) eval(b *batch, _ []uint8) (*vector, error) {
	column, around := m.path.find(b.rows)
	out := &vector{kind: boolean, state: make([]uint8, b.n)}
	for _, a := range append(around, column) {
		for i := range out.state {
			out.state[i] |= bit(a.IsNull(i))
		}
	}
	return out, nil
}

// choice is cond ? then : otherwise, where a condition that is null is false;
// without a condition it is coalesce(then, otherwise).
type choice struct {
	kind            kind
	cond            node // or nil
	then, otherwise node
}

// The side that a row is taken from, beside failed.
const (
	fromThen      uint8 = 0
	fromOtherwise uint8 = 1
)

func (c *choice) eval(b *batch, need []uint8) (*vector, error) {
	side := make([]uint8, b.n)
	var cond *vector
	var err error
	if c.cond != nil {
		if cond, err = c.cond.eval(b, need); err != nil {
			return nil, err
		}
		for i, s := 0, cond.stride(); i < b.n; i++ {
			switch cond.state[i&s] {
			case no, null:
				side[i] = fromOtherwise
			case failed:
				side[i] = failed
			}
		}
	}
	then, err := c.then.eval(b, c.needed(need, side, fromThen))
	if err != nil {
		return nil, err
	}
	if c.cond == nil {
		for i := range side {
			side[i] = bit(then.missing(i) == null)
		}
	}
	otherwise, err := c.otherwise.eval(b, c.needed(need, side, fromOtherwise))
	if err != nil {
		return nil, err
	}
	return c.gather(b.n, side, cond, then, otherwise)
}

// needed narrows the rows that are asked for to those of one side.
func (c *choice) needed(need, side []uint8, want uint8) []uint8 {
	if c.cond == nil && want == fromThen {
		return need
	}
	narrow := make([]uint8, len(side))
	for i, s := range side {
		narrow[i] = bit(s == want && (need == nil || need[i] == 1))
	}
	return narrow
}

func (c *choice) gather(n int, side []uint8, cond, then, otherwise *vector) (*vector, error) {
	out := &vector{kind: c.kind}
	if c.kind == boolean || then.state != nil || otherwise.state != nil || slices.Contains(side, failed) {
		out.state = make([]uint8, n)
		from := [2]*vector{then, otherwise}
		for i, s := range side {
			if s == failed {
				out.fail(i, n, cond.reasons[i])
				continue
			}
			v := from[s]
			if v.state == nil {
				continue
			}
			if out.state[i] = v.state[i&v.stride()]; out.state[i] == failed {
				out.fail(i, n, v.reasons[i])
			}
		}
	}
	switch c.kind {
	case boolean:
	case float:
		out.floats = gathered(side, then.floats, otherwise.floats, then.stride(), otherwise.stride())
	case text, blob:
		return out, out.gatherText(side, then, otherwise)
	default:
		out.ints = gathered(side, then.ints, otherwise.ints, then.stride(), otherwise.stride())
	}
	return out, nil
}

func gathered[T any](side []uint8, then, otherwise []T, t, o int) []T {
	out := make([]T, len(side))
	for i, s := range side {
		if s == fromOtherwise {
			out[i] = otherwise[i&o]
		} else {
			out[i] = then[i&t]
		}
	}
	return out
}

func (v *vector) gatherText(side []uint8, then, otherwise *vector) error {
	from := [2]*vector{then, otherwise}
	v.offsets = make([]int32, len(side)+1)
	size := int64(0)
	for i, s := range side {
		if s != failed && (v.state == nil || v.state[i] < null) {
			size += int64(len(from[s].bytes(i)))
		}
	}
	if !fits(size, len(side)) {
		return ErrTooMuchText
	}
	v.data = make([]byte, 0, size)
	for i, s := range side {
		if s != failed && (v.state == nil || v.state[i] < null) {
			v.data = append(v.data, from[s].bytes(i)...)
		}
		v.offsets[i+1] = int32(len(v.data))
	}
	return nil
}
