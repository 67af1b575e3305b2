package files

import (
	"context"
	"path/filepath"

	"etlengine/plugins/kit/staging"
)

// Recover resumes the files that the newest record knows to be staged, truncated to
// what was durable then, and removes this step's other staged files. Without a record it
// makes the folders.
func (s *store) Recover(ctx context.Context, live []byte) error {
	c, err := decodeCommittable(live)
	if err == nil {
		err = s.restore(ctx, c, live != nil)
	}
	s.recovered = err == nil
	return err
}

func (s *store) restore(ctx context.Context, c *committable, recorded bool) error {
	if err := s.makeFolders(c, recorded); err != nil {
		return err
	}
	s.visible = c.Visible || len(c.Moves) > 0
	listed := map[string]bool{}
	for _, p := range c.Moves {
		listed[p.From] = true
	}
	for _, p := range c.Parts {
		listed[p.Name] = true
		p.Full = p.Full || c.Shape != s.shape() || p.Suffix != s.format.Suffix
		if err := s.resumeFile(ctx, p); err != nil {
			return err
		}
	}
	if len(c.Parts) > 0 {
		s.due.restore(c.Since)
	}
	return s.area.Keep(listed)
}

// makeFolders makes the output folder at the very first start, and the folder
// of staged files whenever nothing should be in it. What a record says was
// there and is not had rows in it.
func (s *store) makeFolders(c *committable, recorded bool) error {
	missing, err := s.missing()
	if err != nil {
		return err
	}
	if (missing == s.root && recorded) || (missing != "" && len(c.Parts) > 0) {
		return s.folderGone(missing)
	}
	if err := staging.MakeFolder(s.disk, s.area.Folder); err != nil {
		return err
	}
	if err := s.target.make(); err != nil {
		return err
	}
	above := filepath.Dir(s.root)
	for folder := filepath.Dir(s.area.Folder); folder != above; folder = filepath.Dir(folder) {
		if err := s.disk.Sync(folder); err != nil {
			return staging.Failed("syncing", folder, err)
		}
	}
	return s.target.probe(s.area.Path(s.names.Staged(0, 0)))
}

// resumeFile makes a recorded file the one that grows, or one more part.
func (s *store) resumeFile(ctx context.Context, p stagedPart) error {
	path := s.area.Path(p.Name)
	info, err := s.disk.Stat(path)
	if err != nil {
		return s.area.Failed("looking for the recorded rows in", p.Name, err)
	}
	if info.Size() < p.Length {
		return s.area.OtherLength(p.Name, p.Length, info.Size())
	}
	if p.sum, err = s.area.Checksum(ctx, p.Name, p.Length); err != nil {
		return err
	}
	if sum := staging.SumText(p.sum); p.Sum != "" && p.Sum != sum {
		return s.area.OtherBytes(p.Name)
	} else {
		p.Sum = sum
	}
	if info.Size() > p.Length {
		if err := s.disk.Truncate(path, p.Length); err != nil {
			return staging.Failed("cutting", path, err)
		}
	}
	t := s.partitions[p.Folder]
	if t == nil {
		t = &partition{folder: p.Folder}
		s.partitions[p.Folder] = t
		s.order = append(s.order, t)
	}
	// Dirty even if nothing was truncated: an earlier start may have truncated it, and
	// ended before that was synced. The next Prepare does, before the file appears.
	t.push(&stagedFile{stagedPart: p, dirty: true})
	s.due.grew(t.bytes(s.grows()))
	return nil
}
