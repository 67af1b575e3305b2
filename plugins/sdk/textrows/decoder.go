// Package textrows turns delimited text (RFC 4180) into columns and columns
// into delimited text: one record is one row.
package textrows

import (
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Options say how rows are written as text. The zero value is plain CSV.
type Options struct {
	Delimiter      byte   // 0: a comma
	Null           string // how a null is written, unquoted; text that looks like it is quoted
	CRLF           bool   // lines end in \r\n; readers take both
	EscapeFormulas bool   // text that a spreadsheet would calculate gets a ' in front
}

// Check returns what of a schema a Decoder cannot read, for Validate.
func Check(schema sdk.Schema) error {
	return nil
}

// Decoder collects records as rows of a schema. It is for one goroutine.
type Decoder struct{}

// NewDecoder makes a decoder for a schema that Check accepts. Until Header is
// called the cells are the schema's columns, in order.
func NewDecoder(schema sdk.Schema, o Options) *Decoder {
	return &Decoder{}
}

// Header takes a file's first record, which names the columns that follow.
func (d *Decoder) Header(record []byte) error {
	panic("textrows: being built")
}

// Append adds one record as a row; a line break at its end is allowed. After
// an error nothing has been added; the error's text is the reason for a reject.
func (d *Decoder) Append(record []byte) error {
	panic("textrows: being built")
}

// Rows is how many rows the next Take gives.
func (d *Decoder) Rows() int { return 0 }

// Bytes is the size of the next Take's column data. Take before it reaches
// sdk.MaxBatchBytes.
func (d *Decoder) Bytes() int { return 0 }

// Take hands over the rows since the last Take.
func (d *Decoder) Take() arrow.RecordBatch {
	panic("textrows: being built")
}
