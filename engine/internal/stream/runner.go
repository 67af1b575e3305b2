// Package stream runs a plan: a Benthos stream for each pipeline (benthos.Flow),
// whose messages have Arrow batches and the signals between them.
package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// ErrInterrupted says that the run was stopped before its input ended. All that had
// been read is written; the next run goes on from there.
var ErrInterrupted = errors.New("interrupted")

// Options say where a plan runs, and how far.
type Options struct {
	Dir string // relative paths are relative to this folder; "" is the current one
	Log *slog.Logger

	Fresh bool // forget first what earlier runs of these pipelines have left
	// Confirm is shown what Fresh removes, for people; false ends with
	// ErrDeclined. nil: no question.
	Confirm func(leftovers []string) bool
	// Mask removes secrets from a text, for the reasons of dead letters. nil: none are known.
	Mask func(text string) string
	// Abort ends the process for a reason: memory would run out before the run has
	// stopped. What no record covers is made again by the next run. nil: go on.
	Abort func(reason error)
	Adopt bool // sinks accept files of others in their folders, once and for good
	Bounds
}

// Runner is a plan whose every step is open.
type Runner struct {
	plan      *plan.Plan
	options   Options
	dir       string
	log       *slog.Logger
	store     *checkpoint.Store
	runs      map[string]checkpoint.Run
	services  []sdk.Service
	serving   context.Context // ends with the first service that fails, its cause being why
	unserve   context.CancelCauseFunc
	addresses map[string]string
	since     time.Time

	mu        sync.Mutex      // guards what follows: a pipeline may be rebuilt
	pipelines []*pipeline     // due ones, in the plan's order
	ended     map[string]bool // by name, in this run
	stopping  bool
}

// Open takes the state directory, starts the services, makes what must exist
// and opens every step. What fails here fails at once and names the step.
func Open(ctx context.Context, p *plan.Plan, o Options) (*Runner, error) {
	r := &Runner{plan: p, options: o, dir: o.Dir, log: o.Log, addresses: map[string]string{},
		ended: map[string]bool{}, since: time.Now()}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := r.options.check(p); err != nil {
		return nil, err
	}
	if err := r.openStore(); err != nil {
		return nil, err
	}
	if err := r.openAll(ctx); err != nil {
		return nil, errors.Join(cmp.Or(r.unserved(), err), r.Close())
	}
	return r, nil
}

// ErrInUse says that another engine has the state directory.
var ErrInUse = checkpoint.ErrInUse

// StateDir is where a plan's state lies, relative paths being relative to dir.
func StateDir(p *plan.Plan, dir string) string {
	if filepath.IsAbs(p.StateDir) {
		return p.StateDir
	}
	return filepath.Join(dir, p.StateDir)
}

// MakeStateDir makes a state directory that only its user can enter.
func MakeStateDir(dir string) error { return checkpoint.MakeDir(dir) }

func (r *Runner) openAll(ctx context.Context) error {
	if err := r.startServices(ctx); err != nil {
		return err
	}
	ctx = r.served(ctx)
	if err := r.forget(ctx); err != nil {
		return err
	}
	var err error
	if r.runs, err = r.store.BeginRun(r.plan.Names()); err != nil {
		return err
	}
	for name, run := range r.runs {
		r.ended[name] = run.Ended
	}
	openers, err := r.openers(ctx)
	if err != nil {
		return err
	}
	for _, o := range openers {
		if err := o.setup(ctx); err != nil {
			return err
		}
	}
	for _, o := range openers {
		if err := o.open(ctx); err != nil {
			return err
		}
		r.pipelines = append(r.pipelines, o.pipeline)
	}
	return nil
}

// openers compares all due pipelines with what is recorded of them, before any of them is
// changed: if one of them is refused, the others stay as they are.
func (r *Runner) openers(ctx context.Context) ([]*opener, error) {
	var openers []*opener
	for _, p := range r.due() {
		o, err := r.opener(ctx, p)
		if err != nil {
			return nil, err
		}
		openers = append(openers, o)
	}
	return openers, nil
}

// due lists the pipelines that have not ended in this run.
func (r *Runner) due() []*plan.Pipeline {
	return slices.DeleteFunc(slices.Clone(r.plan.Pipelines),
		func(p *plan.Pipeline) bool { return r.runs[p.Name].Ended })
}

