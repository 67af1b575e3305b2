package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	pq "github.com/parquet-go/parquet-go"
)

// The first and last bytes of every file, and what lies between at the least:
// the length of the footer.
const (
	magic       = "PAR1"
	trailerSize = 4 + len(magic)
)

// guarded calls f, which reads through parquet-go, and turns a panic into an
// error: parquet-go trusts what it reads in many places.
func guarded(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the file is damaged: %v", cause)
		}
	}()
	return f()
}

// openFile reads the footer of a file. It looks at the ends of the file first,
// so that what is not a parquet file, or not a whole one, is said so.
func openFile(r io.ReaderAt, size int64, options ...pq.FileOption) (file *pq.File, err error) {
	if err := checkEnds(r, size); err != nil {
		return nil, err
	}
	err = guarded(func() error {
		if err := checkFooter(r, size); err != nil {
			return err
		}
		var fault error
		if file, fault = pq.OpenFile(r, size, options...); fault == nil {
			return nil
		}
		if slim, n, err := withoutKeyValues(r, size); err == nil {
			if file, err = pq.OpenFile(slim, n, options...); err == nil {
				return nil
			}
		}
		return damaged(fault)
	})
	return file, err
}

// damaged hides an io.EOF, which would pass for the end of the rows.
func damaged(err error) error {
	return fmt.Errorf("the file is damaged: %v", err)
}

func checkEnds(r io.ReaderAt, size int64) error {
	if size == 0 {
		return errors.New("want a parquet file, got an empty one")
	}
	var head [len(magic)]byte
	if n, err := r.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if string(head[:n]) == "PARE" {
		return errors.New("the file is encrypted; only plain parquet files can be read")
	} else if string(head[:n]) != magic {
		return fmt.Errorf("want a parquet file, which begins with %q; this one begins with %q", magic, head[:n])
	}
	if size < int64(len(magic)+trailerSize) {
		return fmt.Errorf("the file is truncated: only %d bytes are left", size)
	}
	var trailer [trailerSize]byte
	if _, err := r.ReadAt(trailer[:], size-int64(trailerSize)); err != nil {
		return err
	}
	if string(trailer[4:]) != magic {
		return errors.New("the file is truncated or still being written: it ends without a footer")
	}
	footer := int64(binary.LittleEndian.Uint32(trailer[:4]))
	if footer > size-int64(len(magic)+trailerSize) {
		return fmt.Errorf("the file is damaged: its footer should have %d bytes, the file has %d", footer, size)
	}
	return nil
}
