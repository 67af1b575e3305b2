package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// Bounds say how far a run goes. The inputs of a run that they end have
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
	for _, line := range p.Pipelines {
		if s := line.Input; b.Records > 0 && !s.Description.Bounds.Records {
			return &BoundsError{fmt.Sprintf("%s: %s: %s cannot stop after a number of records; leave out --max-records",
				s.Where, s.Path, s.Plugin.Name)}
		}
	}
	ends := func(p *plan.Pipeline) bool { return bounded(p) && b.canEnd(p) }
	switch {
	case !b.UntilNow && len(b.Ends) == 0:
	case !slices.ContainsFunc(p.Pipelines, bounded):
		return &BoundsError{"--until: all inputs of this file are filled by pipelines of it, and end with them"}
	case !slices.ContainsFunc(p.Pipelines, ends):
		return &BoundsError{"--until: no input of this file is a topic; files end by themselves, " +
			"and --max-records or --for end a generator"}
	}
	return nil
}

// canEnd reports whether the input of a pipeline can end where --until asks it to.
func (b *Bounds) canEnd(p *plan.Pipeline) bool {
	can := p.Input.Description.Bounds
	return b.UntilNow && can.Now || len(b.Ends) > 0 && can.Ends
}

// of returns the bounds of the input of a pipeline, of which processes before this one
// have read some records in this run.
func (b *Bounds) of(p *plan.Pipeline, read int64) sdk.Bounds {
	var bounds sdk.Bounds
	if b.Records > 0 {
		left := max(0, b.Records-read)
		bounds.Records = &left
	}
	if bounded(p) && b.canEnd(p) {
		bounds.Now, bounds.Ends = b.UntilNow, b.Ends
	}
	return bounds
}

// bounded reports whether ends are for this pipeline: what a pipeline of the same
// file fills ends with that.
func bounded(p *plan.Pipeline) bool { return len(p.FilledBy) == 0 }

// within is a context for as long as the run may take.
func (b *Bounds) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.For > 0 {
		return context.WithTimeout(ctx, b.For)
	}
	return context.WithCancel(ctx)
}

// spent reports whether the input was ended by a bound, and has not ended by itself.
func (s *source) spent() bool {
	return s.bounded || s.budget > 0 && s.counters.created.Load() >= s.budget
}
