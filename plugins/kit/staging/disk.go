package staging

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"etlengine/plugins/kit/durable"
)

// Disk is what a store asks of a file system. Tests put in one that fails at a
// chosen step, or forgets at a crash what was not synced.
type Disk interface {
	Stat(path string) (fs.FileInfo, error)
	Names(folder string) ([]fs.DirEntry, error)
	Writable(folder string) error // nil if files can be made in it
	Mkdir(path string) error
	Create(path string) (File, error) // fails if the file is there
	Append(path string) (File, error) // fails if it is not
	Open(path string) (Reader, error)
	Truncate(path string, size int64) error
	Sync(path string) error // a file's bytes, or a folder's names
	// Rename fails with fs.ErrExist if there is another file at to (rule 10).
	Rename(from, to string) error
	Replace(from, to string) error // Rename over what is there
	Remove(path string) error      // a file, or a folder with nothing in it
	// Lock keeps everyone else out of the folder until unlock. Others read
	// who as the holder in their error.
	Lock(folder, who string) (unlock func() error, err error)
}

// File is a file being written.
type File interface {
	io.Writer
	Close() error
}

// Reader is a file being read.
type Reader interface {
	io.ReaderAt
	Close() error
}

// OSDisk is the file system as it is.
type OSDisk struct {
	Private bool // nobody else may read what is made
}

func (OSDisk) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (OSDisk) Names(folder string) ([]fs.DirEntry, error) { return os.ReadDir(folder) }
func (d OSDisk) Mkdir(path string) error                  { return os.Mkdir(path, d.mode(0o777)) }
func (OSDisk) Open(path string) (Reader, error)           { return os.Open(path) }
func (OSDisk) Truncate(path string, size int64) error     { return os.Truncate(path, size) }
func (OSDisk) Sync(path string) error                     { return durable.Sync(path) }
func (OSDisk) Remove(path string) error                   { return os.Remove(path) }
func (OSDisk) Replace(from, to string) error              { return os.Rename(from, to) }
func (OSDisk) Writable(folder string) error               { return writable(folder) }
func (d OSDisk) Append(path string) (File, error)         { return d.open(path, os.O_APPEND) }
func (d OSDisk) Create(path string) (File, error)         { return d.open(path, os.O_CREATE|os.O_EXCL) }

func (OSDisk) Lock(folder, who string) (func() error, error) {
	return lockFolder(folder, thisProcess, who)
}

func (d OSDisk) mode(mode fs.FileMode) fs.FileMode {
	if d.Private {
		return mode & 0o700
	}
	return mode
}

func (d OSDisk) open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|flag, d.mode(0o666))
	if err != nil {
		return nil, err // not f: a nil *os.File would make a File that is not nil
	}
	return f, nil
}

func (OSDisk) Rename(from, to string) error {
	err := renameNoReplace(from, to)
	if !errors.Is(err, errNoReplaceUnknown) {
		return err
	}
	return linkAndRemove(from, to)
}

var errNoReplaceUnknown = errors.New("the file system cannot rename without replacing")

// linkAndRemove renames without replacing where the kernel or the file system
// cannot. A crash between the two leaves both names on one file; the second
// attempt then finds them the same and only removes the first.
func linkAndRemove(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, fs.ErrExist) {
		a, errA := os.Lstat(from)
		b, errB := os.Lstat(to)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	return os.Remove(from)
}

// Failed puts the path into an error once, whatever the layer below already said.
func Failed(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}

// Exists reports whether there is something at a path.
func Exists(d Disk, path string) (bool, error) {
	_, err := d.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, Failed("looking at", path, err)
}

// MakeFolder makes a folder and those above it. Their names are yet to be synced.
func MakeFolder(d Disk, path string) error {
	found, err := Exists(d, path)
	if found || err != nil {
		return err
	}
	if err := MakeFolder(d, filepath.Dir(path)); err != nil {
		return err
	}
	if err := d.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return Failed("making the folder", path, err)
	}
	return nil
}
