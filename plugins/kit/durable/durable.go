// Package durable is what all that keeps files through a crash needs: locks that
// go with their process, files that are there whole or not at all, and names
// that are safe as those of files.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another open file of this one, has the
// lock.
var ErrLocked = errors.New("it is locked")

// Lock waits for the lock of a file or folder. The lock goes with the open file,
// and so with the process, however that ends.
func Lock(f *os.File) error { return flock(f, unix.LOCK_EX) }

// TryLock does not wait; it returns ErrLocked if somebody has the lock.
func TryLock(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		case err != nil:
			return fmt.Errorf("locking %s: %w", f.Name(), err)
		}
		return nil
	}
}

// OpenLocked opens the file that stands for a lock, makes it if there is none, and
// locks it as TryLock does. To close the file is to give the lock back.
func OpenLocked(path string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, mode)
	if err != nil {
		return nil, err
	}
	if err := TryLock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Sync returns when a file's bytes, or a folder's names, are on the disk.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if info, statErr := f.Stat(); statErr == nil && info.IsDir() && errors.Is(err, syscall.EINVAL) {
		err = nil // some network file systems have no fsync for folders: names are durable at once
	}
	return errors.Join(err, f.Close())
}

// WriteFile puts a file in the place of the one of that name, if there is one. A
// crash leaves the one or the other whole, and maybe a file path.tmp, which the
// next call writes over. One at a time may write to a path.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	temporary := path + ".tmp"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return Sync(filepath.Dir(path))
}

// MakeFolder makes a folder, and those above it, in a base that is there, and
// returns when their names are on the disk: what lies in a folder that is lost is
// lost.
func MakeFolder(base, folder string, mode fs.FileMode) error {
	if err := os.MkdirAll(folder, mode); err != nil {
		return err
	}
	for folder != base && filepath.Dir(folder) != folder {
		folder = filepath.Dir(folder)
		if err := Sync(folder); err != nil {
			return err
		}
	}
	return nil
}

// EscapeName makes any text the name of a file, or a piece of one: letters, digits,
// _ and - stay, every other byte becomes ~ and two hexadecimal digits. Different
// texts have different names.
func EscapeName(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	return b.String()
}

// UnescapeName is the way back.
func UnescapeName(name string) string { return Unhex(name, '~') }

// Unhex puts bytes in the place of marks that two hexadecimal digits follow; any
// other mark stays what it is.
func Unhex(s string, mark byte) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == mark && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
