package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// resolve is the output folder by its one true name, so that two ways to it
// meet at one twin and one lock.
func resolve(dir, path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", failed("finding", path, err)
	}
	name, err := trueName(path, mostLinks)
	return name, failed("finding", path, err)
}

// mostLinks is how many links the kernel follows on the way to a file.
const mostLinks = 40

// trueName is a path without links. What of it is not there yet has none, but
// for a link that leads to nothing: the folder is made where it leads.
func trueName(path string, links int) (string, error) {
	name, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	above, err := trueName(filepath.Dir(path), links)
	if err != nil {
		return "", err
	}
	path = filepath.Join(above, filepath.Base(path))
	to, err := os.Readlink(path)
	switch {
	case err != nil:
		return path, nil // nothing has this name
	case links == 0:
		return "", syscall.ELOOP
	case !filepath.IsAbs(to):
		to = filepath.Join(above, to)
	}
	return trueName(to, links-1)
}

// twinOf is the folder of hidden files: beside the output folder, never in it,
// since some readers list what begins with a dot.
func twinOf(root string) string {
	return filepath.Join(filepath.Dir(root), "."+filepath.Base(root)+".engine")
}
