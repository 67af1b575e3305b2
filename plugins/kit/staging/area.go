package staging

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
)

// Area is the folder in which an output stages its files.
type Area struct {
	Disk   Disk
	Folder string
	// Owns reports whether the output made a file of this name, in this life or an earlier
	// one. No other file is ever removed (rule 11).
	Owns func(name string) bool
}

// Path is where a staged file lies.
func (a Area) Path(name string) string { return filepath.Join(a.Folder, name) }

// Sync returns when the bytes of a staged file are on the disk.
func (a Area) Sync(name string) error {
	return Failed("syncing", a.Path(name), a.Disk.Sync(a.Path(name)))
}

// SyncNames returns when the names of staged files are on the disk, after their bytes.
func (a Area) SyncNames() error { return Failed("syncing", a.Folder, a.Disk.Sync(a.Folder)) }

// Remove removes a staged file.
func (a Area) Remove(name string) error {
	return Failed("removing", a.Path(name), a.Disk.Remove(a.Path(name)))
}

// Keep removes what the output has staged and no record lists: rows of an epoch that never
// was, and which are read again.
func (a Area) Keep(listed map[string]bool) error {
	names, err := a.List()
	for _, name := range names {
		if err == nil && !listed[name] {
			err = a.Remove(name)
		}
	}
	return err
}

// List is the names of what the output has staged; nothing if the folder is not there.
func (a Area) List() (names []string, err error) {
	entries, err := Entries(a.Disk, a.Folder)
	for _, e := range entries {
		if a.Owns(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Forget removes what the output has staged, and then the folder if nothing is left in it.
// It may be stopped anywhere and called again.
func (a Area) Forget(ctx context.Context) error {
	names, err := a.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.Remove(name); err != nil {
			return err
		}
	}
	return RemoveEmpty(a.Disk, a.Folder)
}

// RemoveEmpty removes a folder unless something is left in it.
func RemoveEmpty(d Disk, folder string) error {
	entries, err := d.Names(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoFolder):
		return nil
	case err != nil:
		return Failed("reading the folder", folder, err)
	case len(entries) > 0:
		return Failed("syncing", folder, d.Sync(folder))
	}
	return Failed("removing", folder, d.Remove(folder))
}

// Entries is what a folder holds: nothing if there is no such folder.
func Entries(d Disk, folder string) ([]fs.DirEntry, error) {
	found, err := d.Names(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFolder) {
		return nil, nil
	}
	return found, Failed("reading the folder", folder, err)
}
