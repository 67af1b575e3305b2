package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

// summarize prints what a run did.
func summarize(to io.Writer, s *stream.Summary, elapsed time.Duration, asJSON bool) error {
	if asJSON {
		return printJSON(to, struct {
			Seconds  float64 `json:"seconds"`
			Balanced bool    `json:"balanced"`
			*stream.Summary
		}{elapsed.Seconds(), s.Imbalance() == "", s})
	}
	if nothingNew(s) {
		for _, p := range s.Pipelines {
			fmt.Fprintf(to, "%s: %s\n", p.Name, strings.Join(p.Steps[0].Lines, "; "))
		}
		return nil
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tin\tout\taggregated\tfiltered\tlate\trejected\t")
	for _, p := range s.Pipelines {
		for _, step := range p.Steps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name(p, step), count(rowsIn(step)),
				count(step.Out), count(step.Absorbed), count(step.Dropped), count(step.Late), count(step.Rejected))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range s.Pipelines {
		fmt.Fprintln(to, balance(p, elapsed))
		for _, step := range p.Steps {
			surveyed(to, step)
		}
	}
	return nil
}

// name is a step with its pipeline, and its branch if that has a label.
func name(p stream.PipelineSummary, s stream.StepSummary) string {
	if s.Branch != "" {
		return p.Name + " " + s.Branch + ": " + s.Label
	}
	return p.Name + " " + s.Label
}

// rowsIn is the number of rows that came into a step; those of a source are the ones it made.
func rowsIn(s stream.StepSummary) int64 {
	if s.Kind == sdk.KindSource {
		return s.Created
	}
	return s.In
}

// balance is the sum of a pipeline in one line: what was read, and where it
// went, for each output.
func balance(p stream.PipelineSummary, elapsed time.Duration) string {
	var b strings.Builder
	source := p.Steps[0]
	read := source.Out + source.Rejected
	if p.Failed != "" {
		fmt.Fprintf(&b, "%s failed; what follows is recorded, the next run goes on from there\n", p.Name)
	}
	fmt.Fprintf(&b, "%s: %s %s read", p.Name, count(read), plural(read, "row"))
	if p.Before > 0 {
		fmt.Fprintf(&b, ", %s of them now,", count(read-p.Before))
	}
	fmt.Fprintf(&b, " in %s (%s rows/s)", round(elapsed), count(int64(float64(read-p.Before)/elapsed.Seconds())))
	for _, step := range p.Steps[1:] {
		if step.From != source.Label {
			continue
		}
		if step.Kind == sdk.KindSink {
			fmt.Fprintf(&b, "\n  = %s written to %s", count(step.Out), step.Label)
			if step.Staged > 0 {
				fmt.Fprintf(&b, " + %s that readers do not see yet, the next run shows them", count(step.Staged))
			}
			if step.Rejected > 0 {
				fmt.Fprintf(&b, " + %s rejected by it", count(step.Rejected))
			}
		} else {
			fmt.Fprintf(&b, "\n  = %s passed on + %s aggregated + %s filtered + %s late + %s rejected by %s",
				count(step.Out-step.Created), count(step.Absorbed), count(step.Dropped), count(step.Late),
				count(step.Rejected), step.Label)
			if step.Created > 0 {
				fmt.Fprintf(&b, "; with %s that it made, %s went on", count(step.Created), count(step.Out))
			}
		}
	}
	if source.Rejected > 0 {
		fmt.Fprintf(&b, "\n  + %s rejected by %s", count(source.Rejected), source.Label)
	}
	late, kept := lateRows(p)
	switch {
	case kept && late > 0:
		fmt.Fprintf(&b, "\n  %s %s came too late for %s, %s in the late output", count(late), plural(late, "row"),
			oneOf(late, "its window", "their window"), oneOf(late, "it is", "they are"))
	case late > 0:
		fmt.Fprintf(&b, "\n  %s %s came too late for %s and %s dropped; a late output keeps them", count(late),
			plural(late, "row"), oneOf(late, "its window", "their window"), oneOf(late, "was", "were"))
	}
	for _, step := range p.Steps {
		b.WriteString(waiting(step))
	}
	return b.String()
}

// waiting is a line about windows that partitions hold back, "" if none do.
func waiting(s stream.StepSummary) string {
	const most = 5
	if len(s.Waiting) == 0 {
		return ""
	}
	var parts []string
	for _, w := range s.Waiting[:min(most, len(s.Waiting))] {
		state := "no row yet"
		if !w.Newest.IsZero() {
			state = "its newest row is of " + w.Newest.Format(time.RFC3339)
		}
		parts = append(parts, fmt.Sprintf("%s (%s) %s", w.Partition, state, count(w.Windows)))
	}
	if more := len(s.Waiting) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more partitions", more))
	}
	return fmt.Sprintf("\n  windows of %s that wait for partitions behind the others: %s; "+
		"they come out when these go on, or are found idle by a later run", s.Label, strings.Join(parts, ", "))
}

// lateRows counts the rows that missed all their windows, and reports whether
// there is an output that has them.
func lateRows(p stream.PipelineSummary) (late int64, kept bool) {
	for _, s := range p.Steps {
		late += s.Late
		kept = kept || s.Receives == "late"
	}
	return late, kept
}

// count writes a number with commas: 100,000.
func count(n int64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// oneOf is the word for one thing, or for several.
func oneOf(n int64, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// allRejected names a pipeline of which no row got through, or is "": a run that
// keeps nothing is no success for a script.
func allRejected(s *stream.Summary) string {
	for _, p := range s.Pipelines {
		read := p.Steps[0].Out + p.Steps[0].Rejected
		rejected, other := int64(0), int64(0)
		for _, step := range p.Steps {
			rejected += step.Rejected
			other += step.Dropped + step.Absorbed + step.Late
			if step.Kind == sdk.KindSink && step.Receives == "" {
				other += step.Out
			}
		}
		if read > 0 && rejected >= read && other == 0 {
			return p.Name
		}
	}
	return ""
}
