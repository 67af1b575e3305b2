package files

import (
	"context"
	"slices"

	"etlengine/plugins/kit/parallel"
)

// mostParts is how many parts of one level a folder may have. More are merged
// into one part of the next level, so that a thousand small epochs leave a few
// dozen files. A byte is copied once a level, and once more by the roll.
const mostParts = 64

// mergedPart is a part whose rows are in another file as of an epoch.
type mergedPart struct {
	name  string
	epoch uint64
}

// mergeEpoch merges the parts of an epoch: all that go into one file if the barrier
// rolls, else those that have become too many. Folders have nothing in common: so
// many are merged at the same time.
func (s *store) mergeEpoch(ctx context.Context, c *epochFiles) error {
	if s.grows() {
		return nil
	}
	err := parallel.Do(len(c.partitions), func(i int) error {
		t := c.partitions[i]
		changed, err := s.compact(ctx, c, t)
		if err == nil && c.roll {
			t.pieces, err = s.join(ctx, c, t, t.pieces)
		}
		if err == nil && changed && !c.roll {
			s.replace(c, t)
		}
		return err
	})
	for _, t := range c.partitions {
		s.merged = append(s.merged, t.merged...)
	}
	return err
}

// compact merges until no level has too many parts.
func (s *store) compact(ctx context.Context, c *epochFiles, t *endedPartition) (changed bool, err error) {
	for {
		at := longRun(t.pieces, s.parts)
		if at < 0 {
			return changed, nil
		}
		level := t.pieces[at].Level + 1
		joined, err := s.join(ctx, c, t, t.pieces[at:at+s.parts])
		if err != nil {
			return changed, err
		}
		for i := range joined {
			joined[i].Level = level
		}
		t.pieces, changed = slices.Replace(t.pieces, at, at+s.parts, joined...), true
	}
}

// longRun is where so many neighbours of one level begin, or -1.
func longRun(pieces []piece, most int) int {
	run := 0
	for i, p := range pieces {
		switch {
		case p.Full:
			run = 0
		case i > 0 && !pieces[i-1].Full && pieces[i-1].Level == p.Level:
			run++
		default:
			run = 1
		}
		if run == most {
			return i + 1 - most
		}
	}
	return -1
}

// join makes files of about the size of a roll out of pieces. One that stands
// alone, or is full, stays as it is.
func (s *store) join(ctx context.Context, c *epochFiles, t *endedPartition, pieces []piece) ([]piece, error) {
	var joined []piece
	for len(pieces) > 0 {
		n := s.fitting(pieces)
		p := pieces[0]
		if n > 1 {
			var err error
			if p, err = s.mergeParts(ctx, c, t, pieces[:n]); err != nil {
				return nil, err
			}
		}
		joined, pieces = append(joined, p), pieces[n:]
	}
	return joined, nil
}

// fitting is how many of the first pieces become one file. It may be half as
// large again as a roll's size: a small rest would be a small file.
func (s *store) fitting(pieces []piece) int {
	size := int64(s.cfg.Roll.Size)
	n, sum := 1, pieces[0].Length
	for !pieces[0].Full && n < len(pieces) && !pieces[n].Full && sum+pieces[n].Length <= size+size/2 {
		sum += pieces[n].Length
		n++
	}
	return n
}

func (s *store) mergeParts(ctx context.Context, c *epochFiles, t *endedPartition, pieces []piece) (
	piece, error,
) {
	readers := &partReaders{disk: s.disk}
	defer readers.close()
	var parts []Part
	rows := int64(0)
	for _, p := range pieces {
		if err := s.area.Intact(ctx, p.Name, p.Length, p.Sum); err != nil {
			return piece{}, err
		}
		path := s.area.Path(p.Name)
		parts = append(parts, Part{ReaderAt: readers.add(path), Size: p.Length, Name: path})
		t.merged = append(t.merged, mergedPart{p.Name, c.epoch})
		rows += p.Rows
	}
	merged, err := s.makePiece(c, t.partition.folder, func(w *writer) error {
		return s.format.Merge(ctx, w, s.layout.schema, parts)
	})
	merged.Rows, merged.Full = rows, merged.Length >= int64(s.cfg.Roll.Size)
	return merged, err
}

// replace puts merged parts into the place of those they were made of. What
// the next epoch has written since the barrier stands behind them.
func (s *store) replace(c *epochFiles, ct *endedPartition) {
	c.writing.Lock()
	defer c.writing.Unlock()
	t := ct.partition
	var files []*stagedFile
	for _, p := range ct.pieces {
		files = append(files, &stagedFile{stagedPart: p.stagedPart})
	}
	t.files = append(files, t.files[ct.sealed:]...)
	t.before = 0
	for _, h := range t.files[:len(t.files)-1] {
		t.before += h.Length
	}
	largest := int64(0)
	for _, t := range s.order {
		largest = max(largest, t.bytes(s.grows()))
	}
	s.due.shrank(largest)
}
