package redpanda

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"etlengine/plugins/sdk"
)

// unlimited is the limit of a run without a limit of records.
const unlimited = -1

// bound gives a source that does not run yet the ends of its run.
func (s *source) bound(ctx context.Context, b sdk.Bounds) error {
	if b.Records != nil {
		s.limit = max(*b.Records, 0)
		s.left = s.limit
	}
	if !b.Now && len(b.Ends) == 0 {
		return nil
	}
	return s.endsAt(ctx, b.Ends)
}

// Drain ends reading at the end of everything decided by now. What an open transaction
// holds is not waited for, unless a pipeline of this run may have written it.
func (s *source) Drain(ctx context.Context) error { return s.endAt(ctx, nil) }

// endsAt ends the named partitions at offsets, of which some may not be reached
// yet: those are waited for.
func (s *source) endsAt(ctx context.Context, ends map[string]int64) error {
	bounds := make(map[tp]int64)
	for name, at := range ends {
		i := slices.IndexFunc(s.partitions, func(p *partition) bool { return p.name == name })
		if i < 0 {
			return fmt.Errorf("setting the end of %s: there is no such partition%s", name, s.others(name))
		}
		p := s.partitions[i]
		if at < p.next {
			return fmt.Errorf("setting the end of %s: want offset %d, where reading goes on, or a later one "+
				"(the log ends at %d), got %d", name, p.next, p.high, at)
		}
		bounds[p.at] = at
	}
	return s.endAt(ctx, bounds)
}

func (s *source) others(name string) string {
	const most = 20
	list := names(s.partitions)
	if near := sdk.Nearest(name, list); near != "" {
		return ", did you mean " + near + "?"
	}
	if len(list) > most {
		return fmt.Sprintf(" (have %s and %d more)", strings.Join(list[:most], ", "), len(list)-most)
	}
	return " (have " + strings.Join(list, ", ") + ")"
}

func (s *source) endAt(ctx context.Context, bounds map[tp]int64) error {
	snap := s.snapshot(ctx)
	if snap.missing {
		return fmt.Errorf("taking the end of %s: a topic %w", strings.Join(s.config.Topic, ", "), errMissing)
	}
	if snap.err != nil {
		return fmt.Errorf("taking the end of %s at %s: %w: %w", strings.Join(s.config.Topic, ", "), s.k.name,
			sdk.ErrDisconnected, snap.err)
	}
	for at, bound := range bounds {
		if high := snap.limits[at].high; bound > high {
			s.env.Log.Warn("the log ends before the offset to end at; waiting until it has reached it",
				"partition", at.String(), "log ends at", high, "end", bound)
		}
	}
	snap.bounds = bounds
	snap.drain = true
	s.post(snap)
	return nil
}

// setTarget gives a partition its end. An end that was given before stays, unless it
// has not been written by the time of another.
func (r *reader) setTarget(p *partition, snap snapshot) {
	end := snap.limits[p.at].stable
	if r.env.Filled {
		// A broker answers that a transaction is committed before its markers
		// are written. What our own pipelines have written is all decided.
		end = snap.limits[p.at].high
	}
	if bound, ok := snap.bounds[p.at]; ok {
		end = bound
	}
	if p.target < 0 || end < p.target {
		p.target = end
	}
	r.updateEnd(p)
}
