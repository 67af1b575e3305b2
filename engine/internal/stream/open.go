package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// opener opens the steps of one pipeline. All are open before the stream
// starts: Benthos would try to connect for ever, and never say that it cannot.
type opener struct {
	runner *Runner
	*pipeline
	record    *checkpoint.Record // nil at the very first start
	committed bool               // the epoch of the record is known to be committed
	warnings  []warning          // about changes that are kept
	// waiting are outputs that have a change of layout which is kept.
	waiting map[string]waiting
	// renamed is what steps read or filled before, by label, where the config names
	// that otherwise now and the step can prove that it is the same.
	renamed map[string][]string
}

// warning is a line for the log.
type warning struct {
	message string
	args    []any
}

// warn keeps a warning until all changes are known to be kept.
func (o *opener) warn(message string, args ...any) {
	o.warnings = append(o.warnings, warning{message, args})
}

// opener reads what is recorded of a pipeline, and compares the config with it.
func (r *Runner) opener(ctx context.Context, p *plan.Pipeline) (*opener, error) {
	record, err := r.store.Load(p.Name)
	if err != nil {
		return nil, err
	}
	o := &opener{runner: r, record: record, pipeline: &pipeline{
		plan: p, number: r.runs[p.Name], store: r.store, log: r.log.With("pipeline", p.Name),
		failure: newFailure(), stop: make(chan struct{}), counters: map[string]*counters{},
		surveys: map[string]*sdk.Survey{}, memory: map[string]*sdk.Gauge{},
	}, waiting: map[string]waiting{}, renamed: map[string][]string{}}
	if record != nil {
		if o.committed, err = r.store.IsCommitted(p.Name, record.Epoch); err != nil {
			return nil, err
		}
	}
	for _, step := range p.Steps() {
		o.counters[step.Label] = &counters{}
		if record != nil && record.Run == o.number.Number {
			o.counters[step.Label].resume(record.Counts[step.Label])
		}
	}
	settings, err := o.settings(ctx)
	if err != nil {
		return nil, err
	}
	o.epochs = &epochs{pipeline: p.Name, store: r.store, steps: len(p.Steps()), run: o.number.Number,
		settings: settings, waiting: o.waiting, failure: o.failure, log: o.log, last: record,
		serving: r.serving}
	o.before = o.counters[p.Input.Label].created.Load()
	return o, nil
}

// open makes the pipeline ready to run.
func (o *opener) open(ctx context.Context) error {
	for _, w := range o.warnings {
		o.log.Warn(w.message, w.args...)
	}
	if err := o.openSteps(ctx); err != nil {
		return errors.Join(err, o.pipeline.close())
	}
	return nil
}

func (o *opener) openSteps(ctx context.Context) error {
	if err := o.openSource(ctx); err != nil {
		return err
	}
	var err error
	if o.transforms, err = o.openTransforms(ctx, o.plan.Processors); err != nil {
		return err
	}
	for _, b := range o.plan.Branches {
		if err := o.openBranch(ctx, b); err != nil {
			return err
		}
	}
	if err := o.openSideOutputs(ctx); err != nil {
		return err
	}
	o.epochs.source, o.epochs.sinks, o.source.sinks = o.source, o.sinks(), o.sinks()
	return o.readFirst(ctx)
}

// readFirst reads the signal that every source begins with, for the cursors in it. An
// error is one of the run, which may begin anew for it.
func (o *opener) readFirst(ctx context.Context) error {
	item, err := o.source.call(ctx)
	o.source.first = read{item, err}
	if item.Signal == nil || item.Signal.Cursors == nil {
		return nil
	}
	return o.pin(item.Signal.Cursors)
}

// openSideOutput opens an output for rows that leave the main stream; nil for none.
func (o *opener) openSideOutput(ctx context.Context, step *plan.Step) (*sideOutput, error) {
	if step == nil {
		return nil, nil
	}
	s, err := o.openSink(ctx, step)
	if err != nil {
		return nil, err
	}
	return newSideOutput(s, o.failure), nil
}

