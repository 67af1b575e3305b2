package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"etlengine/engine/internal/stream"
)

// surveyed prints what the rows of a step had that is not as their schema says:
// columns that none had, and keys that were dropped.
func surveyed(to io.Writer, step stream.StepSummary) {
	for _, line := range step.Lines {
		fmt.Fprintf(to, "  %s: %s\n", step.Label, line)
	}
	for _, m := range step.Missing {
		fmt.Fprintf(to, "  %s: no row had a column %s, it is null in all", step.Label, named(m.Column))
		switch {
		case m.Near == m.Column: // a key with a dot, where from wants keys inside each other
			fmt.Fprintf(to, "; they have a key of that name, with its dots: name a column so, and rename it in a select\n")
		case m.Near != "":
			fmt.Fprintf(to, "; they have %s: is that meant?\n", named(m.Near))
		case step.Unknown != nil:
			fmt.Fprintf(to, "; they have %s\n", someOf(step.Unknown.Names))
		default:
			fmt.Fprintln(to)
		}
	}
	if u := step.Unknown; u != nil {
		fmt.Fprintf(to, "  %s: %s %s without a column %s dropped: %s\n", step.Label, count(u.Keys),
			plural(u.Keys, "key"), oneOf(u.Keys, "was", "were"), someOf(u.Names))
	}
}

// nothingNew reports whether no pipeline read or made a row, and each says why.
func nothingNew(s *stream.Summary) bool {
	for _, p := range s.Pipelines {
		moved := slices.ContainsFunc(p.Steps, func(s stream.StepSummary) bool { return s.Created+s.Rejected > 0 })
		if moved || p.Failed != "" || len(p.Steps[0].Lines) == 0 {
			return false
		}
	}
	return len(s.Pipelines) > 0
}

// someOf lists the first of many names.
func someOf(names []string) string {
	const most = 8
	var all []string
	for _, name := range names[:min(len(names), most)] {
		all = append(all, named(name))
	}
	if len(names) > most {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}

// named is a name out of the input, which may hold anything, for a terminal.
func named(name string) string {
	const most = 60
	if runes := []rune(name); len(runes) > most {
		name = string(runes[:most]) + "…"
	}
	if strings.ContainsFunc(name, unicode.IsMark) { // it may look like another name that is composed
		return strconv.QuoteToASCII(name)
	}
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || name == "" || strings.ContainsAny(name, " ,") {
		return quoted
	}
	return name
}
