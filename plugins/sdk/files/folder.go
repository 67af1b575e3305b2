package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// checkFolder refuses an output folder with data that this engine does not
// know: its readers would take that for ours, and ours for that.
func (s *sink) checkFolder(recorded uint64) error {
	info, err := s.disk.Stat(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed("looking at the folder", s.root, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("opening the folder %s: want a folder, got a file", s.root)
	}
	found, err := s.dataFiles("")
	if err != nil {
		return err
	}
	for _, path := range found {
		owner, epoch, ours := s.names.published(filepath.Base(path))
		engine, _, _ := strings.Cut(owner, ".")
		switch {
		case !ours:
			return fmt.Errorf("opening the folder %s: want one with files of this engine only, it holds %s; %s",
				s.root, path, moveHint)
		case engine != s.names.engine:
			return fmt.Errorf("opening the folder %s: it holds %s of another engine (%s, this is %s), "+
				"or of this one before its state directory was deleted; %s",
				s.root, path, engine, s.names.engine, moveHint)
		case owner == s.names.owner && epoch > recorded:
			return fmt.Errorf("opening the folder %s: it holds %s of epoch %d, but the state of the pipeline "+
				"ends with epoch %d: the state is older than the files; %s", s.root, path, epoch, recorded, moveHint)
		}
	}
	return nil
}

const moveHint = "move such files away, or choose another path"

// dataFiles are the files in the output folder, and in those of partition_by
// below it, that a reader would take for data. The paths are relative.
func (s *sink) dataFiles(folder string) ([]string, error) {
	path := filepath.Join(s.root, folder)
	entries, err := s.disk.Names(path)
	if err != nil {
		return nil, failed("reading the folder", path, err)
	}
	var found []string
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		if !e.IsDir() && strings.HasSuffix(strings.ToLower(name), s.format.Suffix) {
			found = append(found, name)
		}
		if e.IsDir() && strings.Contains(e.Name(), "=") {
			below, err := s.dataFiles(name)
			if err != nil {
				return nil, err
			}
			found = slices.Concat(found, below)
		}
	}
	return found, nil
}
