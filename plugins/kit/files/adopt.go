package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// adoptedName is the list of adopted files, in the staging folder. Like the lock's it
// holds a dot, and so is not the name of a pipeline's folder.
const adoptedName = "adopted.json"

// adopted are the files that the user took in with --adopt: not this pipeline's,
// and no error.
type adopted struct {
	Version int      `json:"version"`
	Files   []string `json:"files,omitempty"`  // relative to the output folder
	Hidden  []string `json:"hidden,omitempty"` // of other pipelines, relative to the staging folder
}

// known are the same names, to look them up.
type known struct{ files, staged map[string]bool }

// mostAdopted bounds what is read: a list of half a million long names.
const mostAdopted = 64 << 20

// readAdopted is the names that were adopted so far.
func readAdopted(d staging.Disk, stagingDir string) (known, error) {
	names := known{map[string]bool{}, map[string]bool{}}
	path := filepath.Join(stagingDir, adoptedName)
	text, err := readSmall(d, path)
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return known{}, staging.Failed("reading", path, err)
	}
	var list adopted
	if err := json.Unmarshal(text, &list); err != nil {
		return known{}, badAdopted(path, err.Error())
	}
	if list.Version != 1 {
		return known{}, badAdopted(path, fmt.Sprintf("want version 1, got %d", list.Version))
	}
	for _, name := range list.Files {
		if !filepath.IsLocal(name) {
			return known{}, badAdopted(path, fmt.Sprintf("want paths below the output folder, got %q", name))
		}
		names.files[name] = true
	}
	for _, name := range list.Hidden {
		names.staged[name] = true // only ever compared with what is there
	}
	return names, nil
}

func badAdopted(path, what string) error {
	return fmt.Errorf("reading %s, the list of files that were adopted: %s; put it right, "+
		"or delete it and run with --adopt to make it anew", path, what)
}

func readSmall(d staging.Disk, path string) (text []byte, err error) {
	info, err := d.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > mostAdopted {
		return nil, fmt.Errorf("want at most %s, got %d bytes", sdk.Bytes(mostAdopted), info.Size())
	}
	file, err := d.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text = make([]byte, info.Size())
	if len(text) == 0 {
		return nil, nil
	}
	_, err = file.ReadAt(text, 0)
	return text, err
}

// adopt adds names to the list. A crash leaves the old list or the new one.
func (s *store) adopt(stagingDir string, more foreign) error {
	names, err := readAdopted(s.disk, stagingDir) // again: the staging folder is locked only now
	if err != nil {
		return err
	}
	for _, name := range more.files {
		names.files[name] = true
	}
	for _, name := range more.staged {
		names.staged[name] = true
	}
	text, err := json.MarshalIndent(adopted{1, slices.Sorted(maps.Keys(names.files)),
		slices.Sorted(maps.Keys(names.staged))}, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(stagingDir, adoptedName)
	if err := s.replaceFile(path, append(text, '\n')); err != nil {
		return err
	}
	for _, folder := range []string{stagingDir, filepath.Dir(stagingDir)} {
		if err := s.disk.Sync(folder); err != nil {
			return staging.Failed("syncing", folder, err)
		}
	}
	s.log.Info("files that are not this pipeline's were adopted: they stay, and its own go beside them",
		"folder", s.root, "files", len(more.files), "hidden", len(more.staged), "list", path)
	return nil
}

// replaceFile writes a file anew, as a whole or not at all. Its folder is still
// to be synced.
func (s *store) replaceFile(path string, text []byte) error {
	next := path + ".new"
	if err := s.disk.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return staging.Failed("removing", next, err)
	}
	file, err := s.disk.Create(next)
	if err != nil {
		return staging.Failed("creating", next, err)
	}
	if _, err := file.Write(text); err != nil {
		_ = file.Close() // the error at hand says more
		return staging.Failed("writing", next, err)
	}
	if err := file.Close(); err != nil {
		return staging.Failed("closing", next, err)
	}
	if err := s.disk.Sync(next); err != nil {
		return staging.Failed("syncing", next, err)
	}
	return staging.Failed("replacing", path, s.disk.Replace(next, path))
}
