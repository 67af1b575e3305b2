// Package files is what file formats share: a sink whose part files appear with
// their epoch, and a source that reads a file, a folder or a glob file by file.
// A format brings an Encoder and a Reader and knows nothing of folders, epochs
// or crashes; this package knows nothing of what the bytes mean.
package files

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Format is how a sink turns rows into the bytes of part files.
//
// There are two kinds. A format without Merge is appended to: one staged file
// grows over many epochs and is truncated to its last recorded length after a crash.
// A format with Merge, whose files end in a footer, gets one staged part per
// epoch, and Merge makes one file of them when they become visible.
type Format struct {
	// Suffix ends every visible name: ".csv", ".csv.gz", ".parquet".
	Suffix string
	// Options is all else that decides how the bytes are read, such as the
	// delimiter. After a restart with other columns, options or suffix, files
	// that were staged before are neither appended to nor merged.
	Options string
	// Start begins to write to w. schema is the sink's columns without those
	// of partition_by and, unless asked for, those that begin with "_".
	// resumed: w continues a file that has rows, so no header.
	Start func(w io.Writer, schema *arrow.Schema, resumed bool) (Encoder, error)
	// Merge writes the rows of parts, in order, as one file. nil: see above.
	Merge func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []Part) error
	// Empty: an output whose input ended without a single row leaves one file
	// without rows, so that readers of the folder find the columns instead of
	// nothing. It does so once, before it ever had a row: runs that bring none
	// add no more. Outputs of late rows and dead letters leave none.
	Empty bool
}

// Encoder writes the rows of one file. The writer below it buffers and counts.
// Those of several files are called at the same time.
type Encoder interface {
	// Write appends rows. They may be a slice of larger columns, hold nulls,
	// and must not be kept.
	Write(rows arrow.RecordBatch) error
	// Flush hands on everything so far, such that the file could end here and
	// could be resumed here. It is called only without Format.Merge.
	Flush() error
	// Close ends the file: whatever Flush would hand on, and the footer. It
	// does not close the writer. A file that was flushed last may never see it.
	Close() error
}

// Part is a staged file that Merge reads.
type Part struct {
	io.ReaderAt
	Size int64
	Name string // for messages
}

// Input is how a source reads files of one format.
type Input struct {
	// Suffixes of the files that are read when the path is a folder. A file
	// that is named, or matched by a glob, may have any.
	Suffixes []string
	// Open starts to read one file. Its errors name the file.
	Open func(ctx context.Context, f File) (Reader, error)
}

// File is a file to be read.
type File struct {
	Path   string
	Skip   int64      // records at the beginning that are done: rows and rejects
	Schema sdk.Schema // the columns wanted, without those that the folder's name gives
	// Positions: Reader.Positions will be asked.
	Positions bool
	Survey    *sdk.Survey // for decoders of formats whose records may lack columns; may be nil
}

// Reader gives the records of one file. It may also have a method
// Offset() int64, the bytes of the file consumed so far, for the progress shown.
type Reader interface {
	// Next gives the next rows, at most sdk.DefaultBatchRows and
	// sdk.MaxBatchBytes, and the records among them that could not become
	// rows. A reject needs its Reason, Position (its line, or row, from 1) and
	// Raw; the source fills in the rest. rows may be nil if there are only
	// rejects. After the last record it returns io.EOF.
	Next(ctx context.Context) (rows arrow.RecordBatch, rejected []sdk.Reject, err error)
	// Positions are the lines, or numbers, of the last Next's rows. They are
	// the caller's to keep.
	Positions() []int64
	Close() error
}