// openSideOutputs opens the outputs for late rows and dead letters, and names who
// sends to them: the source, the pipeline's steps, each branch that has steps; the dead
// letters also each other sink, whose numbers come last since late rows have none of it.
func (o *opener) openSideOutputs(ctx context.Context) error {
	var err error
	if o.late, err = o.openSideOutput(ctx, o.plan.Late); err != nil {
		return err
	}
	if o.dead, err = o.openSideOutput(ctx, o.plan.DeadLetters); err != nil {
		return err
	}
	o.source.sideOutputs = o.producer()
	if len(o.transforms) > 0 {
		o.steps = o.producer()
		setSideOutputs(o.transforms, o.steps)
	}
	for _, b := range o.branches {
		if len(b.transforms) > 0 {
			b.sideOutputs = o.producer()
			setSideOutputs(b.transforms, b.sideOutputs)
		}
	}
	for _, s := range o.sinks() {
		s.sideOutputs = &sideOutputs{pipeline: o.plan.Name}
		if o.dead != nil && s != o.dead.sink { // which has nowhere to put what it refuses
			s.sideOutputs.dead, s.sideOutputs.producer = o.dead, o.dead.producer(o.source.epoch-1)
		}
	}
	return nil
}

func (o *opener) producer() *sideOutputs {
	epoch := o.source.epoch - 1
	s := &sideOutputs{pipeline: o.plan.Name, mask: o.runner.options.Mask, late: o.late, dead: o.dead,
		producer: o.late.producer(epoch)}
	if o.dead != nil {
		s.producer = o.dead.producer(epoch)
	}
	return s
}

func setSideOutputs(transforms []*transform, s *sideOutputs) {
	for _, t := range transforms {
		t.sideOutputs = s
	}
}

func (o *opener) env(step *plan.Step) sdk.Env {
	env := sdk.Env{
		LateOutput: o.plan.Late != nil,
		EngineID:   o.store.EngineID(), Pipeline: o.plan.Name, Step: step.Label,
		Dir: o.runner.dir, StateDir: o.store.Dir(), Run: o.number.Number,
		Services: o.runner.addresses, Log: o.log.With("step", step.Label), Adopt: o.runner.options.Adopt,
	}
	if o.record != nil {
		env.Epoch, env.Published = o.record.Epoch, o.committed
		env.Resume = maps.Clone(o.record.Positions)
		env.Committable = o.record.Committables[step.Label]
	}
	env.Was = o.renamed[step.Label]
	env.Side = step == o.plan.Late || step == o.plan.DeadLetters
	return env
}

// instance opens a step and keeps it for closing.
func (o *opener) instance(ctx context.Context, step *plan.Step, env sdk.Env) (sdk.Instance, error) {
	env.Survey, env.Memory = &sdk.Survey{}, &sdk.Gauge{}
	o.surveys[step.Label], o.memory[step.Label] = env.Survey, env.Memory
	var i sdk.Instance
	err := guarded(o.plan.Name, step, func() (err error) {
		i, err = step.Plugin.Open(ctx, step.Config, step.In, env)
		return err
	})
	if err == nil {
		o.instances = append(o.instances, opened{step, i})
	}
	return i, err
}

// kindError is for plugins that open as something else than they say.
func kindError(step *plan.Step) error {
	return fmt.Errorf("%s: plugin %s did not open as a %s", step.Path, step.Plugin.Name, step.Plugin.Kind)
}

