package files

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"etlengine/plugins/kit/parallel"
)

// castagnoli is the polynomial of CRC-32C, which processors compute at about the
// speed of memory.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksummed is a file that is written from its end on. sum is the CRC-32C of all
// its bytes. It stands below the buffer, so that it is fed large pieces.
type checksummed struct {
	diskFile
	sum uint32
}

func (c *checksummed) Write(p []byte) (int, error) {
	n, err := c.diskFile.Write(p)
	c.sum = crc32.Update(c.sum, castagnoli, p[:n])
	return n, err
}

// sumText is a checksum as a handle holds it.
func sumText(sum uint32) string { return fmt.Sprintf("%08x", sum) }

// checksum returns the CRC-32C of a file's first bytes.
func (s *store) checksum(ctx context.Context, path string, length int64) (uint32, error) {
	file, err := s.disk.Open(path)
	if err != nil {
		return 0, failed("opening", path, err)
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
			return 0, failed("reading the staged rows in", path, err)
		}
	}
	return sum, nil
}

// intact refuses a staged file whose first bytes are not those that were written.
// An empty sum is of an earlier engine, which did not compute one.
func (s *store) intact(ctx context.Context, path string, length int64, want string) error {
	if want == "" {
		return nil
	}
	sum, err := s.checksum(ctx, path, length)
	if err == nil && sumText(sum) != want {
		err = otherBytes(path)
	}
	return err
}

// staged compares the files that are about to appear with what was recorded of
// them, all of them before the first appears. What is not there any more has
// appeared already.
func (s *store) staged(ctx context.Context, files []publishing) error {
	return parallel.Do(len(files), func(i int) error {
		p := files[i]
		path := s.hiddenPath(p.From)
		info, err := s.disk.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return failed("looking for the prepared rows in", path, err)
		case p.Length > 0 && info.Size() != p.Length:
			return otherLength(path, p.Length, info.Size()) // readers would not see that it was truncated
		}
		return s.intact(ctx, path, p.Length, p.Sum)
	})
}

// wayOn follows what is wrong with a staged file.
const wayOn = "; nothing but this engine may change that folder: put the file back as it was, " +
	"or run with --fresh to begin anew"

func otherLength(path string, want, got int64) error {
	return fmt.Errorf("checking the staged rows in %s: want %d bytes, got %d%s", path, want, got, wayOn)
}

func otherBytes(path string) error {
	return fmt.Errorf("checking the staged rows in %s: they are not what was written (the checksum differs), "+
		"and are not published%s", path, wayOn)
}

// stagedFailed is failed, with the way on if the file is gone.
func stagedFailed(doing, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w%s", failed(doing, path, err), wayOn)
	}
	return failed(doing, path, err)
}
