package files

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// dataFiles are the files in the output folder, and in those of partition_by
// below it, that a reader would take for data. The paths are relative.
func (s *store) dataFiles() (found []string, err error) {
	err = eachFile(s.disk, s.root, "", func(path string) {
		if strings.HasSuffix(strings.ToLower(path), s.format.Suffix) {
			found = append(found, path)
		}
	})
	return found, err
}

// eachFile visits the files of a folder and of those of partition_by below it.
func eachFile(d disk, root, folder string, visit func(path string)) error {
	path := filepath.Join(root, folder)
	entries, err := d.Names(path)
	if err != nil {
		return failed("reading the folder", path, err)
	}
	for _, e := range entries {
		below := filepath.Join(folder, e.Name())
		switch {
		case !e.IsDir():
			visit(below)
		case strings.Contains(e.Name(), "="):
			if err := eachFile(d, root, below, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// inTwin lists the files in a pipeline's folder of the twin, by step.
func inTwin(d disk, folder string) (found []string, err error) {
	steps, err := entriesOf(d, folder)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		files, err := entriesOf(d, filepath.Join(folder, step.Name()))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			found = append(found, filepath.Join(step.Name(), f.Name()))
		}
	}
	return found, nil
}

// entriesOf is what a folder holds: nothing if there is no such folder.
func entriesOf(d disk, folder string) ([]fs.DirEntry, error) {
	found, err := d.Names(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFolder) {
		return nil, nil
	}
	return found, failed("reading the folder", folder, err)
}
