package files

import (
	"sync"
	"time"

	"etlengine/plugins/kit/parallel"
	"etlengine/plugins/kit/staging"
)

// epochFiles is an epoch that its barrier has ended, on its way from EndEpoch to
// Prepare. It shares nothing with Write but the partitions' names: files are
// copied as they were, and a roll takes them away.
type epochFiles struct {
	epoch      uint64
	roll       bool
	writing    sync.Locker // keeps Write out; set by Prepare
	empty      bool        // an input without a single row has ended
	newNames   bool        // files were made that no sync of their folder has seen
	since      time.Time   // since when the oldest row is staged that stays staged
	partitions []*endedPartition
}

// endedPartition is what is staged for one folder of the output.
type endedPartition struct {
	partition *partition
	sealed    int // how many of the partition's files became pieces
	pieces    []piece
	merged    []mergedPart
}

// piece is a staged file as it was at the barrier.
type piece struct {
	stagedPart
	dirty   bool // not yet synced up to Length
	growing bool // the next epoch may append to it
}

// EndEpoch hands what was written to the system, and does not wait for the disk. Rows
// of later writes are behind the lengths that were reached, or in other files.
func (s *store) EndEpoch(b staging.Barrier) (*epochFiles, error) {
	if err := s.writeBuffered(); err != nil {
		return nil, err
	}
	if err := s.flush(b.Roll); err != nil {
		return nil, err
	}
	s.due.barrier(b.Time)
	c := &epochFiles{epoch: b.Epoch, roll: b.Roll, newNames: s.newNames}
	for _, t := range s.order {
		ct := &endedPartition{partition: t, sealed: len(t.files), pieces: make([]piece, 0, len(t.files))}
		for _, h := range t.files {
			ct.pieces = append(ct.pieces, piece{h.stagedPart, h.dirty, s.grows() && !c.roll && !h.Full})
			h.dirty = false
		}
		c.partitions = append(c.partitions, ct)
	}
	if c.roll {
		c.empty = s.format.Empty && b.Ended && s.number == 0 && len(s.order) == 0
		s.partitions, s.order = map[string]*partition{}, nil
		s.due.reset()
	}
	c.since = s.due.oldest()
	s.newNames, s.epoch = false, b.Epoch+1
	return c, nil
}

// flush brings the Length of all open files up to what was written. A file that
// goes on growing stays open.
func (s *store) flush(last bool) error {
	if last || !s.grows() {
		return s.closeFiles(s.open)
	}
	return parallel.Do(len(s.open), func(i int) error {
		h := s.open[i]
		if !h.dirty {
			return nil
		}
		path := s.area.Path(h.Name)
		if err := h.w.enc.Flush(); err != nil {
			return staging.Failed("writing", path, err)
		}
		if err := h.w.buf.Flush(); err != nil {
			return staging.Failed("writing", path, err)
		}
		h.written(h.w)
		return nil
	})
}
