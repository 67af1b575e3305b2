package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
)

// ErrDeclined says that nobody agreed to what a fresh start removes.
var ErrDeclined = errors.New("nothing was removed")

// openStore opens the state directory. A damaged one is set aside if the run is
// to begin anew: the engine's id, by which its files are known, is kept.
func (r *Runner) openStore() error {
	dir := StateDir(r.plan, r.dir)
	if r.options.Fresh {
		err := checkpoint.Verify(dir)
		if damage, damaged := errors.AsType[*checkpoint.DamagedError](err); damaged {
			err = r.setAside(dir, damage)
		}
		if err != nil {
			return err
		}
	}
	var err error
	r.store, err = checkpoint.Open(dir)
	return err
}

func (r *Runner) setAside(dir string, damage *checkpoint.DamagedError) error {
	list := []string{fmt.Sprintf("the checkpoints of all pipelines in %s, set aside since they are damaged (%v)",
		dir, damage.Err)}
	if !r.agreed(list) {
		return ErrDeclined
	}
	aside, err := checkpoint.SetAside(dir)
	if err != nil {
		return err
	}
	r.log.Warn("the damaged checkpoints are set aside", "now", aside)
	return nil
}

func (r *Runner) agreed(leftovers []string) bool {
	return r.options.Confirm == nil || r.options.Confirm(leftovers)
}

// forget removes what earlier runs of the plan's pipelines have left, if that
// was asked for, or begun by a process that died over it.
func (r *Runner) forget(ctx context.Context) error {
	names, begun := r.plan.Names(), false
	for _, name := range names {
		underway, err := r.store.Forgetting(name)
		if err != nil {
			return err
		}
		begun = begun || underway
	}
	if !r.options.Fresh && !begun {
		return nil
	}
	if !begun {
		list, err := r.leftovers(ctx)
		if err != nil {
			return err
		}
		if len(list) > 0 && !r.agreed(list) {
			return ErrDeclined
		}
		if err := r.store.BeginForget(names); err != nil {
			return err
		}
	}
	return r.erase(ctx, names)
}

// erase removes what lies outside of the store first: until that is done the
// store knows that it is not (rule 16).
func (r *Runner) erase(ctx context.Context, names []string) error {
	for _, p := range r.plan.Pipelines {
		o := r.bare(p)
		for _, step := range p.Steps() {
			if step.Plugin.Forget == nil {
				continue
			}
			env := o.env(step)
			err := guarded(p.Name, step, func() error { return step.Plugin.Forget(ctx, step.Config, env) })
			if err != nil {
				return err
			}
		}
	}
	return r.store.Forget(names)
}

// leftovers lists, for people, what a fresh start removes.
func (r *Runner) leftovers(ctx context.Context) ([]string, error) {
	var list []string
	for _, p := range r.plan.Pipelines {
		record, err := r.store.Load(p.Name)
		if _, damaged := errors.AsType[*checkpoint.DamagedError](err); err != nil && !damaged {
			return nil, err
		}
		if record != nil && len(record.Settings) > 0 {
			list = append(list, fmt.Sprintf("the record of pipeline %s, epoch %d: positions and open windows",
				p.Name, record.Epoch))
		}
		o := r.bare(p)
		for _, step := range p.Steps() {
			if step.Plugin.Inspect == nil {
				continue
			}
			env := o.env(step)
			err := guarded(p.Name, step, func() error {
				report, err := step.Plugin.Inspect(ctx, step.Config, env)
				list = append(list, report.Leftovers...)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// bare makes environments for steps that are not open.
func (r *Runner) bare(p *plan.Pipeline) *opener {
	return &opener{runner: r, pipeline: &pipeline{plan: p, number: r.runs[p.Name], store: r.store, log: r.log}}
}

// Reset forgets what a plan's pipelines have left, and runs nothing.
func Reset(ctx context.Context, p *plan.Plan, o Options) error {
	r := &Runner{plan: p, options: o, dir: o.Dir, log: o.Log, addresses: map[string]string{}}
	r.options.Fresh = true
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if err := r.openStore(); err != nil {
		return err
	}
	err := r.startServices(ctx)
	if err == nil {
		err = r.forget(ctx)
	}
	return errors.Join(err, r.Close())
}
