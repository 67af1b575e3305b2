package files

import (
	"errors"
	"io/fs"
	"path/filepath"
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
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return real, failed("finding", path, err)
}

// twinOf is the folder of hidden files: beside the output folder, never in it,
// since some readers list what begins with a dot.
func twinOf(root string) string {
	return filepath.Join(filepath.Dir(root), "."+filepath.Base(root)+".engine")
}
