package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

const mountHint = "files are written beside the folder and moved into it: " +
	"choose a folder below the mount point"

// Recover takes up what the newest record knows to be hidden, cut to what was
// durable then, and removes this step's other hidden files. Without a record it
// makes the folders.
func (s *store) Recover(ctx context.Context, live []byte) error {
	h, err := decodeHandle(live)
	if err == nil {
		err = s.restore(ctx, h, live != nil)
	}
	s.recovered = err == nil
	return err
}

func (s *store) restore(ctx context.Context, h handle, recorded bool) error {
	if err := s.makeFolders(h, recorded); err != nil {
		return err
	}
	s.shown = h.Shown || len(h.Publish) > 0
	listed := map[string]bool{}
	for _, p := range h.Publish {
		listed[p.From] = true
	}
	for _, p := range h.Hidden {
		listed[p.Name] = true
		p.Full = p.Full || h.Shape != s.shape() || p.Suffix != s.format.Suffix
		if err := s.takeUp(ctx, p); err != nil {
			return err
		}
	}
	if len(h.Hidden) > 0 {
		s.due.restore(h.Since)
	}
	return s.forget(listed)
}

// makeFolders makes the output folder at the very first start, and the folder
// of hidden files whenever nothing should be in it. What a record says was
// there and is not has taken rows with it.
func (s *store) makeFolders(h handle, recorded bool) error {
	missing, err := s.missing()
	if err != nil {
		return err
	}
	if (missing == s.root && recorded) || (missing != "" && len(h.Hidden) > 0) {
		return s.folderGone(missing)
	}
	for _, folder := range []string{s.root, s.hide} {
		if err := makeFolder(s.disk, folder); err != nil {
			return err
		}
	}
	if err := s.syncAbove(); err != nil {
		return err
	}
	if err := s.disk.Writable(s.root); err != nil {
		return failed("looking whether files can be made in", s.root, err)
	}
	return s.probe()
}

// syncAbove syncs the folders that hold the output folder and the hidden files,
// which an earlier life may have made and not synced.
func (s *store) syncAbove() error {
	above := filepath.Dir(s.root)
	for folder := filepath.Dir(s.hide); folder != above; folder = filepath.Dir(folder) {
		if err := s.disk.Sync(folder); err != nil {
			return failed("syncing", folder, err)
		}
	}
	for folder := above; ; folder = filepath.Dir(folder) {
		err := s.disk.Sync(folder)
		if errors.Is(err, fs.ErrPermission) {
			return nil // not ours: then we made nothing in it
		}
		if err != nil || folder == filepath.Dir(folder) {
			return failed("syncing", folder, err)
		}
	}
}

// probe finds out before any work whether files can be moved from the one
// folder to the other: moving a file that is not there fails with another
// error if a mount point lies between.
func (s *store) probe() error {
	name := s.names.hidden(0, 0)
	err := s.disk.Rename(filepath.Join(s.hide, name), filepath.Join(s.root, name))
	if crossesDevices(err) {
		return fmt.Errorf("opening the folder %s: %s is on another file system; %s", s.root, s.hide, mountHint)
	}
	return nil
}

func crossesDevices(err error) bool {
	return errors.Is(err, syscall.EXDEV)
}

// takeUp makes a recorded file the one that grows, or one more part.
func (s *store) takeUp(ctx context.Context, p hiddenPart) error {
	path := filepath.Join(s.hide, p.Name)
	info, err := s.disk.Stat(path)
	if err != nil {
		return stagedFailed("looking for the recorded rows in", path, err)
	}
	if info.Size() < p.Length {
		return otherLength(path, p.Length, info.Size())
	}
	if p.sum, err = s.checksum(ctx, path, p.Length); err != nil {
		return err
	}
	if sum := sumText(p.sum); p.Sum != "" && p.Sum != sum {
		return otherBytes(path)
	} else {
		p.Sum = sum
	}
	if info.Size() > p.Length {
		if err := s.disk.Truncate(path, p.Length); err != nil {
			return failed("cutting", path, err)
		}
	}
	t := s.targets[p.Folder]
	if t == nil {
		t = &target{folder: p.Folder}
		s.targets[p.Folder] = t
		s.order = append(s.order, t)
	}
	// Dirty even if nothing was cut: an earlier start may have cut it, and ended
	// before that was synced. The next Prepare does, before the file appears.
	t.push(&hidden{hiddenPart: p, dirty: true})
	s.due.grew(t.bytes(s.grows()))
	return nil
}

// forget removes this step's hidden files (rule 11) that no record lists: they hold rows
// of an epoch that never was, and which will be read again.
func (s *store) forget(listed map[string]bool) error {
	entries, err := s.disk.Names(s.hide)
	if err != nil {
		return failed("reading the folder", s.hide, err)
	}
	for _, e := range entries {
		if listed[e.Name()] || !s.names.ownsHidden(e.Name()) {
			continue
		}
		path := filepath.Join(s.hide, e.Name())
		if err := s.disk.Remove(path); err != nil {
			return failed("removing", path, err)
		}
	}
	return nil
}
