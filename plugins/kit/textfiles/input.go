package textfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// ErrTooLong says that a record is longer than the limit of its Input.
var ErrTooLong = errors.New("too long")

const pieceBytes = 256 << 10

// Input reads a file in pieces: look at Data, Advance over what is done, and
// ask for More when a record is not complete. What is compressed with gzip or
// zstd is read as what it holds, by its first bytes, whatever its name.
type Input struct {
	name   string
	file   *os.File
	read   counted
	from   io.Reader
	format Compression // of the file
	stop   func()      // of the decompressor
	buffer []byte
	start  int // of Data in buffer
	most   int
	ended  bool
	failed error // of a read whose bytes Lines gave first
}

// counted counts the bytes of the file.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Open opens a file whose records are at most so many bytes long.
func Open(path string, most int) (*Input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &Input{name: path, file: file, most: most, stop: func() {}}
	in.read.r = file
	if err := in.decompress(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), file.Close())
	}
	return in, nil
}

// Data is what has been read and not advanced over. It is valid until More.
func (in *Input) Data() []byte { return in.buffer[in.start:] }

// Final reports whether Data is all that is left.
func (in *Input) Final() bool { return in.ended }

// Advance goes past the first n bytes of Data.
func (in *Input) Advance(n int) { in.start += n }

// Offset is how many bytes of the file have been read.
func (in *Input) Offset() int64 { return in.read.n }

// More reads on, behind Data. It fails with ErrTooLong if Data holds more than
// a record may, and sets Final at the end.
func (in *Input) More() error {
	left := len(in.buffer) - in.start
	if left > in.most {
		return ErrTooLong
	}
	if size := max(pieceBytes, 2*left); size > cap(in.buffer) {
		grown := make([]byte, left, size)
		copy(grown, in.Data())
		in.buffer = grown
	} else {
		in.buffer = in.buffer[:copy(in.buffer[:left], in.Data())]
	}
	in.start = 0
	var err error
	in.buffer, err = in.fill(in.buffer, min(cap(in.buffer), max(in.most+1, pieceBytes)))
	return err
}

// fill reads behind dst until it has so many bytes, or to the end.
func (in *Input) fill(dst []byte, size int) ([]byte, error) {
	dst = slices.Grow(dst, max(0, size-len(dst)))
	for len(dst) < size && !in.ended {
		n, err := in.from.Read(dst[len(dst):size])
		dst = dst[:len(dst)+n]
		if errors.Is(err, io.EOF) {
			in.ended = true
			return dst, nil
		}
		if err != nil {
			return dst, fmt.Errorf("reading %s: %w", in.name, in.compressedError(err))
		}
	}
	return dst, nil
}

// SkipLine advances past the next line break, or to the end.
func (in *Input) SkipLine() error {
	for {
		if at := bytes.IndexByte(in.Data(), '\n'); at >= 0 {
			in.Advance(at + 1)
			return nil
		}
		in.Advance(len(in.Data()))
		if in.ended {
			return nil
		}
		if err := in.More(); err != nil {
			return err
		}
	}
}

// Close closes the file.
func (in *Input) Close() error {
	in.stop()
	return in.file.Close()
}
