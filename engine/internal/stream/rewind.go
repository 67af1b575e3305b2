package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"etlengine/plugins/sdk"
)

// How often a pipeline is rebuilt without an epoch in between, and how long it
// waits before, which doubles each time.
const (
	mostRewinds = 6
	firstWait   = 500 * time.Millisecond
)

// run runs the pipeline with a number to its end. A lost connection, which a retry may
// restore, rewinds it to its newest record, in this process, by the same way as after a
// kill; every other error ends the run.
func (r *Runner) run(ctx context.Context, i int) error {
	wait, left := firstWait, mostRewinds
	for {
		p := r.all()[i]
		before := p.epochs.reached()
		err := r.runServed(p)
		if err == nil {
			if p.done.Load() {
				r.drain(ctx, p.plan.Name)
			}
			return nil
		}
		if p.epochs.reached() > before {
			wait, left = firstWait, mostRewinds
		}
		for errors.Is(err, sdk.ErrDisconnected) && left > 0 {
			left--
			r.log.Warn("rewinding to the newest record", "pipeline", p.plan.Name, "epoch", p.epochs.reached(),
				"in", wait, "cause", err)
			if cause := r.unserved(); cause != nil {
				err = cause
				break
			}
			if !pause(ctx, wait) {
				break
			}
			wait *= 2
			if err = r.rebuild(r.served(ctx), i); err == nil {
				break
			}
			// It was open before: what keeps it from opening now may pass too.
			err = fmt.Errorf("%w: %w", sdk.ErrDisconnected, err)
		}
		if err != nil {
			r.interrupt()
			return err
		}
	}
}

// pause waits; it returns false when the run is to stop.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rebuild opens a pipeline anew, to replace the one that broke.
func (r *Runner) rebuild(ctx context.Context, i int) error {
	broken := r.all()[i]
	if err := broken.close(); err != nil {
		r.log.Debug("closing what broke", "pipeline", broken.plan.Name, "error", err)
	}
	o, err := r.opener(ctx, broken.plan)
	if err != nil {
		return err
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	p := o.pipeline
	p.before = broken.before
	r.mu.Lock()
	r.pipelines[i] = p
	stopping := r.stopping
	var ended []string
	for _, upstream := range p.plan.FilledBy {
		if r.ended[upstream] {
			ended = append(ended, upstream)
		}
	}
	r.mu.Unlock()
	if stopping {
		p.interrupt()
	}
	for range ended {
		p.source.drained(context.WithoutCancel(ctx))
	}
	return nil
}
