package textfiles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"etlengine/plugins/sdk"
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
	switch in.format = compressionOf(mark); in.format {
	case Gzip:
		r, err := newGzipReader(raw)
		if err != nil {
			return err
		}
		in.from = r
	case Zstd:
		r, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return err
		}
		in.from, in.stop = r, r.Close
	case None:
		return otherFormat(mark)
	}
	return nil
}

// compressionOf is how a file is compressed that begins with mark.
func compressionOf(mark []byte) Compression {
	switch {
	case bytes.HasPrefix(mark, gzipMark):
		return Gzip
	case bytes.HasPrefix(mark, zstdMark), isSkippable(mark):
		return Zstd
	}
	return None
}

// checkContents refuses what a compressed file holds if it is no text: a file that was
// compressed twice, or one of another format.
func (in *Input) checkContents(data []byte) error {
	if in.format == None {
		return nil // decompress has looked at it
	}
	if inner := compressionOf(data); inner != None {
		return fmt.Errorf("want text, got %s within %s: was the file compressed twice? Decompress it once",
			inner, in.format)
	}
	if err := otherFormat(data); err != nil {
		return fmt.Errorf("in %s: %w", in.format, err)
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

var (
	gzipMark = []byte("\x1f\x8b")
	zstdMark = []byte("\x28\xb5\x2f\xfd")
)

// compressedError says what an error of reading means for the file.
func (in *Input) compressedError(err error) error {
	switch {
	case errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, io.ErrUnexpectedEOF) && in.format == Zstd:
		if trailing := behindZstd(in.file); len(trailing) > 0 {
			return fmt.Errorf("behind its whole zstd frames stand bytes that are none, %q: is the file damaged, or "+
				"were other bytes added?", trailing)
		}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("want a zstd window of at most %s, got a larger one: is the file damaged? If not, "+
			"compress it without --long", sdk.Bytes(maxWindow))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends in the middle of its compressed data: %w", err)
	}
	return err
}

// behindZstd returns the first bytes behind the whole zstd frames of a file: the decoder
// does not say whether a file ends in a frame, or has too few bytes behind it to be one.
// None: the file ends with a frame or within one, or cannot be read again.
func behindZstd(file io.ReaderAt) []byte {
	for at := int64(0); ; {
		begin := make([]byte, zstd.HeaderMaxSize)
		n, err := file.ReadAt(begin, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil
		}
		begin = begin[:n]
		if compressionOf(begin) != Zstd {
			if bytes.HasPrefix(zstdMark, begin) {
				return nil
			}
			return begin
		}
		size, err := zstdFrameSize(file, at, begin)
		if err != nil {
			return nil
		}
		at += size
	}
}

// zstdFrameSize is how many bytes the frame at a position has, which begins with begin.
func zstdFrameSize(file io.ReaderAt, at int64, begin []byte) (int64, error) {
	var h zstd.Header
	if err := h.Decode(begin); err != nil {
		return 0, err
	}
	size := int64(h.HeaderSize)
	if h.Skippable {
		return size + int64(h.SkippableSize), nil
	}
	for last := false; !last; {
		var block [3]byte // a bit: the last one; two: how it is compressed; its size
		if _, err := file.ReadAt(block[:], at+size); err != nil {
			return 0, err
		}
		header := int64(block[0]) | int64(block[1])<<8 | int64(block[2])<<16
		const runLength = 1 // one byte, repeated
		if size += 3 + header>>3; header>>1&3 == runLength {
			size += 1 - header>>3
		}
		last = header&1 == 1
	}
	if h.HasCheckSum {
		size += 4
	}
	return size, nil
}

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
