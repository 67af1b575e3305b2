package expr

import (
	"errors"
	"fmt"
	"math"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Limits on what an expression makes. CEL's own cost counts steps, not sizes: a few
// columns that each repeat the one before would make gigabytes of a short row.
const (
	MaxValue = 16 << 20 // bytes of one text, one value of bytes or one list
	maxBatch = 32 << 20 // bytes that a part of an expression makes of all rows of a batch
)

// ErrTooMuchText is for a batch whose rows together make more than one may hold,
// though no row makes too much: it is to be evaluated in smaller pieces.
var ErrTooMuchText = errors.New("the result would be too much text in one batch")

// fits reports whether rows may have so many bytes together. A single row always
// may: what one value may have is checked by itself.
func fits(size int64, rows int) bool {
	return size <= maxBatch || rows == 1 && size <= math.MaxInt32
}

// tooLong is why a value cannot be made.
func tooLong(size int64) string {
	return fmt.Sprintf("the value would have %d bytes, more than an expression may make (%d MB)", size, MaxValue>>20)
}

// sizeOf is about how many bytes a value takes in a column. It counts a list to
// the limit only: a concatenated one may be longer than memory.
func sizeOf(value ref.Val) int64 {
	switch v := value.(type) {
	case types.String:
		return int64(len(v))
	case types.Bytes:
		return int64(len(v))
	case traits.Lister:
		size := int64(0)
		for it := v.Iterator(); size <= MaxValue && it.HasNext() == types.True; {
			size += sizeOf(it.Next())
		}
		return size
	}
	return 8
}

// join is the sum of two values, for texts and bytes up to their limit.
func join(left, right ref.Val) ref.Val {
	if _, list := left.(traits.Lister); !list {
		if size := sizeOf(left) + sizeOf(right); size > MaxValue {
			return types.NewErr("%s", tooLong(size))
		}
	}
	return left.(traits.Adder).Add(right)
}
