package cli

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"etlengine/engine/internal/stream"
)

// extent is how a run begins and how far it goes.
type extent struct {
	fresh, yes, adopt bool
	until             string
	offsets           []string
	records           int64
	length            time.Duration
	given             func(flag string) bool // on the command line
}

func (e *extent) flags(c *cobra.Command) {
	f := c.Flags()
	e.given = f.Changed
	f.BoolVar(&e.fresh, "fresh", false, "forget first what earlier runs of these pipelines left: "+
		"records, windows, part files, topics of the embedded broker; lists it and asks")
	f.BoolVar(&e.yes, "yes", false, "with --fresh: do not ask")
	f.BoolVar(&e.adopt, "adopt", false,
		"accept, for good, files in the output folders that these pipelines have not written; "+
			"go on with topics made anew, and without notes of what was written that are lost")
	f.StringVar(&e.until, "until", "", `"now": read topics up to where they end now`)
	completes(c, "until", "now")
	f.StringArrayVar(&e.offsets, "until-offset", nil, "read a topic's partition up to this offset, "+
		"others up to their end: client_tickets/0=5000 (may be repeated)")
	f.Int64Var(&e.records, "max-records", 0, "read so many records of each input in this run; 1 or more")
	f.DurationVar(&e.length, "for", 0, "stop after a time, more than zero: 30s, 10m")
}

// options checks what was given.
func (e *extent) options() (stream.Options, error) {
	o := stream.Options{Fresh: e.fresh, Adopt: e.adopt,
		Bounds: stream.Bounds{Records: e.records, For: e.length, UntilNow: e.until == "now"}}
	switch {
	case e.given("until") && e.until != "now": // a script's empty variable would run for ever
		return o, usageError{fmt.Errorf("--until: want now, got %q (for offsets there is --until-offset)", e.until)}
	case e.yes && !e.fresh:
		return o, usageError{fmt.Errorf("--yes: it agrees to what --fresh removes; there is no --fresh")}
	case e.given("max-records") && e.records < 1:
		return o, usageError{fmt.Errorf("--max-records: want 1 or more, got %d", e.records)}
	case e.given("for") && e.length <= 0: // zero means no limit further in: a script's 0s would run for ever
		return o, usageError{fmt.Errorf("--for: want a time of more than zero such as 10m, got %s", e.length)}
	case o.UntilNow && len(e.offsets) > 0:
		return o, usageError{fmt.Errorf("--until now and --until-offset: want one of them; " +
			"partitions that --until-offset does not name end where they end now")}
	}
	for _, text := range e.offsets {
		partition, number, _ := strings.Cut(text, "=")
		offset, err := strconv.ParseInt(number, 10, 64)
		if err != nil || offset < 0 || !strings.Contains(partition, "/") {
			return o, usageError{fmt.Errorf("--until-offset: want topic/partition=offset, "+
				"such as client_tickets/0=5000, got %q", text)}
		}
		if o.Ends == nil {
			o.Ends = map[string]int64{}
		}
		o.Ends[partition] = offset
	}
	return o, nil
}

// any reports whether any of the flags was given.
func (e *extent) any() bool {
	return e.fresh || e.adopt || e.until != "" || len(e.offsets) > 0 || e.records > 0 || e.length > 0
}

// agree shows what a fresh start removes and asks, unless --yes was given.
func (a *app) agree(yes bool) func([]string) bool {
	return func(leftovers []string) bool {
		fmt.Fprintln(a.stderr, "a fresh start removes:")
		for _, one := range leftovers {
			fmt.Fprintln(a.stderr, "  "+one)
		}
		if yes {
			return true
		}
		if !isTerminal(os.Stdin) {
			fmt.Fprintln(a.stderr, "nobody can be asked: agree with --yes")
			return false
		}
		fmt.Fprint(a.stderr, "remove it? [y/N] ")
		answer, _ := bufio.NewReader(os.Stdin).ReadString('\n') // no answer is no
		answer = strings.ToLower(strings.TrimSpace(answer))
		return answer == "y" || answer == "yes"
	}
}
