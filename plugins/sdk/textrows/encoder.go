package textrows

import "github.com/apache/arrow-go/v18/arrow"

// Encoder writes the rows of one batch as records.
type Encoder struct{}

// NewEncoder makes an encoder for rows of any schema. The batch may be sliced.
func NewEncoder(rows arrow.RecordBatch, o Options) *Encoder {
	return &Encoder{}
}

// Append adds one row to dst as a record, with its line break.
func (e *Encoder) Append(dst []byte, row int) []byte {
	panic("textrows: being built")
}

// AppendHeader adds the columns' names to dst as a record, with its line break.
func AppendHeader(dst []byte, schema *arrow.Schema, o Options) []byte {
	panic("textrows: being built")
}
