package expr

import (
	"math"
	"math/bits"
)

// Why a number cannot be computed, in the words that CEL has too.
const (
	overflow      = "integer overflow"
	tooLarge      = "unsigned integer overflow"
	divideByZero  = "division by zero"
	modulusByZero = "modulus by zero"
)

// arithmetic computes numbers of one kind.
type arithmetic struct {
	op          byte // + - * / %
	left, right node
}

func (a *arithmetic) eval(b *batch, need []uint8) (*vector, error) {
	left, err := a.left.eval(b, need)
	if err != nil {
		return nil, err
	}
	right, err := a.right.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: left.kind}
	if left.kind == float {
		out.floats = make([]float64, b.n)
		a.floats(left.floats, right.floats, left.stride(), right.stride(), out.floats)
	} else {
		out.ints = make([]int64, b.n)
		compute, overflowed := a.integers(), overflow
		if left.kind == unsigned {
			compute, overflowed = a.unsigned(), tooLarge
		}
		l, r := left.stride(), right.stride()
		for i := range out.ints {
			x, y := left.ints[i&l], right.ints[i&r]
			var ok bool
			if out.ints[i], ok = compute(x, y); !ok {
				out.fail(i, b.n, a.reason(y, overflowed))
			}
		}
	}
	out.inherit(b.n, left, right)
	return out, nil
}

func (a *arithmetic) reason(divisor int64, overflowed string) string {
	switch {
	case a.op == '/' && divisor == 0:
		return divideByZero
	case a.op == '%' && divisor == 0:
		return modulusByZero
	}
	return overflowed
}

func (a *arithmetic) floats(left, right []float64, l, r int, out []float64) {
	switch a.op {
	case '+':
		for i := range out {
			out[i] = left[i&l] + right[i&r]
		}
	case '-':
		for i := range out {
			out[i] = left[i&l] - right[i&r]
		}
	case '*':
		for i := range out {
			out[i] = left[i&l] * right[i&r]
		}
	default:
		for i := range out {
			out[i] = left[i&l] / right[i&r]
		}
	}
}

// integers is the operation on int64s, false if there is no result.
func (a *arithmetic) integers() func(x, y int64) (int64, bool) {
	switch a.op {
	case '+':
		return func(x, y int64) (int64, bool) {
			sum := x + y
			return sum, (sum > x) == (y > 0)
		}
	case '-':
		return func(x, y int64) (int64, bool) {
			difference := x - y
			return difference, (difference < x) == (y > 0)
		}
	case '*':
		return multiply
	case '/':
		return func(x, y int64) (int64, bool) {
			if y == 0 || x == math.MinInt64 && y == -1 {
				return 0, false
			}
			return x / y, true
		}
	}
	return func(x, y int64) (int64, bool) {
		if y == 0 || x == math.MinInt64 && y == -1 {
			return 0, false
		}
		return x % y, true
	}
}

func multiply(x, y int64) (int64, bool) {
	product := x * y
	if x == 0 || y == 0 {
		return 0, true
	}
	lowest := x == math.MinInt64 && y == -1 || y == math.MinInt64 && x == -1
	return product, !lowest && product/y == x
}

// unsigned is the operation on uint64s as the bits of int64s.
func (a *arithmetic) unsigned() func(x, y int64) (int64, bool) {
	switch a.op {
	case '+':
		return func(x, y int64) (int64, bool) {
			sum, overflow := bits.Add64(uint64(x), uint64(y), 0)
			return int64(sum), overflow == 0
		}
	case '-':
		return func(x, y int64) (int64, bool) {
			difference, borrow := bits.Sub64(uint64(x), uint64(y), 0)
			return int64(difference), borrow == 0
		}
	case '*':
		return func(x, y int64) (int64, bool) {
			high, low := bits.Mul64(uint64(x), uint64(y))
			return int64(low), high == 0
		}
	case '/':
		return func(x, y int64) (int64, bool) {
			if y == 0 {
				return 0, false
			}
			return int64(uint64(x) / uint64(y)), true
		}
	}
	return func(x, y int64) (int64, bool) {
		if y == 0 {
			return 0, false
		}
		return int64(uint64(x) % uint64(y)), true
	}
}

// minus is the negative of a number.
type minus struct{ of node }

func (m *minus) eval(b *batch, need []uint8) (*vector, error) {
	v, err := m.of.eval(b, need)
	if err != nil {
		return nil, err
	}
	out := &vector{kind: v.kind}
	stride := v.stride()
	if v.kind == float {
		out.floats = make([]float64, b.n)
		for i := range out.floats {
			out.floats[i] = -v.floats[i&stride]
		}
	} else {
		out.ints = make([]int64, b.n)
		for i := range out.ints {
			if out.ints[i] = -v.ints[i&stride]; out.ints[i] == math.MinInt64 {
				out.fail(i, b.n, overflow)
			}
		}
	}
	out.inherit(b.n, v)
	return out, nil
}
