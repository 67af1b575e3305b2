package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// faults are what was found in the values of a leaf while they were read.
type faults struct {
	top       array.Builder // of the whole column: a row more for each row begun
	truncated int64         // times finer than a microsecond, truncated to one
	most      int           // bytes of a value
	bad       []badRow      // of the batch at hand
}

// badRow is a row with a value that its declared type does not hold.
type badRow struct {
	row    int // of the batch
	reason string
}

// reject appends a null instead of a value that the declared type does not hold: the
// row becomes a dead letter. It returns the size of the null.
func (f *faults) reject(b array.Builder, format string, args ...any) int {
	b.AppendNull()
	f.rejectRow(format, args...)
	return 1
}

// rejectRow rejects the row that is being read, for the first of its reasons.
func (f *faults) rejectRow(format string, args ...any) {
	row := f.top.Len() - 1
	if n := len(f.bad); n == 0 || f.bad[n-1].row != row {
		f.bad = append(f.bad, badRow{row, fmt.Sprintf(format, args...)})
	}
}

// tooLarge rejects the row for a list, of which no more items are read.
func (f *faults) tooLarge() {
	f.rejectRow("want a list of at most %s, got a larger one; max_value_bytes sets the limit", sdk.Bytes(f.most))
}
