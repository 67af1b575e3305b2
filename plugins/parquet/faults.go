package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// faults are what was found in the values of a leaf while they were read.
type faults struct {
	top  array.Builder // of the whole column: a row more for each row begun
	cut  int64         // times finer than a microsecond
	most int           // bytes of a value
	bad  []badRow      // of the batch at hand
}

// badRow is a row with a value that its declared type does not hold.
type badRow struct {
	row    int // of the batch
	reason string
}

// reject puts a null in the place of a value that the declared type does not hold: the
// row becomes a dead letter. It returns the size of the null.
func (f *faults) reject(b array.Builder, format string, args ...any) int {
	b.AppendNull()
	f.bad = append(f.bad, badRow{f.top.Len() - 1, fmt.Sprintf(format, args...)})
	return 1
}
