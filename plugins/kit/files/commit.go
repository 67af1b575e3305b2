package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"etlengine/plugins/kit/parallel"
	"etlengine/plugins/kit/staging"
)

// Commit moves the files that the committable names into the output folder. A file
// that is there already, its staged name gone, was moved before a crash: Commit needs
// only the committable, and may be repeated (rule 8). One that is in neither folder was
// moved and then removed by whoever reads the folder, unless this very life prepared
// it: then it is lost.
func (s *store) Commit(ctx context.Context, epoch uint64, committable []byte) error {
	c, err := decodeCommittable(committable)
	if err != nil {
		return err
	}
	missing, err := s.missing()
	if err != nil {
		return err
	}
	if s.allVisible && missing == s.area.Folder && !s.recovered {
		return nil // all the committable names has appeared: nothing was in that folder
	}
	if missing != "" && (s.recovered || len(c.Moves) > 0) {
		return s.folderGone(missing)
	}
	if err := s.staged(ctx, c.Moves); err != nil {
		return err
	}
	var visible []string
	for _, p := range c.Moves {
		if err := ctx.Err(); err != nil {
			return err
		}
		there, err := s.makeVisible(p)
		if err != nil {
			return err
		}
		if there {
			visible = append(visible, p.To)
		}
	}
	if err := s.syncVisible(visible); err != nil {
		return err
	}
	s.uncommitted = slices.DeleteFunc(s.uncommitted, func(p move) bool {
		return slices.Contains(c.Moves, p)
	})
	return s.removeMerged(epoch)
}

// missing is the folder that is not there, if one is.
func (s *store) missing() (string, error) {
	found, err := s.target.exists()
	if err != nil || !found {
		return s.root, err
	}
	found, err = staging.Exists(s.disk, s.area.Folder)
	if err != nil || !found {
		return s.area.Folder, err
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

// makeVisible moves one file to readers, and reports whether it is, also if an earlier life did it,
// which may have ended before it synced the name.
func (s *store) makeVisible(p move) (bool, error) {
	from, to := s.area.Path(p.From), filepath.Join(s.root, p.To)
	found, err := staging.Exists(s.disk, from)
	if err != nil {
		return false, err
	}
	if found {
		return true, s.target.put(from, p.To)
	}
	visible, err := s.target.has(p.To)
	switch {
	case visible || err != nil:
		return visible, err
	case slices.Contains(s.uncommitted, p):
		return false, fmt.Errorf("publishing %s: its rows were in %s, which is gone; "+
			"nothing but this engine may change that folder", to, from)
	}
	s.log.Info("a published file is gone: taken by whoever reads the folder", "file", to)
	return false, nil
}

// syncVisible syncs the names that files have now, and that they have no others.
func (s *store) syncVisible(names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := s.target.sync(names); err != nil {
		return err
	}
	return s.area.SyncNames()
}

// staged compares the files that are about to appear with what was recorded of
// them, all of them before the first appears. What is not there any more has
// appeared already.
func (s *store) staged(ctx context.Context, files []move) error {
	return parallel.Do(len(files), func(i int) error {
		p := files[i]
		path := s.area.Path(p.From)
		info, err := s.disk.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return staging.Failed("looking for the prepared rows in", path, err)
		case p.Length > 0 && info.Size() != p.Length:
			return s.area.OtherLength(p.From, p.Length, info.Size()) // readers would not see that it was truncated
		}
		return s.area.Intact(ctx, p.From, p.Length, p.Sum)
	})
}

// removeMerged removes the parts whose rows have appeared in a merged file.
func (s *store) removeMerged(epoch uint64) error {
	for len(s.merged) > 0 && s.merged[0].epoch <= epoch {
		if err := s.area.Remove(s.merged[0].name); err != nil {
			return err
		}
		s.merged = s.merged[1:]
	}
	return nil
}
