package stream

import (
	"sync/atomic"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// counters count the rows of one step. One goroutine writes, any may read.
type counters struct {
	in, created, out, dropped, absorbed, late, rejected, partial atomic.Int64
}

// resume goes on from the counts of a record.
func (c *counters) resume(from checkpoint.Counts) {
	c.in.Store(from.In)
	c.created.Store(from.Created)
	c.out.Store(from.Out)
	c.dropped.Store(from.Dropped)
	c.absorbed.Store(from.Absorbed)
	c.late.Store(from.Late)
	c.rejected.Store(from.Rejected)
	c.partial.Store(from.Partial)
}

func (c *counters) counts() checkpoint.Counts {
	return checkpoint.Counts{
		In: c.in.Load(), Created: c.created.Load(), Out: c.out.Load(),
		Dropped: c.dropped.Load(), Absorbed: c.absorbed.Load(),
		Late: c.late.Load(), Rejected: c.rejected.Load(), Partial: c.partial.Load(),
	}
}

// Summary is what a run did: for a pipeline that failed, up to its newest record.
type Summary struct {
	Pipelines []PipelineSummary `json:"pipelines"`
}

// PipelineSummary is the row accounting of one pipeline.
type PipelineSummary struct {
	Name      string        `json:"name"`
	Run       uint64        `json:"run"`
	Epoch     uint64        `json:"epoch"`
	Ended     bool          `json:"ended"`            // the input came to its end; else the run was interrupted
	Failed    string        `json:"failed,omitempty"` // the error that ended it
	Guarantee string        `json:"guarantee"`
	Before    int64         `json:"rows_before"` // rows read in this run by processes before this one
	Steps     []StepSummary `json:"steps"`
}

// StepSummary is the row accounting of one step, in rows.
type StepSummary struct {
	Label    string   `json:"label"`
	Plugin   string   `json:"plugin"`
	Kind     sdk.Kind `json:"kind"`
	Branch   string   `json:"branch,omitempty"` // label of the branch it is in, if it was given one
	From     string   `json:"from,omitempty"`   // label of the step before; none for late rows and dead letters
	Receives string   `json:"takes,omitempty"`  // of such an output: "late" or "rejected"
	// Staged is rows that a pipeline which has failed has recorded for an output and that no
	// reader sees yet; out counts those that readers see. The next run commits them.
	Staged int64 `json:"hidden,omitempty"`
	// What rows that this process decoded had beside their schema: see sdk.Survey.
	Missing []sdk.Missing `json:"missing_columns,omitempty"`
	Unknown *sdk.Unknown  `json:"unknown_keys,omitempty"`
	Lines   []string      `json:"notes,omitempty"`
	checkpoint.Counts
	// Waiting lists, after a run with --until, the partitions that hold windows back.
	Waiting []sdk.Waiting `json:"waiting,omitempty"`
}

// Imbalance names the first step that gained or lost a row (rule 18), or is "".
func (s *Summary) Imbalance() string {
	for _, p := range s.Pipelines {
		out := map[string]int64{}
		left := map[string]int64{}
		for _, step := range p.Steps {
			out[step.Label] = step.Out
			left["late"] += step.Late
			left["rejected"] += step.Rejected
			step.Out += step.Staged
			if !step.Balanced() {
				return p.Name + "." + step.Label
			}
			if step.From != "" && out[step.From] != step.In {
				return p.Name + "." + step.From + " → " + step.Label
			}
			if step.Receives != "" && left[step.Receives] != step.In {
				return p.Name + "." + step.Label
			}
		}
	}
	return ""
}

// upstreamLabels maps the label of each step to that of the step before it.
func upstreamLabels(p *plan.Pipeline) map[string]string {
	from := map[string]string{}
	last := p.Input.Label
	for _, s := range p.Processors {
		from[s.Label], last = last, s.Label
	}
	for _, b := range p.Branches {
		before := last
		for _, s := range b.Processors {
			from[s.Label], before = before, s.Label
		}
		for _, s := range b.Sinks {
			from[s.Label] = before
		}
	}
	return from
}
