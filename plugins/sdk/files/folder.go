package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// foreign lists the files in the output folder that are not this engine's and
// were not adopted: its readers would take them for ours, and ours for them.
// It refuses what cannot be adopted: files of an epoch that is yet to come.
func (s *sink) foreign(twin string, recorded uint64) ([]string, error) {
	info, err := s.disk.Stat(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("looking at the folder", s.root, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening the folder %s: want a folder, got a file", s.root)
	}
	found, err := s.dataFiles("")
	if err != nil {
		return nil, err
	}
	known, err := readAdopted(s.disk, twin)
	if err != nil {
		return nil, err
	}
	var foreign []string
	for _, path := range found {
		owner, epoch, ours := s.names.published(filepath.Base(path))
		engine, _, _ := strings.Cut(owner, ".")
		switch {
		case !ours || engine != s.names.engine:
			if !known[path] {
				foreign = append(foreign, path)
			}
		case owner == s.names.owner && epoch > recorded:
			return nil, fmt.Errorf("opening the folder %s: it holds %s of epoch %d, but the state of the pipeline "+
				"ends with epoch %d: the state is older than the files; put back the state that belongs to them, "+
				"or run with --fresh to remove the pipeline's files and begin anew", s.root, path, epoch, recorded)
		}
	}
	return foreign, nil
}

// dataFiles are the files in the output folder, and in those of partition_by
// below it, that a reader would take for data. The paths are relative.
func (s *sink) dataFiles(folder string) (found []string, err error) {
	err = eachFile(s.disk, s.root, folder, func(path string) {
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
