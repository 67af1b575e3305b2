package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// sink writes hidden files beside the output folder, in its twin, and moves
// them into it when their epoch is recorded. After an error it does nothing
// more: half a write must not be followed by a whole one.
//
// Write and Signal fill the next epoch while Prepare and Publish end the one
// before. What goes from the one side to the other is a cut, made by the barrier.
type sink struct {
	cfg      SinkConfig
	format   Format
	layout   layout
	names    names
	log      *slog.Logger
	disk     disk
	root     string // the output folder
	hide     string // the folder of this step in the twin
	parts    int    // of one level that a folder may have
	budget   int64  // bytes that open files may keep in memory together
	life     context.Context
	allShown bool               // what the newest record names is known to have appeared
	end      context.CancelFunc // of life: Close ends a merge

	due due // has a lock of its own: RollDue does not wait for a write

	// work is held by Recover, Prepare and Publish, however long the disk
	// takes: Close waits for it. It guards what follows, and comes before mu.
	work        sync.Mutex
	unpublished []publishing // prepared by this life, not yet published
	shown       bool         // a file was prepared for readers, by this life or an earlier one
	merged      []mergedPart // parts whose rows are in a file that is not yet recorded

	// mu guards what follows. Write needs it: nobody holds it while waiting for
	// a sync or a merge.
	mu        sync.Mutex
	unlock    func() error
	broken    error // the first error; nothing is done after it
	recovered bool
	epoch     uint64  // the one being filled
	number    int     // of the next hidden file
	ended     bool    // the input has come to its end
	spread    *spread // rows of partition_by that are not in a file yet
	targets   map[string]*target
	order     []*target       // of targets, as they came
	open      []*hidden       // files being written, the least recently used first
	buffers   []*bufio.Writer // of closed files, to be used again
	newNames  bool            // files were made that no cut knows
	cut       *cut            // of the barrier, until Prepare takes it
}

var (
	_ sdk.Sink     = (*sink)(nil)
	_ sdk.Listener = (*sink)(nil)
	_ sdk.TwoStep  = (*sink)(nil)
	_ sdk.Roller   = (*sink)(nil)
)

var errClosed = errors.New("the sink is closed")

// NewSink opens a sink that writes part files of a format into the folder of
// the config. in is the columns that reach it. The folder is made by Recover,
// which also knows whether it ought to be there already.
func NewSink(cfg SinkConfig, in *arrow.Schema, env sdk.Env, f Format) (sdk.Instance, error) {
	s, err := newSink(cfg, in, env, f, osDisk{})
	if err != nil {
		return nil, err // not s: what is no instance is nil
	}
	return s, nil
}

func newSink(cfg SinkConfig, in *arrow.Schema, env sdk.Env, f Format, d disk) (*sink, error) {
	l, problems := cfg.layout(in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	root, err := resolve(env.Dir, cfg.Path)
	if err != nil {
		return nil, err
	}
	s := &sink{cfg: cfg, format: f, layout: l, spread: newSpread(l), log: env.Log, disk: d, root: root,
		names: newNames(env.EngineID, env.Pipeline, env.Step, f.Suffix),
		parts: mostParts, budget: Budget(), epoch: env.Epoch + 1, allShown: env.Published, targets: map[string]*target{}}
	s.format.Empty = f.Empty && !env.Side
	s.life, s.end = context.WithCancel(context.Background())
	s.due.limits(cfg.Roll)
	if longest := len(s.names.final(1, 1, f.Suffix)) + 12; longest > maxName {
		return nil, fmt.Errorf("naming files: want names of pipeline and step that leave room in %d bytes, "+
			"got %q and %q", maxName, env.Pipeline, env.Step)
	}
	twin := twinOf(root)
	s.hide = filepath.Join(twin, durable.EscapeName(env.Pipeline), durable.EscapeName(env.Step))
	if err := s.enter(twin, env); err != nil {
		return nil, err
	}
	return s, nil
}

// enter looks at what the output folder holds, and locks it by its twin.
func (s *sink) enter(twin string, env sdk.Env) error {
	foreign, err := s.foreign(twin, env.Epoch)
	if err != nil {
		return err
	}
	if !foreign.empty() && !env.Adopt {
		return s.foreignError(twin, foreign)
	}
	if err := makeFolder(s.disk, twin); err != nil {
		return err
	}
	if s.unlock, err = lockTwin(s.disk, twin, s.cfg, env); err != nil || foreign.empty() {
		return err
	}
	if err := s.adopt(twin, foreign); err != nil {
		return errors.Join(err, s.unlock())
	}
	return nil
}

// ready says why nothing can be done now, or nil.
func (s *sink) ready() error {
	if s.broken != nil {
		return fmt.Errorf("nothing is written after an error: %w", s.broken)
	}
	if !s.recovered {
		return errors.New("files: Recover comes before anything is written")
	}
	return nil
}

// keep remembers the first error. mu is held.
func (s *sink) keep(err error) error {
	if err != nil && s.broken == nil {
		s.broken = err
	}
	return err
}

// fail is keep for those who do not hold mu.
func (s *sink) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keep(err)
}

// usable says why nothing can be done now, or nil, also before Recover.
func (s *sink) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.ready()
	}
	return nil
}

func (s *sink) isRecovered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recovered
}

// alive is a context that ends with the call's and with the sink.
func (s *sink) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// Write puts the rows into the hidden files of their folders.
func (s *sink) Write(ctx context.Context, b *sdk.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if b.NumRows() == 0 {
		return nil
	}
	refused, err := s.write(b.Rows)
	if err != nil {
		return s.keep(err)
	}
	return refused.OrNil()
}

func (s *sink) write(rows arrow.RecordBatch) (*sdk.RefusedError, error) {
	kept, err := s.layout.project(rows)
	if err != nil {
		return nil, err
	}
	if len(s.layout.by) == 0 {
		return nil, s.add([]portion{{rows: kept}})
	}
	refused, err := s.spread.hold(rows, kept)
	if err != nil {
		return nil, err
	}
	s.due.grew(0) // by how much shows when they are written
	if s.spread.full() {
		return refused, s.writeHeld()
	}
	return refused, nil
}

// writeHeld writes the rows that were held for their folders.
func (s *sink) writeHeld() error {
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

// Signal ends the epoch at a barrier, and notes the end of the input.
func (s *sink) Signal(ctx context.Context, signal sdk.Signal, _ sdk.Emitter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch signal.Kind {
	case sdk.Barrier:
		if err := s.ready(); err != nil {
			return err
		}
		return s.keep(s.barrier(signal))
	case sdk.End:
		s.ended = true
	}
	return nil
}

// Close leaves what is hidden for the next Recover. The lock on the twin is
// given back last: until then nobody else may touch what Publish still moves.
func (s *sink) Close(ctx context.Context) error {
	_ = s.fail(errClosed)
	s.end()
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, h := range s.open {
		errs = append(errs, failed("closing", s.hiddenPath(h.Name), h.w.file.Close()))
	}
	s.open = nil
	if s.unlock != nil {
		errs = append(errs, s.unlock())
		s.unlock = nil
	}
	return errors.Join(errs...)
}
