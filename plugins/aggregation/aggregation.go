// Package aggregation counts, sums and ranks rows by group in windows of event
// time. It decides by the rows' own times alone which window they are in and
// when a window is complete; the wall clock has a say only where the config
// gives it one (on_idle).
//
// A batch goes through four passes, each a tight loop over columns: judge each
// row by the watermark of its partition (judge.go), number its group
// (group.go), find its cell, one for each window and group (cell.go), and add
// its values to the cell's accumulators (count.go, sum.go, …). clock.go moves
// the watermark, emit.go hands out the windows it has passed, state.go saves
// what changed.
package aggregation

import (
	"slices"
	"strings"
	"time"

	"etlengine/plugins/sdk"
)

// Config is what the YAML says.
type Config struct {
	EventTime string        `json:"event_time" required:"true" doc:"Column with the time of the event."`
	Watermark *sdk.Duration `json:"watermark" doc:"How far a row may run behind the newest of its partition."`

	Window     *Window                `json:"window" doc:"Windows of event time: tumbling, hopping or session."`
	GroupBy    []string               `json:"group_by" doc:"Columns to group by."`
	Aggregates sdk.Ordered[Aggregate] `json:"aggregates" required:"true" doc:"New columns and their calls."`

	OnIdle        string       `json:"on_idle" doc:"When all partitions are silent: advance, flush or hold."`
	IdleTimeout   sdk.Duration `json:"idle_timeout" doc:"How long a silent partition is waited for."`
	OnEnd         string       `json:"on_end" doc:"Open windows at the end of the input: flush or hold."`
	MaxFutureSkew sdk.Duration `json:"max_future_skew" doc:"How far rows may be in the future (not yet)."`

	Emit            string     `json:"emit" doc:"When results come out: on_close (on_end: not yet)."`
	UnboundedState  bool       `json:"unbounded_state" doc:"Allow aggregates without a window (not yet)."`
	AllowedLateness refusedKey `json:"allowed_lateness"`
}

// The policies of on_idle and on_end, and the times of emit.
const (
	advance = "advance"
	flush   = "flush"
	hold    = "hold"
	onClose = "on_close"
	onEnd   = "on_end"
)

// refusedKey is a key of neighbouring tools that has no place here.
type refusedKey struct{}

// UnmarshalText explains what to use instead.
func (*refusedKey) UnmarshalText([]byte) error {
	return sdk.Problem{Key: true, Message: "unknown field: a window is emitted once, when it is complete",
		Hint: "raise watermark by as much instead, and give the pipeline a late output"}
}

// Validate says what cannot be, and what is not there yet.
func (c *Config) Validate() error {
	problems := problems{}
	if c.EventTime == "" {
		problems.add("event_time", "want a column, got nothing")
	}
	if c.Watermark == nil {
		problems = append(problems, sdk.Problem{Path: "watermark", Warning: true, Message: "is not set",
			Hint: "without a delay, a row of a window is late as soon as a newer window has begun"})
	} else if *c.Watermark < 0 {
		problems.add("watermark", "want 0s or more, got %s", *c.Watermark)
	} else {
		problems.micros("watermark", *c.Watermark)
	}
	if c.Window == nil {
		problems.add("window", "is missing, such as {tumbling: 1m}; aggregates without one are not available yet")
	}
	problems.choice("on_idle", c.OnIdle, advance, flush, hold)
	problems.choice("on_end", c.OnEnd, flush, hold)
	if c.IdleTimeout <= 0 {
		problems.add("idle_timeout", "want more than 0s, got %s", c.IdleTimeout)
	}
	if c.MaxFutureSkew != 0 {
		problems.add("max_future_skew", "is not available yet; filter such rows before this step")
	}
	if c.Emit == onEnd {
		problems.add("emit", "on_end is for aggregates without a window, which are not available yet")
	} else {
		problems.choice("emit", c.Emit, onClose)
	}
	if c.UnboundedState {
		problems.add("unbounded_state", "is for aggregates without a window, which are not available yet")
	}
	c.validateNames(&problems)
	return problems.err()
}

// validateNames looks at the columns that the step makes.
func (c *Config) validateNames(p *problems) {
	if len(c.Aggregates) == 0 {
		p.add("aggregates", "want at least one, such as tickets: count()")
	}
	taken := []string{windowStart, windowEnd}
	for i, name := range c.GroupBy {
		path := pathOf("group_by", i)
		if slices.Contains(c.GroupBy[:i], name) {
			p.add(path, "%q is grouped by twice", name)
		} else if slices.Contains(taken, name) {
			p.add(path, "the step makes a column %s of its own; rename %q before it", name, name)
		}
	}
	taken = append(taken, c.GroupBy...)
	for _, a := range c.Aggregates {
		path := "aggregates." + a.Key
		switch {
		case a.Key == "":
			p.add("aggregates", "want a name for each column, got an empty one")
		case strings.HasPrefix(a.Key, "_"):
			p.add(path, "columns that begin with _ are the engine's; choose another name")
		case slices.Contains(taken, a.Key):
			p.add(path, "there is a column of this name already (have %s)", strings.Join(taken, ", "))
		}
		taken = append(taken, a.Key)
	}
}

// delay is the watermark's delay in microseconds.
func (c *Config) delay() int64 {
	if c.Watermark == nil {
		return 0
	}
	return time.Duration(*c.Watermark).Microseconds()
}

// Transform is the aggregation step.
var Transform = newPlugin()

func newPlugin() sdk.Plugin {
	p := sdk.Spec[Config]{
		Kind:    sdk.KindTransform,
		Name:    "aggregation",
		Late:    true,
		Summary: "Counts, sums and ranks rows by group in windows of event time.",
		Example: `aggregation:
  event_time: created_at
  watermark: 10s
  window: { tumbling: 1m }
  group_by: [type, priorite]
  aggregates:
    tickets: count()
    clients: approx_count_distinct(client_id)   # exact to 512, then a standard error of 1.6 %
`,
		Defaults: Config{OnIdle: advance, OnEnd: flush, Emit: onClose,
			IdleTimeout: sdk.Duration(30 * time.Second)},
		Schema: schema,
		Open:   open,
	}.Plugin()
	// Known only to be refused with a hint: not part of the documentation.
	p.Fields = slices.DeleteFunc(p.Fields, func(f sdk.Field) bool { return f.Name == "allowed_lateness" })
	return p
}
