package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// store writes staged files beside the output folder, in its staging folder, and moves
// them into it when their epoch is recorded.
//
// Write and EndEpoch fill the next epoch while Prepare and Commit finish the one before.
// What goes from the one side to the other is epochFiles, made by the barrier.
type store struct {
	cfg        SinkConfig
	format     Format
	layout     layout
	names      staging.Names
	area       staging.Area // of this step, in the staging folder
	target     target       // the output folder
	log        *slog.Logger
	disk       staging.Disk
	root       string // the output folder
	parts      int    // of one level that a folder may have
	budget     int64  // bytes that open files may keep in memory together
	allVisible bool   // what the newest record names is known to have appeared
	unlock     func() error

	due due // has a lock of its own: RollDue does not wait for a write

	// Of Recover, Prepare and Commit.
	recovered   bool
	uncommitted []move       // prepared by this life, not yet committed
	visible     bool         // a file was prepared for readers, by this life or an earlier one
	merged      []mergedPart // parts whose rows are in a file that is not yet recorded

	// Of Write, EndEpoch and whoever has epochFiles.writing.
	epoch      uint64  // the one being filled
	number     int     // of the next staged file
	spread     *spread // rows of partition_by that are not in a file yet
	partitions map[string]*partition
	order      []*partition    // of partitions, as they came
	open       []*stagedFile   // files being written, the least recently used first
	buffers    []*bufio.Writer // of closed files, to be used again
	newNames   bool            // files were made that no epochFiles knows
}

// NewSink opens a sink that writes part files of a format into the folder of
// the config. in is the columns that reach it. The folder is made by Recover,
// which also knows whether it ought to be there already.
func NewSink(cfg SinkConfig, in *arrow.Schema, env sdk.Env, f Format) (sdk.Instance, error) {
	s, err := openStore(cfg, in, env, f, staging.OSDisk{})
	if err != nil {
		return nil, err // not s: what is no instance is nil
	}
	return staging.NewSink[*epochFiles](s), nil
}

func openStore(cfg SinkConfig, in *arrow.Schema, env sdk.Env, f Format, d staging.Disk) (*store, error) {
	l, problems := cfg.layout(in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	root, err := resolve(env.Dir, cfg.Path)
	if err != nil {
		return nil, err
	}
	s := &store{cfg: cfg, format: f, layout: l, spread: newSpread(l), log: env.Log, disk: d, root: root,
		names: staging.NewNames(env), target: folder{d, root},
		parts: mostParts, budget: Budget(), epoch: env.Epoch + 1, allVisible: env.Published,
		partitions: map[string]*partition{}}
	s.format.Empty = f.Empty && !env.Side
	s.due.limits(cfg.Roll)
	if longest := len(s.names.Visible(1, 1, f.Suffix)) + 12; longest > maxName {
		return nil, fmt.Errorf("naming files: want names of pipeline and step that leave room in %d bytes, "+
			"got %q and %q", maxName, env.Pipeline, env.Step)
	}
	stagingDir := stagingOf(root)
	s.area = staging.Area{Disk: d, Owns: s.names.OwnsStaged,
		Folder: filepath.Join(stagingDir, durable.EscapeName(env.Pipeline), durable.EscapeName(env.Step))}
	if err := s.enter(stagingDir, env); err != nil {
		return nil, err
	}
	return s, nil
}

// enter looks at what the output folder holds, and locks it by its staging folder.
func (s *store) enter(stagingDir string, env sdk.Env) error {
	foreign, err := s.foreign(stagingDir, env.Epoch)
	if err != nil {
		return err
	}
	if !foreign.empty() && !env.Adopt {
		return s.foreignError(stagingDir, foreign)
	}
	if err := staging.MakeFolder(s.disk, stagingDir); err != nil {
		return err
	}
	if s.unlock, err = lockStaging(s.disk, stagingDir, s.cfg, env); err != nil || foreign.empty() {
		return err
	}
	if err := s.adopt(stagingDir, foreign); err != nil {
		return errors.Join(err, s.unlock())
	}
	return nil
}

// Write puts the rows into the staged files of their folders.
func (s *store) Write(_ context.Context, b *sdk.Batch) error {
	refused, err := s.write(b.Rows)
	if err != nil {
		return err
	}
	return refused.OrNil()
}

func (s *store) write(rows arrow.RecordBatch) (*sdk.RefusedError, error) {
	kept, err := s.layout.project(rows)
	if err != nil {
		return nil, err
	}
	if len(s.layout.by) == 0 {
		return nil, s.add([]portion{{rows: kept}})
	}
	refused, err := s.spread.buffer(rows, kept)
	if err != nil {
		return nil, err
	}
	s.due.grew(0) // by how much shows when they are written
	if s.spread.full() {
		return refused, s.writeBuffered()
	}
	return refused, nil
}

// writeBuffered writes the rows that were buffered for their folders.
func (s *store) writeBuffered() error {
	portions, err := s.spread.release()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(portions, s.cfg.MaxOpenFiles) {
		if err := s.add(some); err != nil {
			return err
		}
	}
	return nil
}

// Bytes is 0: files grow over many epochs, and their size is RollDue's.
func (s *store) Bytes() int64 { return 0 }

// Close leaves what is staged for the next Recover.
func (s *store) Close() error {
	var errs []error
	for _, h := range s.open {
		errs = append(errs, staging.Failed("closing", s.area.Path(h.Name), h.w.file.Close()))
	}
	s.open = nil
	if s.unlock != nil {
		errs = append(errs, s.unlock())
		s.unlock = nil
	}
	return errors.Join(errs...)
}
