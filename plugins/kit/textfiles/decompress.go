package textfiles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back a zstd frame may refer. A frame only claims its window, and
// the decoder allocates it: this is what zstd itself decompresses without --long.
const maxWindow = 128 << 20

// decompress finds out by its first bytes how a file is compressed.
func (in *Input) decompress() error {
	raw := bufio.NewReaderSize(&in.read, 64<<10)
	in.from = raw
	mark, err := raw.Peek(8)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(mark, gzipMark):
		r, err := newGzipReader(raw)
		if err != nil {
			return err
		}
		in.from = r
	case bytes.HasPrefix(mark, []byte("\x28\xb5\x2f\xfd")) || isSkippable(mark):
		r, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		in.from, in.stop = r, r.Close
	default:
		return otherFormat(mark)
	}
	return nil
}

// isSkippable reports whether a zstd frame begins that holds no data. Programs that
// compress in pieces put one before each of them.
func isSkippable(mark []byte) bool {
	return len(mark) >= 4 && mark[0]&0xf0 == 0x50 && string(mark[1:4]) == "\x2a\x4d\x18"
}

// otherFormats are files that are no text, by how they begin.
var otherFormats = map[string]string{"BZh91AY&": "bzip2", "\xfd7zXZ\x00": "xz", "\x04\x22\x4d\x18": "lz4",
	"PK\x03\x04": "zip (xlsx too)", "PAR1\x15": "Parquet, which the plugin parquet reads", "Obj\x01": "Avro"}

// otherFormat names what is no text, instead of showing what is in it.
func otherFormat(mark []byte) error {
	for begin, name := range otherFormats {
		if bytes.HasPrefix(mark, []byte(begin)) {
			return fmt.Errorf("want text, plain or compressed with gzip or zstd, got a file of the format %s", name)
		}
	}
	return nil
}

var gzipMark = []byte("\x1f\x8b")

// gzipReader reads the members of a file one after the other. Zeros behind the last one
// are padding, of tapes and of archivers that write to a pipe.
type gzipReader struct {
	raw    *bufio.Reader
	member *gzip.Reader
	ended  error // why there is no member any more
}

func newGzipReader(raw *bufio.Reader) (*gzipReader, error) {
	member, err := gzip.NewReader(raw)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &gzipReader{raw: raw, member: member}, nil
}

// Read reads on in the member at hand, or in the next one.
func (r *gzipReader) Read(p []byte) (int, error) {
	for r.ended == nil {
		n, err := r.member.Read(p)
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
		r.ended = r.next()
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.ended
}

// next goes to the next member. io.EOF: there is none.
func (r *gzipReader) next() error {
	mark, err := r.raw.Peek(len(gzipMark))
	if len(mark) == 0 {
		return err
	}
	if bytes.Equal(mark, gzipMark) {
		if err := r.member.Reset(r.raw); err != nil {
			return fmt.Errorf("reading the next gzip member: %w", noEOF(err))
		}
		r.member.Multistream(false)
		return nil
	}
	for padding := 0; ; padding++ {
		b, err := r.raw.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return r.trailing(b, padding)
		}
	}
}

// trailing names what stands behind the compressed data.
func (r *gzipReader) trailing(first byte, padding int) error {
	const most = 20
	more, _ := r.raw.Peek(most)
	return fmt.Errorf("its compressed data is whole, and behind it stand bytes that are no gzip, %q: "+
		"were they added to the file? (%d zeros before them; gzip -dc FILE leaves them out)",
		append([]byte{first}, more...), padding)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
