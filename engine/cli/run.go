package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/plan"
	"etlengine/engine/internal/stream"
)

func (a *app) runCommand() *cobra.Command {
	var s source
	var asJSON, quiet bool
	c := &cobra.Command{
		Use:   "run FILE...",
		Short: "Runs the pipelines of a config until they have ended.",
		Long: "run starts all pipelines of the files, which are read as one config (the later win over the\n" +
			"earlier), and ends when each has ended. SIGINT and SIGTERM stop cleanly: what was read comes\n" +
			"out, open windows are kept, and the next run goes on from there.",
		Example: "  engine run configs/tickets.yaml\n  TICKETS=5000 engine run configs/tickets.yaml\n" +
			"  engine run base.yaml prod.yaml --set pipelines.report.input.redpanda.topic=tickets",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			return a.run(c.Context(), paths, &s, show{json: asJSON, quiet: quiet})
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print errors only")
	return c
}

// show says what a run tells the user.
type show struct{ json, quiet bool }

func (a *app) run(ctx context.Context, paths []string, s *source, how show) error {
	file, p, problems := a.load(paths, s)
	file.Render(a.stderr, slices.DeleteFunc(problems, isWarning)) // lint tells what is only doubtful
	if file.Plain != "" && !slices.ContainsFunc(problems, isFault) {
		return a.runPlain(ctx, file, how)
	}
	if p == nil {
		return errReported
	}
	started := time.Now()
	r, err := stream.Open(ctx, p, stream.Options{Log: a.log()})
	if err != nil {
		return err
	}
	if !how.quiet {
		a.announce(p, r)
	}
	var bar *progress
	if !how.quiet && isTerminal(a.stderr) {
		bar = startProgress(a.stderr, r)
	}
	err = r.Run(ctx)
	bar.stop()
	if !how.quiet {
		err = errors.Join(err, a.summarize(r.Summary(), time.Since(started), how.json))
	}
	err = errors.Join(err, r.Close())
	if errors.Is(err, stream.ErrInterrupted) && ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "interrupted: what was read is written; the next run goes on from here")
		return context.Canceled
	}
	return err
}

// announce says what starts, what it promises and where to look in.
func (a *app) announce(p *plan.Plan, r *stream.Runner) {
	for _, line := range p.Pipelines {
		fmt.Fprintf(a.stderr, "%s: %s\n", line.Name, line.Guarantee())
	}
	for name, address := range r.Services() {
		fmt.Fprintf(a.stderr, "embedded %s on %s (look in: kcat -b %s -L)\n", name, address, address)
	}
	for _, done := range r.Ended() {
		fmt.Fprintf(a.stderr, "%s: has ended in this run before, it does not start again\n", done)
	}
}
