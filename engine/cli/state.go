package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/plan"
	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

func (a *app) stateCommand() *cobra.Command {
	var s source
	var asJSON bool
	c := &cobra.Command{
		Use:   "state FILE...",
		Short: "Shows what the state directory holds of the pipelines of a config.",
		Long: "state shows, for each pipeline, its newest record: positions, rows that are written and not yet\n" +
			"shown, and open windows. Of an engine that is running it asks, and shows how far that is.",
		Example: "  engine state configs/tickets.yaml\n  engine state configs/tickets.yaml --json | jq .\n" +
			"  engine state export configs/tickets.yaml > state.jsonl\n  engine state reset configs/tickets.yaml",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			p, err := a.planned(paths, &s)
			if err != nil {
				return err
			}
			state, err := inspect(c.Context(), p)
			if err != nil {
				return err
			}
			if asJSON {
				return a.print(state)
			}
			a.showState(state)
			return nil
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	c.AddCommand(a.stateExportCommand(), a.stateResetCommand())
	return c
}

// inspect reads the state directory, or asks the engine that has it.
func inspect(ctx context.Context, p *plan.Plan) (*stream.State, error) {
	state, err := stream.Inspect(p, "")
	if !errors.Is(err, stream.ErrInUse) {
		return state, err
	}
	status, answer, failed := ask(ctx, stream.StateDir(p, ""), "/api/v1/state")
	if failed != nil {
		return nil, fmt.Errorf("%w (and it does not answer: %w)", err, failed)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("asking the running engine: %s", strings.TrimSpace(string(answer)))
	}
	state = &stream.State{}
	if err := json.Unmarshal(answer, state); err != nil {
		return nil, fmt.Errorf("reading the answer of the running engine: %w", err)
	}
	return state, nil
}

func (a *app) stateExportCommand() *cobra.Command {
	var s source
	c := &cobra.Command{
		Use:   "export FILE...",
		Short: "Writes records and state as JSON lines.",
		Long: "export writes a line for the record of each pipeline, with its positions and what its outputs\n" +
			"prepared, and one for every key of its steps' state; bytes are base64. Of an engine that is\n" +
			"running it writes what one moment's newest records hold.",
		Example: "  engine state export configs/tickets.yaml > state.jsonl",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			p, err := a.planned(paths, &s)
			if err != nil {
				return err
			}
			lines := json.NewEncoder(a.stdout)
			err = stream.Export(p, "", func(e stream.Entry) error { return lines.Encode(e) })
			if !errors.Is(err, stream.ErrInUse) {
				return err
			}
			if failed := copyAnswer(c.Context(), stream.StateDir(p, ""), "/api/v1/export", a.stdout); failed != nil {
				return fmt.Errorf("%w (and it does not answer: %w)", err, failed)
			}
			return nil
		},
	}
	s.flags(c)
	return c
}

func (a *app) stateResetCommand() *cobra.Command {
	var s source
	var yes bool
	c := &cobra.Command{
		Use:   "reset FILE...",
		Short: "Forgets what earlier runs of the pipelines left, as run --fresh does, and runs nothing.",
		Long: "reset removes the records and windows of the file's pipelines, the part files they wrote, and\n" +
			"the topics of the embedded broker that they filled. It lists all that and asks.",
		Example: "  engine state reset configs/tickets.yaml\n  engine state reset configs/tickets.yaml --yes",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, paths []string) error {
			p, err := a.planned(paths, &s)
			if err != nil {
				return err
			}
			a.stops.Store(true)
			return stream.Reset(c.Context(), p, stream.Options{Log: a.log(), Confirm: a.agree(yes)})
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// planned is the plan of files; what is wrong with them has been shown.
func (a *app) planned(paths []string, s *source) (*plan.Plan, error) {
	file, p, problems := a.load(paths, s)
	file.Render(a.stderr, slices.DeleteFunc(slices.Clone(problems), isWarning))
	if p == nil && file.Plain != "" && !slices.ContainsFunc(problems, isFault) {
		return nil, usageError{fmt.Errorf("%s: a plain Benthos config keeps no state", file.Paths[0])}
	}
	if p == nil {
		return nil, errReported
	}
	return p, nil
}

func (a *app) showState(s *stream.State) {
	fmt.Fprintf(a.stdout, "%s, engine %s\n", s.Dir, s.EngineID)
	if r := s.Running; r != nil {
		doing := "running"
		if r.Stopping {
			doing = "stopping"
		}
		fmt.Fprintf(a.stdout, "%s since %s, process %d\n", doing, r.Since.UTC().Format(time.RFC3339), r.PID)
		for _, one := range r.Progress {
			fmt.Fprintf(a.stdout, "  %s: %s\n", one.Pipeline, howFar(one))
		}
	}
	for _, p := range s.Pipelines {
		a.showPipeline(p)
	}
	if len(s.Others) > 0 {
		fmt.Fprintf(a.stdout, "of other files: %s\n", strings.Join(s.Others, ", "))
	}
}

func (a *app) showPipeline(p stream.PipelineState) {
	if p.Epoch == 0 {
		fmt.Fprintf(a.stdout, "%s: no epoch is recorded\n", p.Name)
		return
	}
	ended := "open"
	if p.Ended {
		ended = "ended"
	}
	fmt.Fprintf(a.stdout, "%s: epoch %d, run %d (%s)\n", p.Name, p.Epoch, p.Run, ended)
	for _, partition := range slices.Sorted(maps.Keys(p.Positions)) {
		fmt.Fprintf(a.stdout, "  position  %s  %s\n", partition, position(p.Positions[partition]))
	}
	for _, step := range p.Steps {
		if h := step.Staged; h != nil && h.Rows+h.Pending > 0 {
			fmt.Fprintf(a.stdout, "  hidden    %s  %s %s in %s %s, %s bytes\n", step.Label,
				count(h.Rows+h.Pending), plural(h.Rows+h.Pending, "row"), count(int64(h.Files)),
				plural(int64(h.Files), "file"), count(h.Bytes))
		}
		a.showWindows(step)
	}
}

// mostWindows is how many open windows of a step are listed.
const mostWindows = 20

func (a *app) showWindows(s stream.StepState) {
	for _, w := range s.Windows[:min(len(s.Windows), mostWindows)] {
		fmt.Fprintf(a.stdout, "  window    %s  %s, %s %s\n", s.Label, span(w), count(w.Groups), plural(w.Groups, "group"))
	}
	if remaining := s.Windows[min(len(s.Windows), mostWindows):]; len(remaining) > 0 {
		var groups int64
		for _, w := range remaining {
			groups += w.Groups
		}
		fmt.Fprintf(a.stdout, "  window    %s  and %s more, %s groups\n",
			s.Label, count(int64(len(remaining))), count(groups))
	}
}

// howFar is a pipeline's progress in words.
func howFar(p stream.Progress) string {
	text := count(p.Rows) + " " + plural(p.Rows, "row") + " read"
	if !p.Watermark.IsZero() {
		text += ", watermark " + p.Watermark.UTC().Format(time.RFC3339)
	}
	switch {
	case p.Done:
		text += ", done"
	case p.Lag >= 0:
		text += ", " + count(p.Lag) + " to read"
	}
	return text
}

// plural is a noun for a number of things.
func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func span(w sdk.Window) string {
	if w.Start.IsZero() && w.End.IsZero() {
		return "all of time"
	}
	return w.Start.UTC().Format(time.RFC3339Nano) + " to " + w.End.UTC().Format(time.RFC3339Nano)
}
