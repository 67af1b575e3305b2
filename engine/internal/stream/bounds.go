package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// Bounds say how far a run goes. The inputs of a run that is cut by them have
// not ended: open windows are kept for the next run.
type Bounds struct {
	Records  int64            // of each input in this run; 0: any number
	UntilNow bool             // topics are read up to where they end now
	Ends     map[string]int64 // by partition ("client_tickets/0"): the first offset not to be read
	For      time.Duration    // how long; 0: any time
}

// BoundsError is a bound that the plan's inputs cannot have.
type BoundsError struct{ text string }

// Error says which, and what to do.
func (e *BoundsError) Error() string { return e.text }

// check refuses what could never come to pass.
func (b *Bounds) check(p *plan.Plan) error {
	if (b.UntilNow || len(b.Ends) > 0) && !slices.ContainsFunc(p.Pipelines, bounded) {
		return &BoundsError{"--until: all inputs of this file are filled by pipelines of it, and end with them"}
	}
	return nil
}

// bounded tells whether ends are for this pipeline: what a pipeline of the same
// file fills ends with that.
func bounded(p *plan.Pipeline) bool { return len(p.FilledBy) == 0 }

// within is a context for as long as the run may take.
func (b *Bounds) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.For > 0 {
		return context.WithTimeout(ctx, b.For)
	}
	return context.WithCancel(ctx)
}

// bound gives the opened sources their ends.
func (r *Runner) bound(ctx context.Context) error {
	ends, found := r.options.Ends, false
	for _, p := range r.all() {
		if err := p.source.limit(r.options.Records); err != nil {
			return err
		}
		if len(ends) == 0 && !r.options.UntilNow || !bounded(p.plan) {
			continue
		}
		took, err := p.source.bound(ctx, ends)
		if err != nil {
			return err
		}
		found = found || took
	}
	if !found && (len(ends) > 0 || r.options.UntilNow) && len(r.all()) > 0 {
		return &BoundsError{"--until: no input of this file is a topic; files end by themselves, " +
			"and --max-records or --for end a generator"}
	}
	return nil
}

// limit lets the source give no more than so many records in this run, those of
// processes before this one included. 0 is no limit.
func (s *source) limit(records int64) error {
	if records == 0 {
		return nil
	}
	l, ok := s.instance.(sdk.Limiter)
	if !ok {
		return &BoundsError{fmt.Sprintf("%s: %s: %s cannot stop after a number of records; leave out --max-records",
			s.step.Where, s.step.Path, s.step.Plugin.Name)}
	}
	s.budget = records
	l.Limit(max(0, records-s.books.created.Load()))
	return nil
}

// bound lets the source end where ends say, or where its input ends now.
func (s *source) bound(ctx context.Context, ends map[string]int64) (bool, error) {
	var call func() error
	if len(ends) > 0 {
		b, ok := s.instance.(sdk.Bounder)
		if !ok {
			return false, nil
		}
		call = func() error { return b.Bound(ctx, ends) }
	} else {
		d, ok := s.instance.(sdk.Drainer)
		if !ok {
			return false, nil
		}
		call = func() error { return d.Drain(ctx) }
	}
	s.bounded = true
	return true, guarded(s.pipeline, s.step, call)
}

// spent tells whether the input was cut by a bound, and has not ended by itself.
func (s *source) spent() bool {
	return s.bounded || s.budget > 0 && s.books.created.Load() >= s.budget
}