func (o *opener) openSource(ctx context.Context) error {
	step := o.plan.Input
	env := o.env(step)
	env.Filled = len(o.plan.FilledBy) > 0
	env.Positions = len(step.Out.FieldIndices(sdk.PositionColumn)) > 0
	env.AtEnd = env.Filled && o.record != nil && o.record.AtEnd
	env.Bounds = o.runner.options.of(o.plan, o.counters[step.Label].created.Load())
	i, err := o.instance(ctx, step, env)
	if err != nil {
		return err
	}
	instance, ok := i.(sdk.Source)
	if !ok {
		return kindError(step)
	}
	o.source = &source{pipeline: o.plan.Name, step: step, instance: instance, counters: o.counters[step.Label],
		epochs: o.epochs, failure: o.failure, interval: o.plan.Interval, stop: o.stop,
		items: make(chan sdk.Item, readAhead), epoch: env.Epoch + 1,
		positions: map[string][]byte{}, positioned: env.Positions, idle: silences{}, budget: o.runner.options.Records,
		bounded: env.Bounds.Now || len(env.Bounds.Ends) > 0}
	if o.record != nil {
		o.source.idle = recordedSilences(o.record.Idle, o.record.Run != o.number.Number)
	}
	maps.Copy(o.source.positions, env.Resume)
	o.source.upstreams.Store(int32(len(o.plan.FilledBy)))
	return nil
}

func (o *opener) openTransforms(ctx context.Context, steps []*plan.Step) ([]*transform, error) {
	var transforms []*transform
	for _, step := range steps {
		env := o.env(step)
		state, failed := o.store.State(o.plan.Name, step.Label)
		env.State = state
		i, err := o.instance(ctx, step, env)
		if err := cmp.Or(failed(), err); err != nil {
			return nil, err // what a step reports of a state that could not be read is a consequence
		}
		instance, ok := i.(sdk.Transform)
		if !ok {
			return nil, kindError(step)
		}
		transforms = append(transforms, &transform{pipeline: o.plan.Name, step: step, instance: instance,
			counters: o.counters[step.Label], epochs: o.epochs, watermark: &o.watermark})
	}
	return transforms, nil
}

func (o *opener) openBranch(ctx context.Context, p *plan.Branch) error {
	b := &branch{failure: o.failure}
	var err error
	if b.transforms, err = o.openTransforms(ctx, p.Processors); err != nil {
		return err
	}
	if len(b.transforms) > 0 {
		b.queue = make(chan sdk.Item, queued)
	}
	for _, step := range p.Sinks {
		s, err := o.openSink(ctx, step)
		if err != nil {
			return err
		}
		b.sinks = append(b.sinks, s)
	}
	o.branches = append(o.branches, b)
	return nil
}

// openSink opens a sink and completes what the newest record says it prepared:
// a crash may have come between the record and the commit. All of that comes
// before anything is read (rule 9).
func (o *opener) openSink(ctx context.Context, step *plan.Step) (*sink, error) {
	i, err := o.instance(ctx, step, o.env(step))
	if err != nil {
		return nil, err
	}
	instance, ok := i.(sdk.Sink)
	if !ok {
		return nil, kindError(step)
	}
	err = guarded(o.plan.Name, step, func() error {
		var committable []byte
		if o.record != nil {
			committable = o.record.Committables[step.Label]
		}
		if committable != nil {
			if err := instance.Commit(ctx, o.record.Epoch, committable); err != nil {
				return err
			}
		}
		return instance.Recover(ctx, committable)
	})
	if err != nil {
		return nil, err
	}
	opened := &sink{pipeline: o.plan.Name, step: step, instance: instance, counters: o.counters[step.Label],
		epochs: o.epochs, failure: o.failure, queue: make(chan sdk.Item, queued)}
	if o.record != nil {
		opened.committed.Store(o.record.Epoch)
	}
	return opened, nil
}

// pin makes durable what the source resolved when it opened, before its first
// row (rule 12): a start at the end of a topic must mean the same end after a crash.
func (o *opener) pin(cursors map[string][]byte) error {
	maps.Copy(o.source.positions, cursors)
	record := &checkpoint.Record{Run: o.number.Number, Positions: maps.Clone(o.source.positions),
		Settings: o.epochs.madeWith(nil), Idle: o.source.idle.since()}
	if o.record != nil {
		record.Epoch, record.Counts = o.record.Epoch, o.record.Counts
		record.Committables, record.Staged = o.record.Committables, o.record.Staged
		if o.record.Run != o.number.Number {
			record.Counts = nil
		}
	}
	o.epochs.last = record
	return o.store.Save(o.plan.Name, record)
}
