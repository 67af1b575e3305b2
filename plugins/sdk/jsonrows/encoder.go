package jsonrows

import "github.com/apache/arrow-go/v18/arrow"

// Encoder writes the rows of one batch as JSON objects.
type Encoder struct{}

// NewEncoder makes an encoder for rows of any schema. The batch may be sliced.
func NewEncoder(rows arrow.RecordBatch) *Encoder {
	return &Encoder{}
}

// Append adds one row to dst as an object, without a newline, its keys in the
// order of the columns.
func (e *Encoder) Append(dst []byte, row int) []byte {
	panic("jsonrows: being built")
}
