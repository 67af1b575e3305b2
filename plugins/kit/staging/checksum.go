package staging

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
)

// castagnoli is the polynomial of CRC-32C, which processors compute at about the
// speed of memory.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksummed is a file that is written from its end on. Sum is the CRC-32C of all its
// bytes. It stands below a buffer, so that it is fed large pieces.
type Checksummed struct {
	File
	Sum uint32
}

func (c *Checksummed) Write(p []byte) (int, error) {
	n, err := c.File.Write(p)
	c.Sum = crc32.Update(c.Sum, castagnoli, p[:n])
	return n, err
}

// SumText is a checksum as a committable holds it.
func SumText(sum uint32) string { return fmt.Sprintf("%08x", sum) }

// Checksum returns the CRC-32C of a staged file's first bytes.
func (a Area) Checksum(ctx context.Context, name string, length int64) (uint32, error) {
	path := a.Path(name)
	file, err := a.Disk.Open(path)
	if err != nil {
		return 0, Failed("opening", path, err)
	}
	defer file.Close() // it was only read
	buffer := make([]byte, min(256<<10, length))
	sum := uint32(0)
	for at := int64(0); at < length; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := file.ReadAt(buffer[:min(int64(len(buffer)), length-at)], at)
		sum = crc32.Update(sum, castagnoli, buffer[:n])
		at += int64(n)
		if err != nil && (!errors.Is(err, io.EOF) || at < length) {
			return 0, Failed("reading the staged rows in", path, err)
		}
	}
	return sum, nil
}

// Intact refuses a staged file whose first bytes are not those that were written. An
// empty sum is of an earlier engine, which did not compute one.
func (a Area) Intact(ctx context.Context, name string, length int64, want string) error {
	if want == "" {
		return nil
	}
	sum, err := a.Checksum(ctx, name, length)
	if err == nil && SumText(sum) != want {
		err = a.OtherBytes(name)
	}
	return err
}

// wayOn follows what is wrong with a staged file.
const wayOn = "; nothing but this engine may change that folder: put the file back as it was, " +
	"or run with --fresh to begin anew"

// OtherLength is the error for a staged file that is not as long as was recorded.
func (a Area) OtherLength(name string, want, got int64) error {
	return fmt.Errorf("checking the staged rows in %s: want %d bytes, got %d%s", a.Path(name), want, got, wayOn)
}

// OtherBytes is the error for a staged file that does not hold what was written.
func (a Area) OtherBytes(name string) error {
	return fmt.Errorf("checking the staged rows in %s: they are not what was written (the checksum differs), "+
		"and are not published%s", a.Path(name), wayOn)
}

// Failed is the function Failed, with the way on if a staged file is gone.
func (a Area) Failed(doing, name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w%s", Failed(doing, a.Path(name), err), wayOn)
	}
	return Failed(doing, a.Path(name), err)
}
