package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"etlengine/plugins/sdk"
)

// source reads files one after the other in the order of their names. Each is
// a partition, all of them announced before the first row: event time then
// moves on with the slowest, and no row is late because its file came later.
// A file that was read to its end leaves the set.
type source struct {
	cfg    SourceConfig
	input  Input
	log    *slog.Logger
	survey *sdk.Survey
	list   listing
	lag    lag

	closed        chan struct{}
	close         sync.Once
	drained       chan struct{} // if it follows: no file that appears from now on is read
	drain         sync.Once
	follows       bool
	withPositions bool          // batches have positions
	interval      time.Duration // between two searches for new files

	mu        sync.Mutex // guards what follows, while Next does not wait
	positions map[string]cursor
	queue     []found  // to be read; the first one is at hand if reading is set
	names     []string // of queue
	reading   *reading
	limit     int64 // records until the run ends
	announce  bool  // the set of partitions has changed
	begun     bool  // the first set has been given
	complete  bool  // no more files are looked for
}

// reading is the file at hand.
type reading struct {
	found
	columns completion
	reader  Reader
	at      cursor
}

var _ sdk.Source = (*source)(nil)

var errSourceClosed = errors.New("the source is closed")

// NewSource opens a source that reads the files of the config one after the
// other, in the order of their names. Files that an earlier run finished are
// not read again. If a pipeline of this run fills the folder, files that appear
// are read too, until the source is drained.
func NewSource(cfg SourceConfig, env sdk.Env, in Input) (sdk.Instance, error) {
	s := &source{cfg: cfg, input: in, log: env.Log, survey: env.Survey, follows: env.Filled,
		withPositions: env.Positions, announce: true, complete: !env.Filled, limit: unlimited,
		list:   listing{dir: env.Dir, path: filepath.Clean(string(cfg.Path)), suffixes: in.Suffixes},
		closed: make(chan struct{}), drained: make(chan struct{}), interval: time.Second,
		positions: map[string]cursor{}}
	s.lag.limit.Store(unlimited)
	for name, data := range env.Resume {
		at, err := decodeCursor(name, data)
		if err != nil {
			return nil, err
		}
		s.positions[name] = at
	}
	if _, err := s.findNew(); err != nil {
		return nil, err
	}
	if err := s.checkGone(); err != nil {
		return nil, err
	}
	if len(s.list.others) > 0 {
		s.log.Warn("the path holds files or folders that are not read", "path", s.list.path,
			"passed over", s.list.passedOver(), "read", in.Suffixes)
	}
	if env.Bounds.Records != nil {
		s.limitTo(*env.Bounds.Records)
	}
	return s, nil
}

// findNew queues the files that are new, and reports whether there are any.
func (s *source) findNew() (bool, error) {
	files, err := s.list.find()
	if none, ok := errors.AsType[errNoFiles](err); ok {
		if s.follows {
			return false, nil
		}
		return false, none
	}
	if err != nil {
		return false, err
	}
	first := s.names == nil
	finished, before := 0, len(s.queue)
	for _, f := range files {
		at, known := s.positions[f.name]
		if known && !first {
			continue
		}
		if err := at.check(f); err != nil {
			return false, err
		}
		if at.Done {
			finished++
			continue
		}
		if err := readable(f); err != nil {
			return false, err
		}
		s.positions[f.name] = cursor{Records: at.Records, Size: f.size, Modified: f.modified.UnixNano()}
		s.queue = append(s.queue, f)
		s.lag.add(f.size)
	}
	s.names = make([]string, 0, len(s.queue))
	for _, f := range s.queue {
		s.names = append(s.names, f.name)
	}
	if first && finished > 0 && len(s.queue) == 0 && !s.follows {
		s.survey.AddLine("nothing new to read: " + wereRead(finished))
	}
	if finished > 0 {
		s.log.Info("files that were read before are skipped", "path", s.list.path, "skipped", finished,
			"new", len(s.queue))
	}
	return len(s.queue) > before, nil
}

func wereRead(files int) string {
	if files == 1 {
		return "1 file was read in earlier runs; --fresh reads it anew"
	}
	return fmt.Sprintf("%d files were read in earlier runs; --fresh reads them anew", files)
}

// checkGone refuses to go on without a file that was read in part.
func (s *source) checkGone() error {
	for name, at := range s.positions {
		if at.Done || at.Records == 0 || slices.Contains(s.names, name) || !s.list.covers(name) {
			continue
		}
		return fmt.Errorf("%s is gone after %d of its records were read: put it back "+
			"with the time it had (cp -p), or run with --fresh to begin anew", name, at.Records)
	}
	return nil
}

// pinned is the files as they are at the start.
func (s *source) pinned() map[string][]byte {
	positions := make(map[string][]byte, len(s.positions))
	for name, at := range s.positions {
		positions[name] = at.encode()
	}
	return positions
}

