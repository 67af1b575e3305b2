package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/plan"
	"etlengine/engine/internal/stream"
)

func (a *app) runCommand() *cobra.Command {
	var s source
	var e extent
	var asJSON, quiet bool
	c := &cobra.Command{
		Use:   "run FILE...",
		Short: "Runs the pipelines of a config until they have ended.",
		Long: "run starts all pipelines of the files, which are read as one config (the later win over the\n" +
			"earlier; - is standard input), and ends when each has ended. SIGINT and SIGTERM stop cleanly:\n" +
			"what was read comes out, open windows are kept, and the next run goes on from there. A run that\n" +
			"was cut by --max-records, --until or --for keeps its windows too. When a run has ended the next\n" +
			"one is new: it adds to what is there. --fresh begins anew. The summary goes to stdout, or to\n" +
			"stderr if an output of the pipelines is stdout.",
		Example: "  engine run configs/tickets.yaml\n  TICKETS=5000 engine run configs/tickets.yaml\n" +
			"  engine run configs/tickets.yaml --fresh\n  engine run configs/topic.yaml --until now\n" +
			"  engine run base.yaml prod.yaml --set pipelines.report.input.redpanda.topic=tickets",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			return a.run(c.Context(), paths, &s, &e, show{json: asJSON, quiet: quiet})
		},
	}
	s.flags(c)
	e.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON, on stderr if an output is stdout")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print errors only")
	return c
}

// show is how a run reports to the user.
type show struct{ json, quiet bool }

func (a *app) run(ctx context.Context, paths []string, s *source, e *extent, how show) error {
	o, err := e.options()
	if err != nil {
		return err
	}
	o.Log, o.Confirm, o.Abort = a.log(), a.agree(e.yes), a.abort
	a.quiet = how.quiet
	file, p, problems := a.load(paths, s)
	file.Render(a.stderr, slices.DeleteFunc(slices.Clone(problems), isWarning)) // lint reports the warnings
	if file.Plain != "" && !slices.ContainsFunc(problems, isFault) {
		if e.any() {
			return usageError{fmt.Errorf("%s: a plain Benthos config keeps no state and reads to its end: "+
				"leave out --fresh, --adopt, --until, --until-offset, --max-records and --for", file.Paths[0])}
		}
		return a.runPlain(ctx, file, how)
	}
	if p == nil {
		return errReported
	}
	if slices.Contains(paths, "-") && p.Uses("stdin") {
		return usageError{errors.New("the config is read from standard input, which a pipeline reads too: " +
			"put the config into a file, or give it as <(…)")}
	}
	o.Mask = file.Secrets.Mask
	a.stops.Store(true)
	started := time.Now()
	r, err := stream.Open(ctx, p, o)
	if err != nil {
		return badUsage(err)
	}
	if !how.quiet {
		a.announce(p, r)
	}
	asked, err := serve(r, stream.StateDir(p, ""))
	if err != nil { // the run needs nobody to ask
		a.log().Warn("state and health cannot be asked for: " + err.Error())
	}
	var bar *progress
	rows := p.Uses("stdout") // what the engine says may not stand between them
	if !how.quiet && isTerminal(a.stderr) && !(rows && isTerminal(a.stdout)) {
		bar = startProgress(a.stderr, r)
	} else {
		bar = startLogging(a.log(), r.Progress)
	}
	err = r.Run(ctx)
	bar.stop()
	asked.close()
	if !how.quiet {
		to := a.stdout
		if rows {
			to = a.stderr
		}
		err = errors.Join(err, summarize(to, r.Summary(), time.Since(started), how.json))
	}
	if name := allRejected(r.Summary()); err == nil && name != "" {
		err = fmt.Errorf("pipeline %s: every row that was read has been rejected; the dead letters say why", name)
	}
	err = errors.Join(err, r.Close())
	return a.stopped(err, ctx.Err() != nil, o.For, how)
}

// stopped says why a run ended before its input did.
func (a *app) stopped(err error, signalled bool, length time.Duration, how show) error {
	const goesOn = "what was read is written; the next run goes on from here"
	switch {
	case errors.Is(err, stream.ErrInterrupted) && signalled:
		fmt.Fprintln(a.stderr, "interrupted: "+goesOn)
		return context.Canceled
	case errors.Is(err, stream.ErrInterrupted) && length > 0:
		if !how.quiet {
			fmt.Fprintf(a.stderr, "stopped after %s: %s\n", length, goesOn)
		}
		return nil
	}
	return err
}

// abort ends the process at once: a step does not stop and memory is about to end.
func (a *app) abort(reason error) {
	fmt.Fprintln(a.stderr, "engine:", reason)
	os.Exit(exitFailed)
}

// badUsage turns a BoundsError into a usage error (exit 2).
func badUsage(err error) error {
	if _, ok := errors.AsType[*stream.BoundsError](err); ok {
		return usageError{err}
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
