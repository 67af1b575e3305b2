package files

import (
	"context"
	"path/filepath"
	"slices"

	"etlengine/plugins/sdk"
)

// Prepare makes the epoch's rows durable in hidden files. If its barrier rolls,
// all hidden files become whole and the handle names where each is to appear;
// else they stay hidden, and the handle tells how much of each is durable.
// It is never nil: Recover learns from it that the output folder was there.
func (s *sink) Prepare(ctx context.Context, epoch uint64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	h, err := s.prepare(ctx, epoch)
	if err != nil {
		return nil, s.keep(err)
	}
	return h.encode()
}

func (s *sink) prepare(ctx context.Context, epoch uint64) (handle, error) {
	rolled, err := s.settle(ctx, epoch)
	if err != nil {
		return handle{}, err
	}
	if s.newNames {
		if err := s.disk.Sync(s.hide); err != nil {
			return handle{}, failed("syncing", s.hide, err)
		}
		s.newNames = false
	}
	// What an earlier record named and nobody published yet is carried on.
	s.unpublished = append(s.unpublished, rolled...)
	s.roll, s.epoch = false, epoch+1
	h := handle{Publish: slices.Clone(s.unpublished), Since: s.due.oldest(), Shape: s.shape()}
	for _, t := range s.order {
		for _, f := range t.files {
			h.Hidden = append(h.Hidden, f.hiddenPart)
		}
	}
	return h, nil
}

// settle syncs all files. If the barrier rolls it finishes them too and returns
// what is to be published.
func (s *sink) settle(ctx context.Context, epoch uint64) ([]publishing, error) {
	for _, t := range s.order {
		for _, h := range t.files {
			if err := s.sync(h, s.roll); err != nil {
				return nil, err
			}
		}
	}
	if !s.roll {
		return nil, nil
	}
	if err := s.addEmpty(); err != nil {
		return nil, err
	}
	var rolled []publishing
	for _, t := range s.order {
		files, err := s.merge(ctx, t, epoch)
		if err != nil {
			return nil, err
		}
		for _, h := range files {
			name := s.names.final(epoch, len(rolled)+1, h.Suffix)
			rolled = append(rolled, publishing{From: h.Name, To: filepath.Join(t.folder, name)})
		}
	}
	s.targets, s.order = map[string]*target{}, nil
	s.due.reset()
	return rolled, nil
}

// addEmpty makes the one file of an input that had no row (Format.Empty).
func (s *sink) addEmpty() error {
	if !s.format.Empty || !s.ended || s.number > 0 || len(s.layout.by) > 0 || len(s.order) > 0 {
		return nil
	}
	found, err := s.dataFiles("")
	if err != nil || len(found) > 0 {
		return err
	}
	if err := s.add("", sdk.EmptyRows(s.layout.schema)); err != nil {
		return err
	}
	return s.sync(s.order[0].files[0], true)
}

// merge makes one file of each run of small parts. A part alone, and one that
// reached its size, is published as it is.
func (s *sink) merge(ctx context.Context, t *target, epoch uint64) ([]*hidden, error) {
	if s.grows() {
		return t.files, nil
	}
	var whole []*hidden
	for i := 0; i < len(t.files); {
		j := i + 1
		for !t.files[i].Full && j < len(t.files) && !t.files[j].Full {
			j++
		}
		if j == i+1 {
			whole, i = append(whole, t.files[i]), j
			continue
		}
		h, err := s.mergeParts(ctx, t.files[i:j], epoch)
		if err != nil {
			return nil, err
		}
		whole, i = append(whole, h), j
	}
	return whole, nil
}

func (s *sink) mergeParts(ctx context.Context, parts []*hidden, epoch uint64) (*hidden, error) {
	h := &hidden{hiddenPart: hiddenPart{Name: s.nextName(), Folder: parts[0].Folder, Suffix: s.format.Suffix}}
	path := s.hiddenPath(h)
	s.newNames = true
	w, err := s.openWriter(path, s.disk.Create)
	if err != nil {
		return nil, err
	}
	if err := s.copyParts(ctx, w, parts); err != nil {
		_ = w.file.Close() // the error at hand says more
		return nil, failed("merging parts into", path, err)
	}
	if err := w.file.Sync(); err != nil {
		_ = w.file.Close()
		return nil, failed("syncing", path, err)
	}
	if err := w.file.Close(); err != nil {
		return nil, failed("closing", path, err)
	}
	h.Length = w.size
	for _, p := range parts {
		s.merged = append(s.merged, mergedPart{p.Name, epoch})
	}
	return h, s.whole(h)
}

func (s *sink) copyParts(ctx context.Context, w *writer, parts []*hidden) error {
	var sources []Part
	for _, p := range parts {
		path := s.hiddenPath(p)
		file, err := s.disk.Open(path)
		if err != nil {
			return failed("opening", path, err)
		}
		defer file.Close()
		sources = append(sources, Part{ReaderAt: file, Size: p.Length, Name: path})
	}
	if err := s.format.Merge(ctx, w, s.layout.schema, sources); err != nil {
		return err
	}
	return w.buf.Flush()
}
