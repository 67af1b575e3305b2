// Package textfiles is what formats of text files share: compression that can
// be appended to, and reading in pieces that grow up to a limit.
package textfiles

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"etlengine/plugins/sdk"
)

// Compression is how files are compressed: none, gzip or zstd.
type Compression string

// The compressions.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Validate refuses other names.
func (c *Compression) Validate() error {
	return sdk.OneOf("", string(*c), string(None), string(Gzip), string(Zstd))
}

// Suffix ends the names of files, after the format's own: "", ".gz" or ".zst".
func (c Compression) Suffix() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	}
	return ""
}

// Suffixes are a format's suffix alone and with those of all compressions.
func Suffixes(format string) []string {
	return []string{format, format + Gzip.Suffix(), format + Zstd.Suffix()}
}

// Writer compresses what is written. Each Flush ends a frame (a gzip member, a
// zstd frame): a file may end after it, and another writer may append to it.
type Writer struct {
	out         io.Writer
	frameWriter frameWriter // nil: no compression
	open        bool        // a frame has been begun
	begun       bool        // the file has a frame
}

type frameWriter interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// NewWriter makes a writer to out. resumed: a file that has a frame goes on.
func NewWriter(out io.Writer, c Compression, resumed bool) (*Writer, error) {
	w := &Writer{out: out, begun: resumed}
	switch c {
	case Gzip:
		w.frameWriter = gzip.NewWriter(out)
	case Zstd:
		// One goroutine: sinks run beside each other already.
		encoder, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, fmt.Errorf("starting zstd: %w", err)
		}
		w.frameWriter = encoder
	}
	return w, nil
}

// Write adds to the frame at hand, or begins one.
func (w *Writer) Write(p []byte) (int, error) {
	if w.frameWriter == nil {
		return w.out.Write(p)
	}
	if len(p) == 0 {
		return 0, nil // a frame of nothing is not begun
	}
	w.begin()
	return w.frameWriter.Write(p)
}

func (w *Writer) begin() {
	if !w.open {
		w.frameWriter.Reset(w.out)
		w.open, w.begun = true, true
	}
}

// End is Flush for the last time. A compressed file without a byte is one frame of
// nothing: readers refuse one without a frame.
func (w *Writer) End() error {
	if w.frameWriter != nil && !w.begun {
		w.begin()
	}
	return w.Flush()
}

// Flush ends the frame at hand, if one was begun.
func (w *Writer) Flush() error {
	if !w.open {
		return nil
	}
	w.open = false
	return w.frameWriter.Close()
}
