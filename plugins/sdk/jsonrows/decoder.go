// Package jsonrows turns JSON objects into columns and columns into JSON
// objects: one object is one row.
package jsonrows

import (
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Check returns what of a schema a Decoder cannot read, for Validate.
func Check(schema sdk.Schema) error {
	return nil
}

// Decoder collects JSON objects as rows of a schema. It is for one goroutine.
type Decoder struct{}

// NewDecoder makes a decoder for a schema that Check accepts.
func NewDecoder(schema sdk.Schema) *Decoder {
	return &Decoder{}
}

// Append adds one object as a row. After an error nothing has been added; the
// error's text is the reason for a reject. It keeps nothing of object.
func (d *Decoder) Append(object []byte) error {
	panic("jsonrows: being built")
}

// Rows is how many rows the next Take gives.
func (d *Decoder) Rows() int { return 0 }

// Bytes is the size of the next Take's column data. Take before it reaches
// sdk.MaxBatchBytes.
func (d *Decoder) Bytes() int { return 0 }

// Take hands over the rows since the last Take.
func (d *Decoder) Take() arrow.RecordBatch {
	panic("jsonrows: being built")
}

// UnknownKeys is how many keys of taken objects had no column, since NewDecoder.
func (d *Decoder) UnknownKeys() int64 { return 0 }