func (o *opener) setup(ctx context.Context) error {
	for _, step := range o.plan.Steps() {
		if step.Plugin.Setup == nil {
			continue
		}
		env := o.env(step)
		err := guarded(o.plan.Name, step, func() error { return step.Plugin.Setup(ctx, step.Config, env) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Services returns the address of each service that was started, by its name.
func (r *Runner) Services() map[string]string {
	return maps.Clone(r.addresses)
}

// Run runs all pipelines, side by side, until each has ended. When ctx ends, or the
// time of the options is over, it stops their inputs, lets through what was read, and
// returns ErrInterrupted. When one fails the others finish their epoch and stop.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := r.options.within(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, r.interrupt)()
	r.drainEnded(ctx)
	var running, watching sync.WaitGroup
	watch, ended := context.WithCancel(context.WithoutCancel(ctx)) // a run that is asked to stop may still grow
	watching.Go(func() { r.watchMemory(watch) })
	defer watching.Wait()
	defer ended()
	failures := make([]error, len(r.pipelines))
	for i := range failures {
		running.Go(func() { failures[i] = r.run(ctx, i) })
	}
	running.Wait()
	if err := errors.Join(failures...); err != nil {
		return cmp.Or(r.unserved(), err)
	}
	for _, p := range r.all() {
		if !p.done.Load() {
			return ErrInterrupted
		}
	}
	if s := r.Summary(); s.Imbalance() != "" {
		return fmt.Errorf("the books do not balance at %s: this is a fault of the engine", s.Imbalance())
	}
	return nil
}

// all is the pipelines as they are now.
func (r *Runner) all() []*pipeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pipelines)
}

func (r *Runner) interrupt() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	for _, p := range r.all() {
		p.interrupt()
	}
}

// drain calls drained for the pipelines that read what an ended upstream filled.
func (r *Runner) drain(ctx context.Context, upstream string) {
	r.mu.Lock()
	r.ended[upstream] = true // whoever is rebuilt from now on sees it
	readers := slices.Clone(r.pipelines)
	r.mu.Unlock()
	for _, p := range readers {
		if slices.Contains(p.plan.FilledBy, upstream) {
			p.source.drained(context.WithoutCancel(ctx))
		}
	}
}

// drainEnded does so for those that ended before this process began.
func (r *Runner) drainEnded(ctx context.Context) {
	for _, p := range r.plan.Pipelines {
		if r.runs[p.Name].Ended {
			r.drain(ctx, p.Name)
		}
	}
}

// Progress is how far a pipeline has come.
type Progress struct {
	Pipeline  string    `json:"pipeline"`
	Rows      int64     `json:"rows"`               // read in this run
	Lag       int64     `json:"lag"`                // rows still to be read; -1: unknown
	Watermark time.Time `json:"watermark,omitzero"` // zero: none
	Done      bool      `json:"done"`
	Filled    bool      `json:"filled"` // a pipeline of this run still fills what is read
}

// Progress may be called at any time while the runner is open.
func (r *Runner) Progress() []Progress {
	pipelines := r.all()
	all := make([]Progress, len(pipelines))
	for i, p := range pipelines {
		all[i] = Progress{Pipeline: p.plan.Name, Rows: p.source.counters.out.Load(), Lag: -1, Done: p.done.Load(),
			Filled: p.source.upstreams.Load() > 0}
		if at := p.watermark.Load(); at != 0 {
			all[i].Watermark = time.UnixMicro(at).UTC()
		}
		if !p.closed.Load() {
			all[i].Lag = p.source.instance.Lag()
		}
	}
	return all
}

// Summary is the row accounting of the run so far, across its restarts.
func (r *Runner) Summary() *Summary {
	s := &Summary{}
	for _, p := range r.all() {
		s.Pipelines = append(s.Pipelines, p.summary())
	}
	return s
}

// Close frees everything: steps, then services, then the state directory.
func (r *Runner) Close() error {
	var all []error
	for _, p := range r.all() {
		all = append(all, p.close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if r.unserve != nil {
		r.unserve(nil)
	}
	for _, s := range slices.Backward(r.services) {
		all = append(all, s.Close(ctx))
	}
	return errors.Join(append(all, r.store.Close())...)
}

// Ended lists the pipelines that had ended in this run before it was opened.
func (r *Runner) Ended() []string {
	var names []string
	for _, p := range r.plan.Pipelines {
		if r.runs[p.Name].Ended {
			names = append(names, p.Name)
		}
	}
	return names
}