// Next gives the next batch, or the set of files when it has changed.
func (s *source) Next(ctx context.Context) (sdk.Item, error) {
	for {
		item, err := s.next(ctx)
		if !errors.Is(err, errNothingNow) {
			return item, err
		}
		if err := s.wait(ctx); err != nil {
			return sdk.Item{}, err
		}
	}
}

// errNothingNow says that files may still come.
var errNothingNow = errors.New("nothing to read now")

func (s *source) next(ctx context.Context) (sdk.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(s.closed) {
		return sdk.Item{}, errSourceClosed
	}
	if !s.announce && s.limit == 0 {
		return sdk.Item{}, io.EOF
	}
	if len(s.queue) == 0 && !s.announce {
		if err := s.more(); err != nil {
			return sdk.Item{}, err
		}
	}
	if s.announce {
		s.announce = false
		signal := &sdk.Signal{Kind: sdk.Partitions, Partitions: s.set()}
		if !s.begun {
			s.begun, signal.Cursors = true, s.pinned()
		}
		return sdk.Item{Signal: signal}, nil
	}
	batch, err := s.read(ctx)
	return sdk.Item{Batch: batch}, err
}

// more looks for new files when all known ones have been read.
func (s *source) more() error {
	if s.complete {
		return io.EOF
	}
	s.complete = isClosed(s.drained) // before looking: what appears later is not wanted
	found, err := s.findNew()
	if err != nil {
		return err
	}
	if !found && s.complete {
		return io.EOF
	}
	if !found {
		return errNothingNow
	}
	s.announce = true
	return nil
}

// set is the partitions that may still give rows. While files may still come,
// one more stands for them: it holds event time back, since what comes may be
// older than what was read.
func (s *source) set() []string {
	if s.complete {
		return slices.Clip(s.names)
	}
	return append(slices.Clip(s.names), s.list.path+" (files to come)")
}

func (s *source) read(ctx context.Context) (*sdk.Batch, error) {
	if s.reading == nil {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
	}
	r := s.reading
	rows, rejected, err := r.reader.Next(ctx)
	if errors.Is(err, io.EOF) {
		return s.finish(r)
	}
	if err != nil {
		return nil, readingError(r.name, err)
	}
	var positions []int64
	if rows != nil && s.needsPositions(r.columns) {
		positions = r.reader.Positions()
		if int64(len(positions)) != rows.NumRows() {
			return nil, fmt.Errorf("reading %s: want the positions of %d rows, got %d", r.name, rows.NumRows(),
				len(positions))
		}
	}
	rows, positions, rejected = s.trim(rows, positions, rejected)
	for i := range rejected {
		rejected[i].Partition = r.name
	}
	joined, err := r.columns.join(rows, positions)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.name, err)
	}
	r.at.Records += joined.NumRows() + int64(len(rejected))
	s.positions[r.name] = r.at
	s.lag.at(r)
	return &sdk.Batch{Rows: joined, Partition: r.name, Cursor: r.at.encode(), Rejected: rejected,
		Positions: positions}, nil
}

// readingError names the file of an error, once: most readers do so themselves, with
// the line if there is one.
func readingError(name string, err error) error {
	if strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("reading %s: %w", name, err)
}

// start opens the first file of the queue.
func (s *source) start(ctx context.Context) error {
	f := s.queue[0]
	now, err := s.restat(f)
	if err != nil {
		return err
	}
	at := s.positions[f.name]
	if err := at.check(now); err != nil {
		return err
	}
	at.Size, at.Modified = now.size, now.modified.UnixNano()
	c, err := newCompletion(s.cfg, f)
	if err != nil {
		return err
	}
	reader, err := s.input.Open(ctx, File{Path: f.path, Skip: at.Records, Schema: c.inFile,
		Positions: s.needsPositions(c), Survey: s.survey})
	if err != nil {
		return err // it names the file, and the line if there is one
	}
	s.reading = &reading{found: now, columns: c, reader: reader, at: at}
	return nil
}

// finish remembers that a file was read to its end, by a batch without rows.
func (s *source) finish(r *reading) (*sdk.Batch, error) {
	s.reading = nil
	if err := r.reader.Close(); err != nil {
		return nil, fmt.Errorf("closing %s: %w", r.name, err)
	}
	now, err := s.restat(r.found)
	if err != nil {
		return nil, err
	}
	r.at.Done = true
	if err := r.at.check(now); err != nil {
		return nil, fmt.Errorf("while it was being read, %w", err)
	}
	s.positions[r.name] = r.at
	s.lag.finished(r)
	s.queue, s.names = s.queue[1:], s.names[1:]
	s.announce = len(s.queue) > 0 || !s.complete
	rows, err := r.columns.join(nil, nil)
	return &sdk.Batch{Rows: rows, Partition: r.name, Cursor: r.at.encode()}, err
}
