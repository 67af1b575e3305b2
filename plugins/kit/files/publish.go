package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Commit moves the files that the handle names into the output folder. A file
// that is there already, its hidden name gone, was moved before a crash: the
// handle is all that is asked, and as often as one likes (rule 8). One
// that is in neither place was moved and then taken by whoever reads the
// folder, unless this very life prepared it: then it is lost.
func (s *store) Commit(ctx context.Context, epoch uint64, committable []byte) error {
	h, err := decodeHandle(committable)
	if err != nil {
		return err
	}
	missing, err := s.missing()
	if err != nil {
		return err
	}
	if s.allShown && missing == s.hide && !s.recovered {
		return nil // all the handle names has appeared: nothing was in that folder
	}
	if missing != "" && (s.recovered || len(h.Publish) > 0) {
		return s.folderGone(missing)
	}
	folders := map[string]bool{}
	if err := s.staged(ctx, h.Publish); err != nil {
		return err
	}
	for _, p := range h.Publish {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.show(p, folders); err != nil {
			return err
		}
	}
	if err := s.syncShown(folders); err != nil {
		return err
	}
	s.unpublished = slices.DeleteFunc(s.unpublished, func(p publishing) bool {
		return slices.Contains(h.Publish, p)
	})
	return s.removeMerged(epoch)
}

// missing is the folder that is not there, if one is.
func (s *store) missing() (string, error) {
	for _, folder := range []string{s.root, s.hide} {
		found, err := exists(s.disk, folder)
		if err != nil {
			return "", err
		}
		if !found {
			return folder, nil
		}
	}
	return "", nil
}

func (s *store) folderGone(folder string) error {
	if folder == s.root {
		return fmt.Errorf("the output folder %s is gone: put it back; or make it (mkdir %s) to go on without "+
			"its files, whose rows are not written again; or run with --fresh to begin anew", folder, folder)
	}
	return fmt.Errorf("%s, the folder of rows that are not yet published, is gone: put it back; "+
		"or run with --fresh to begin anew", folder)
}

// show moves one file, and notes the folders whose names changed, also if the
// file was moved before: its life may have ended before it synced them.
func (s *store) show(p publishing, folders map[string]bool) error {
	from, to := filepath.Join(s.hide, p.From), filepath.Join(s.root, p.To)
	found, err := exists(s.disk, from)
	if err != nil {
		return err
	}
	if found {
		if err := s.makePartition(filepath.Dir(p.To)); err != nil {
			return err
		}
		if err := s.disk.Rename(from, to); err != nil {
			return moveFailed(from, to, err)
		}
		folders[filepath.Dir(p.To)] = true
		return nil
	}
	shown, err := exists(s.disk, to)
	switch {
	case err != nil:
		return err
	case shown:
		folders[filepath.Dir(p.To)] = true
	case slices.Contains(s.unpublished, p):
		return fmt.Errorf("publishing %s: its rows were in %s, which is gone; "+
			"nothing but this engine may change that folder", to, from)
	default:
		s.log.Info("a published file is gone: taken by whoever reads the folder", "file", to)
	}
	return nil
}

func moveFailed(from, to string, err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("publishing %s: there is another file of that name; move it away", to)
	case crossesDevices(err):
		return fmt.Errorf("publishing %s: %s is on another file system; %s", to, filepath.Dir(from), mountHint)
	}
	return failed("publishing", to, err)
}

// makePartition makes the folders of partition_by below the output folder, one
// by one: the output folder itself is never made anew.
func (s *store) makePartition(folder string) error {
	path := s.root
	for name := range strings.SplitSeq(folder, string(filepath.Separator)) {
		if name == "." {
			continue
		}
		path = filepath.Join(path, name)
		if err := s.disk.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return failed("making the folder", path, err)
		}
	}
	return nil
}

// syncShown syncs the folders that got files, those above them up to the
// output folder, and the folder the files came from.
func (s *store) syncShown(folders map[string]bool) error {
	if len(folders) == 0 {
		return nil
	}
	all := map[string]bool{s.root: true}
	for folder := range folders {
		for ; folder != "."; folder = filepath.Dir(folder) {
			all[filepath.Join(s.root, folder)] = true
		}
	}
	for folder := range all {
		if err := s.disk.Sync(folder); err != nil {
			return failed("syncing", folder, err)
		}
	}
	return failed("syncing", s.hide, s.disk.Sync(s.hide))
}

// removeMerged removes the parts whose rows have appeared in a merged file.
func (s *store) removeMerged(epoch uint64) error {
	for len(s.merged) > 0 && s.merged[0].epoch <= epoch {
		path := filepath.Join(s.hide, s.merged[0].name)
		if err := s.disk.Remove(path); err != nil {
			return failed("removing", path, err)
		}
		s.merged = s.merged[1:]
	}
	return nil
}
