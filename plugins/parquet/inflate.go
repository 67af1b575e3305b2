package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// maxPageBytes is how large a page may become from however few bytes. Most writers end
// pages at about 1 MB, some make one of a whole row group: a larger one is read if the
// file has at least one byte of maxRatio of it.
const (
	maxPageBytes = 128 << 20
	maxRatio     = 32
)

// inflater decompresses pages. The size of a page is a claim: memory grows with
// the bytes that come out, or is asked for only where the codec could make so many.
type inflater struct {
	codec format.CompressionCodec
	gzip  *gzip.Reader
	zstd  *zstd.Decoder
}

// The most bytes that one compressed byte can stand for.
const (
	snappyRatio = 32
	lz4Ratio    = 256
)

// codecProblem says why pages of a codec cannot be read, or nil.
func codecProblem(codec format.CompressionCodec) error {
	switch codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw:
		return nil
	case format.Lz4, format.LZO:
		return fmt.Errorf("%s is not supported; write the file with snappy, zstd or gzip", codec)
	}
	return fmt.Errorf("the compression %d is not known; write the file with snappy, zstd or gzip", codec)
}

// inflate appends the size bytes that src stands for to dst, which is empty.
func (f *inflater) inflate(dst, src []byte, size int) ([]byte, error) {
	var err error
	switch f.codec {
	case format.Snappy:
		n, err := s2.DecodedLen(src)
		if err != nil || n != size || size > snappyRatio*len(src) {
			return dst, f.wrong(errors.Join(err, fmt.Errorf("it is %d bytes long", n)), size)
		}
		if dst, err = s2.Decode(slices.Grow(dst, size)[:size], src); err != nil {
			return dst, f.wrong(err, size)
		}
		return dst, nil
	case format.Lz4Raw:
		if size > lz4Ratio*len(src) {
			return dst, f.wrong(fmt.Errorf("it has %d bytes", len(src)), size)
		}
		dst = slices.Grow(dst, size)[:size]
		n, err := lz4.UncompressBlock(src, dst)
		if err != nil || n != size {
			return dst, f.wrong(errors.Join(err, fmt.Errorf("it is %d bytes long", n)), size)
		}
		return dst, nil
	case format.Gzip:
		if f.gzip == nil {
			f.gzip = new(gzip.Reader)
		}
		if err = f.gzip.Reset(bytes.NewReader(src)); err == nil {
			dst, err = readExactly(dst, f.gzip, size)
		}
	case format.Brotli:
		dst, err = readExactly(dst, brotli.NewReader(bytes.NewReader(src)), size)
	case format.Zstd:
		if f.zstd == nil {
			f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(maxPageBytes))
		}
		if err == nil {
			err = f.zstd.Reset(bytes.NewReader(src))
		}
		if err == nil {
			dst, err = readExactly(dst, f.zstd, size)
		}
	default:
		return dst, codecProblem(f.codec)
	}
	if err != nil {
		return dst, f.wrong(err, size)
	}
	return dst, nil
}

func (f *inflater) wrong(err error, size int) error {
	return fmt.Errorf("a page compressed with %s should have %d bytes: %w", f.codec, size, err)
}

// readExactly appends size bytes, which must be all there are.
func readExactly(dst []byte, from io.Reader, size int) ([]byte, error) {
	const step = 1 << 20
	for len(dst) < size {
		at := len(dst)
		dst = slices.Grow(dst, min(size-at, max(step, at)))
		n, err := io.ReadFull(from, dst[at:min(size, cap(dst))])
		dst = dst[:at+n]
		if err != nil {
			return dst, fmt.Errorf("it ends after %d: %w", len(dst), err)
		}
	}
	var more [1]byte
	if n, err := io.ReadFull(from, more[:]); n > 0 {
		return dst, errors.New("it has more")
	} else if !errors.Is(err, io.EOF) {
		return dst, err
	}
	return dst, nil
}

func (f *inflater) close() {
	if f.zstd != nil {
		f.zstd.Close()
		f.zstd = nil
	}
}

// readSome appends size bytes to dst, and asks for memory as they come.
func readSome(dst []byte, from io.Reader, size int) ([]byte, error) {
	const step = 1 << 20
	for len(dst) < size {
		at := len(dst)
		dst = slices.Grow(dst, min(size-at, max(step, at)))
		n, err := io.ReadFull(from, dst[at:min(size, cap(dst))])
		dst = dst[:at+n]
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}
