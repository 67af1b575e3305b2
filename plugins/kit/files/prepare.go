package files

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"etlengine/plugins/sdk"
)

// Prepare makes the rows of an epoch durable in hidden files: bytes, then names
// (rule 7 of engine/DESIGN.md). If its barrier
// rolls, all hidden files become whole and the handle names where each is to
// appear; else they stay hidden, and the handle tells how much of each is durable.
// It is never nil: Recover learns from it that the output folder was there.
func (s *store) Prepare(ctx context.Context, _ uint64, c *cut, writing sync.Locker) ([]byte, error) {
	c.writing = writing
	h, err := s.prepare(ctx, c)
	if err != nil {
		return nil, err
	}
	return h.encode()
}

// prepare waits for the disk with the lock of Write open. Names are synced
// after the bytes they name.
func (s *store) prepare(ctx context.Context, c *cut) (handle, error) {
	if err := s.mergeCut(ctx, c); err != nil {
		return handle{}, err
	}
	if err := s.addEmpty(c); err != nil {
		return handle{}, err
	}
	for _, t := range c.targets {
		for _, p := range t.pieces {
			if err := ctx.Err(); err != nil {
				return handle{}, err
			}
			if err := s.sync(p); err != nil {
				return handle{}, err
			}
		}
	}
	if c.newNames {
		if err := s.disk.Sync(s.hide); err != nil {
			return handle{}, failed("syncing", s.hide, err)
		}
	}
	return s.handleOf(c), nil
}

// handleOf is what the record must know of an epoch.
func (s *store) handleOf(c *cut) handle {
	h := handle{Since: c.since, Shape: s.shape()}
	rolled := 0
	for _, t := range c.targets {
		for _, p := range t.pieces {
			if !c.roll {
				h.Hidden = append(h.Hidden, p.hiddenPart)
				continue
			}
			rolled++
			name := s.names.final(c.epoch, rolled, p.Suffix)
			s.unpublished = append(s.unpublished, publishing{From: p.Name,
				To: filepath.Join(p.Folder, name), Length: p.Length, Sum: p.Sum})
		}
	}
	// What an earlier record named and nobody published yet is carried on.
	h.Publish = slices.Clone(s.unpublished)
	s.shown = s.shown || len(h.Publish) > 0
	h.Shown = s.shown
	return h
}

// sync makes a file durable up to Length. It goes by its name, not by the file
// that Write may have open or close meanwhile: a sync is of the file, whoever
// asks.
func (s *store) sync(p piece) error {
	if !p.dirty {
		return nil
	}
	if err := s.whole(p); err != nil {
		return err
	}
	path := s.hiddenPath(p.Name)
	return failed("syncing", path, s.disk.Sync(path))
}

// whole makes sure that what is to be recorded is there under its name: a twin
// deleted under a running engine would otherwise lose rows in silence.
func (s *store) whole(p piece) error {
	path := s.hiddenPath(p.Name)
	info, err := s.disk.Stat(path)
	if err != nil {
		return failed("looking for the hidden rows in", path, err)
	}
	if info.Size() < p.Length || (info.Size() > p.Length && !p.growing) {
		return otherLength(path, p.Length, info.Size())
	}
	return nil
}

// addEmpty makes the one file of an input that had no row (Format.Empty). Under
// partition_by it goes where rows would that have no value in any of its columns.
func (s *store) addEmpty(c *cut) error {
	if !c.empty || s.shown {
		return nil
	}
	found, err := s.dataFiles() // an engine before this rule did not record what it had shown
	if err != nil || len(found) > 0 {
		return err
	}
	folder, err := s.layout.folderOfNulls()
	if err != nil {
		return err
	}
	p, err := s.makePiece(c, folder, func(w *writer) error {
		e, err := s.format.Start(w, s.layout.schema, false)
		if err != nil {
			return err
		}
		if err := e.Write(sdk.EmptyRows(s.layout.schema)); err != nil {
			return err
		}
		return e.Close()
	})
	c.targets = append(c.targets, &cutTarget{pieces: []piece{p}})
	return err
}

// makePiece writes a hidden file behind the back of Write.
func (s *store) makePiece(c *cut, folder string, fill func(w *writer) error) (piece, error) {
	p := piece{dirty: true, hiddenPart: hiddenPart{Name: s.nameFor(c), Folder: folder, Suffix: s.format.Suffix}}
	path := s.hiddenPath(p.Name)
	file, err := s.disk.Create(path)
	if err != nil {
		return p, failed("creating", path, err)
	}
	w := newWriter(file)
	err = fill(w)
	if err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		_ = file.Close() // the error at hand says more
		return p, failed("writing", path, err)
	}
	p.written(w)
	return p, failed("closing", path, file.Close())
}

func (s *store) nameFor(c *cut) string {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.newNames = true
	s.number++
	return s.names.hidden(c.epoch, s.number)
}
