package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"etlengine/plugins/kit/staging"
)

// target is where staged files of an output become visible. Names are relative, and have
// the folders of partition_by before the file's.
type target interface {
	// exists reports whether the target is there, and make makes it at the very first start:
	// what a record says was there, and is gone, had rows in it.
	exists() (bool, error)
	make() error
	// probe finds out before any work whether files staged beside this one can be put.
	probe(staged string) error
	// put makes a staged file visible, once: under a name that another file has it fails with
	// fs.ErrExist.
	put(staged, name string) error
	has(name string) (bool, error)
	// sync returns when the names are durable, which may have been put by an earlier life.
	sync(names []string) error
	// visit calls f with the name of every file.
	visit(f func(name string)) error
	// clear removes the files that made reports, the folders of partition_by that are then
	// empty, and empty ones that isPartition reports. It may be stopped anywhere and called again.
	clear(ctx context.Context, made, isPartition func(name string) bool) error
}

// folder is a target on the disk that the files are staged on: they are moved into it.
type folder struct {
	disk staging.Disk
	path string
}

func (f folder) exists() (bool, error) { return staging.Exists(f.disk, f.path) }

// make makes the folder, and syncs those above it, which an earlier life may have made and
// not synced.
func (f folder) make() error {
	if err := staging.MakeFolder(f.disk, f.path); err != nil {
		return err
	}
	for above := filepath.Dir(f.path); ; above = filepath.Dir(above) {
		err := f.disk.Sync(above)
		if errors.Is(err, fs.ErrPermission) {
			break // not ours: then we made nothing in it
		}
		if err != nil {
			return staging.Failed("syncing", above, err)
		}
		if above == filepath.Dir(above) {
			break
		}
	}
	return staging.Failed("looking whether files can be made in", f.path, f.disk.Writable(f.path))
}

// probe moves a file that is not there, which fails with another error if a mount point
// lies between.
func (f folder) probe(staged string) error {
	err := f.disk.Rename(staged, filepath.Join(f.path, filepath.Base(staged)))
	if crossesDevices(err) {
		return fmt.Errorf("opening the folder %s: %s is on another file system; %s",
			f.path, filepath.Dir(staged), mountHint)
	}
	return nil
}

const mountHint = "files are written beside the folder and moved into it: " +
	"choose a folder below the mount point"

func crossesDevices(err error) bool { return errors.Is(err, syscall.EXDEV) }

func (f folder) put(staged, name string) error {
	if err := f.makePartition(filepath.Dir(name)); err != nil {
		return err
	}
	to := filepath.Join(f.path, name)
	err := f.disk.Rename(staged, to)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("publishing %s: there is another file of that name; move it away", to)
	case crossesDevices(err):
		return fmt.Errorf("publishing %s: %s is on another file system; %s", to, filepath.Dir(staged), mountHint)
	}
	return staging.Failed("publishing", to, err)
}

// makePartition makes the folders of partition_by one by one: the output folder itself is
// never made anew.
func (f folder) makePartition(name string) error {
	path := f.path
	for part := range strings.SplitSeq(name, string(filepath.Separator)) {
		if part == "." {
			continue
		}
		path = filepath.Join(path, part)
		if err := f.disk.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return staging.Failed("making the folder", path, err)
		}
	}
	return nil
}

func (f folder) has(name string) (bool, error) {
	return staging.Exists(f.disk, filepath.Join(f.path, name))
}

// sync syncs the folders of the names, and those above them up to the output folder.
func (f folder) sync(names []string) error {
	all := map[string]bool{}
	for _, name := range names {
		for below := filepath.Dir(name); !all[below]; below = filepath.Dir(below) {
			all[below] = true // "." is above itself
		}
	}
	for below := range all {
		path := filepath.Join(f.path, below)
		if err := f.disk.Sync(path); err != nil {
			return staging.Failed("syncing", path, err)
		}
	}
	return nil
}

func (f folder) visit(visit func(name string)) error { return f.visitBelow("", visit) }

func (f folder) visitBelow(below string, visit func(name string)) error {
	path := filepath.Join(f.path, below)
	entries, err := f.disk.Names(path)
	if err != nil {
		return staging.Failed("reading the folder", path, err)
	}
	for _, e := range entries {
		name := filepath.Join(below, e.Name())
		switch {
		case !e.IsDir():
			visit(name)
		case strings.Contains(e.Name(), "="):
			if err := f.visitBelow(name, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f folder) clear(ctx context.Context, made, isPartition func(name string) bool) error {
	found, err := f.exists()
	if found && err == nil {
		_, err = f.clearBelow(ctx, "", made, isPartition)
	}
	return err
}

// clearBelow syncs the folder even if nothing was removed: an earlier call may have been
// stopped before it did.
func (f folder) clearBelow(ctx context.Context, below string, made, isPartition func(name string) bool) (
	gone bool, err error,
) {
	path := filepath.Join(f.path, below)
	entries, err := staging.Entries(f.disk, path)
	if err != nil {
		return false, err
	}
	removed, left := false, 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		gone := false
		switch {
		case e.IsDir() && strings.Contains(e.Name(), "="):
			gone, err = f.clearBelow(ctx, filepath.Join(below, e.Name()), made, isPartition)
		case !e.IsDir() && made(e.Name()):
			gone, err = true, f.remove(filepath.Join(path, e.Name()))
		}
		if err != nil {
			return false, err
		}
		if gone {
			removed = true
		} else {
			left++
		}
	}
	if below != "" && left == 0 && (removed || isPartition(below)) {
		return true, f.remove(path)
	}
	return false, staging.Failed("syncing", path, f.disk.Sync(path))
}

func (f folder) remove(path string) error {
	return staging.Failed("removing", path, f.disk.Remove(path))
}
