package files

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// Prepare makes the rows of an epoch durable in staged files: bytes, then names
// (rule 7 of engine/DESIGN.md). If its barrier rolls, all staged files become whole and
// the committable names where each is to appear; else they stay staged, and it records
// how much of each is durable. It is never nil: Recover learns from it that the output folder was there.
func (s *store) Prepare(ctx context.Context, _ uint64, c *epochFiles, writing sync.Locker) (
	staging.Committable, error,
) {
	c.writing = writing
	return s.prepare(ctx, c)
}

// prepare waits for the disk with the lock of Write open. Names are synced
// after the bytes they name.
func (s *store) prepare(ctx context.Context, c *epochFiles) (*committable, error) {
	if err := s.mergeEpoch(ctx, c); err != nil {
		return nil, err
	}
	if err := s.addEmpty(c); err != nil {
		return nil, err
	}
	for _, t := range c.partitions {
		for _, p := range t.pieces {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := s.sync(p); err != nil {
				return nil, err
			}
		}
	}
	if c.newNames {
		if err := s.area.SyncNames(); err != nil {
			return nil, err
		}
	}
	return s.committableOf(c), nil
}

// committableOf is what the record must know of an epoch.
func (s *store) committableOf(c *epochFiles) *committable {
	made := &committable{Envelope: staging.Envelope{Version: committableVersion},
		Since: c.since, Shape: s.shape()}
	rolled := 0
	for _, t := range c.partitions {
		for _, p := range t.pieces {
			if !c.roll {
				made.Parts = append(made.Parts, p.stagedPart)
				continue
			}
			rolled++
			name := s.names.Visible(c.epoch, rolled, p.Suffix)
			s.uncommitted = append(s.uncommitted, move{From: p.Name,
				To: filepath.Join(p.Folder, name), Length: p.Length, Sum: p.Sum, Rows: p.Rows})
		}
	}
	// What an earlier record named and nobody committed yet stays in the record.
	made.Moves = slices.Clone(s.uncommitted)
	s.visible = s.visible || len(made.Moves) > 0
	made.Visible = s.visible
	return made
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
	return s.area.Sync(p.Name)
}

// whole makes sure that what is to be recorded is there under its name: a staging folder
// deleted under a running engine would otherwise lose rows in silence.
func (s *store) whole(p piece) error {
	path := s.area.Path(p.Name)
	info, err := s.disk.Stat(path)
	if err != nil {
		return staging.Failed("looking for the hidden rows in", path, err)
	}
	if info.Size() < p.Length || (info.Size() > p.Length && !p.growing) {
		return s.area.OtherLength(p.Name, p.Length, info.Size())
	}
	return nil
}

// addEmpty makes the one file of an input that had no row (Format.Empty). Under
// partition_by it goes where rows would that have no value in any of its columns.
func (s *store) addEmpty(c *epochFiles) error {
	if !c.empty || s.visible {
		return nil
	}
	found, err := s.dataFiles() // an engine before this rule did not record what it had made visible
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
	c.partitions = append(c.partitions, &endedPartition{pieces: []piece{p}})
	return err
}

// makePiece writes a staged file behind the back of Write.
func (s *store) makePiece(c *epochFiles, folder string, fill func(w *writer) error) (piece, error) {
	p := piece{dirty: true, stagedPart: stagedPart{Name: s.nameFor(c), Folder: folder, Suffix: s.format.Suffix}}
	path := s.area.Path(p.Name)
	file, err := s.disk.Create(path)
	if err != nil {
		return p, staging.Failed("creating", path, err)
	}
	w := newWriter(file)
	err = fill(w)
	if err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		_ = file.Close() // the error at hand says more
		return p, staging.Failed("writing", path, err)
	}
	p.written(w)
	return p, staging.Failed("closing", path, file.Close())
}

func (s *store) nameFor(c *epochFiles) string {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.newNames = true
	s.number++
	return s.names.Staged(c.epoch, s.number)
}
