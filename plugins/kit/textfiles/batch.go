package textfiles

import (
	"bytes"
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// DefaultLimit is how long a record may be when the config says nothing.
const DefaultLimit = sdk.Bytes(4 << 20)

// maxLimit leaves space for the offsets and fixed columns of a row beside its
// text: a batch holds at least one row.
const (
	minLimit = sdk.Bytes(64)
	maxLimit = sdk.Bytes(7 << 20)
)

// CheckLimit refuses a field "max_line_bytes" that a batch cannot hold.
func CheckLimit(limit sdk.Bytes) error { return CheckSize("max_line_bytes", limit) }

// CheckSize is CheckLimit for a field of another name: a value of a file that is not
// text has the size of a line at the most.
func CheckSize(field string, limit sdk.Bytes) error {
	if limit < minLimit || limit > maxLimit {
		return sdk.Fieldf(field, "want %s to %s, got %s", minLimit, maxLimit, limit)
	}
	return nil
}

// CheckSchema refuses a config without a field "schema": text has no types.
func CheckSchema(schema sdk.Schema) error {
	if len(schema) > 0 {
		return nil
	}
	return sdk.Problem{Code: sdk.CodeMissingField, Message: "schema is missing",
		Hint: "name one of the file's schemas, or write the columns in place: {id: int64, name: string}"}
}

// A batch is ended early by rejected records of so many bytes.
const maxRejectedBytes = 1 << 20

// ErrFull is for the step of Batch.Next: the record at hand is for the next batch.
var ErrFull = errors.New("the batch is full")

// Rows is a decoder that collects rows.
type Rows interface {
	Rows() int
	Bytes() int
	MaxRowBytes(text int) int // most bytes that a record of so much text adds to Bytes
	NewRecordBatch() arrow.RecordBatch
}

// Batch collects rows and rejected records up to what a batch may hold.
type Batch struct {
	Rows          Rows
	WithPositions bool // the lines of rows are kept, for Positions

	lines, positions []int64 // of the rows at hand; of those that Next gave
	rejected         []sdk.Reject
	bytes            int // of rejected
	free             int // bytes of the batch that the rows leave at the least
	ended            error
}

// Next calls step, which reads one record each time, until the batch is full or
// step fails. Its error, io.EOF too, comes after all that was read before it.
func (b *Batch) Next(ctx context.Context, step func() error) (arrow.RecordBatch, []sdk.Reject, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for b.ended == nil && b.Rows.Rows() < sdk.DefaultBatchRows && len(b.rejected) < sdk.DefaultBatchRows &&
		b.bytes < maxRejectedBytes {
		err := step()
		if errors.Is(err, ErrFull) {
			break
		}
		b.ended = err
	}
	rejected := b.rejected
	b.rejected, b.bytes, b.free = nil, 0, 0
	b.positions, b.lines = b.lines, make([]int64, 0, len(b.lines))
	switch {
	case b.Rows.Rows() > 0:
		return b.Rows.NewRecordBatch(), rejected, nil
	case len(rejected) > 0:
		return nil, rejected, nil
	}
	return nil, nil, b.ended
}

// Fits reports whether a record of so many bytes of text can become a row of this
// batch. The first one always can.
func (b *Batch) Fits(text int) bool {
	most := b.Rows.MaxRowBytes(text)
	if b.free -= most; b.free >= 0 {
		return true
	}
	b.free = sdk.MaxBatchBytes - b.Rows.Bytes() - most // what records took may be less than they could
	return b.free >= 0 || b.Rows.Rows() == 0
}

// Accept records the line at which a record begins that became a row.
func (b *Batch) Accept(line int64) {
	if b.WithPositions {
		b.lines = append(b.lines, line)
	}
}

// Positions are the lines of the rows that the last Next gave.
func (b *Batch) Positions() []int64 { return b.positions }

// Reject takes a record that cannot become a row. It keeps a copy of raw.
func (b *Batch) Reject(line int64, reason error, raw []byte) {
	raw = bytes.Clone(bytes.TrimRight(raw, "\r\n"))
	b.rejected = append(b.rejected, sdk.Reject{Reason: reason.Error(), Position: line, Raw: raw})
	b.bytes += len(raw)
}
