// Package aggregation counts, sums and ranks rows by group in windows of event
// time, in sessions, or over all there is. It decides by the rows' own times
// alone which window they are in and when a window is complete; the wall clock
// has a say only where the config gives it one (on_idle, max_future_skew).
//
// A batch goes through four passes, each a tight loop over columns: classify
// each row by the watermark of its partition (classify.go), number its group
// (group.go), find its cell, one for each window and group (windows.go: aligned.go,
// session.go), and add its values, or those that a condition picks (where.go),
// to the cell's accumulators (count.go, sum.go, …). clock.go moves the
// watermark, emit.go hands out the windows it has passed (order.go sorts their
// groups, gather.go reads what they have come to), state.go saves what changed
// (runs.go, sessionstate.go). What there is one of for each cell is in lists (list.go).
package aggregation

import (
	"context"
	"fmt"
	"time"

	"etlengine/plugins/sdk"
)

// Config is what the YAML says. What is marked as keeping the state decides when
// windows close and which rows are let in, from the rows that come on: the
// watermark only grows, so no change of it opens or closes a window twice. The
// other keys decide what the state is of.
type Config struct {
	EventTime string        `json:"event_time" doc:"Column with the time of the event."`
	Watermark *sdk.Duration `json:"watermark" state:"keep" doc:"How far rows may run behind the newest."`

	Window     *Window                `json:"window" doc:"Windows of event time; without: emit on_end."`
	GroupBy    []string               `json:"group_by" doc:"Columns to group by."`
	Aggregates sdk.Ordered[Aggregate] `json:"aggregates" required:"true" doc:"New columns and their calls, such as tickets: count()."`

	OnIdle        string        `json:"on_idle" state:"keep" doc:"If all is silent: advance, flush or hold."`
	IdleTimeout   sdk.Duration  `json:"idle_timeout" state:"keep" doc:"How long silence is waited for."`
	OnEnd         string        `json:"on_end" state:"keep" doc:"Open windows at the end: flush (default), hold."`
	MaxFutureSkew *sdk.Duration `json:"max_future_skew" state:"keep" doc:"How far rows may be ahead (8760h); 0s: any."`

	Emit            string          `json:"emit" doc:"on_close of each window, or without one on_end of the input."`
	UnboundedState  bool            `json:"unbounded_state" state:"keep" doc:"Without a window: ever more groups."`
	AllowedLateness allowedLateness `json:"allowed_lateness"`
}

// The policies of on_idle and on_end, and the times of emit.
const (
	advance = "advance"
	flush   = "flush"
	hold    = "hold"
	onClose = "on_close"
	onEnd   = "on_end"
)

// allowedLateness is a key of neighbouring tools that windows emitted once cannot have.
type allowedLateness struct{}

// Refused keeps the key out of the documentation.
func (*allowedLateness) Refused() {}

// UnmarshalText explains what to use instead.
func (*allowedLateness) UnmarshalText([]byte) error {
	return sdk.Problem{Key: true, Message: "unknown field: a window is emitted once, when it is complete",
		Hint: "raise watermark by as much instead, and give the pipeline a late output"}
}

// shape is the part of the config that decides what windows a state is of.
func (c *Config) shape() string {
	switch s := c.Window.spec(); {
	case c.Window == nil && c.EventTime == "":
		return "no windows"
	case c.Window == nil:
		return "no windows by " + c.EventTime
	case c.Window.Session != nil:
		return fmt.Sprintf("sessions of %dus by %s", micros(c.Window.Session.Gap), c.EventTime)
	default:
		return fmt.Sprintf("windows of %dus every %dus from %dus by %s", s.size, s.every, s.offset, c.EventTime)
	}
}

// delay is the watermark's delay in microseconds.
func (c *Config) delay() int64 {
	if c.Watermark == nil {
		return 0
	}
	return time.Duration(*c.Watermark).Microseconds()
}

// farFuture is how far ahead of the clock a row may be unless the config says: a
// year. Planned events are in it; the mistakes that close every window (a mistyped
// year, the end of all time, nanoseconds taken for microseconds) mostly are not.
const farFuture = 365 * 24 * time.Hour

// skew is how far ahead of the clock a row may be, 0 for any. Without a window no
// row closes anything.
func (c *Config) skew() time.Duration {
	switch {
	case c.MaxFutureSkew != nil:
		return time.Duration(*c.MaxFutureSkew)
	case c.Window == nil:
		return 0
	}
	return farFuture
}

// atEnd is what the end of the input means.
func (c *Config) atEnd() sdk.AtEnd {
	switch {
	case c.Window == nil:
		return sdk.AtEnd{Only: "emit", Hint: "give the step a window, or the input an end; " +
			"a run that is stopped, or ends by --until, keeps it all"}
	case c.OnEnd == "":
		return sdk.AtEnd{Closes: "window", Hint: "on_end: hold keeps them open until the watermark has passed them; " +
			"with on_end: flush, or a late output, such rows are late"}
	}
	return sdk.AtEnd{}
}

// Transform is the aggregation step.
var Transform = sdk.Spec[Config]{
	Kind:    sdk.KindTransform,
	Name:    "aggregation",
	Summary: "Counts, sums and ranks rows by group in windows of event time.",
	Example: `aggregation:
  event_time: created_at
  watermark: 10s
  window: { tumbling: 1m }
  group_by: [type, priorite]
  aggregates:
    tickets: count()
    clients: approx_count_distinct(client_id)   # exact to 512, then a standard error of 1.6 %
    urgent: { call: count(), where: "priorite == 'urgent'" }
`,
	Defaults: Config{OnIdle: advance, Emit: onClose,
		IdleTimeout: sdk.Duration(30 * time.Second)},
	About: func(c *Config) sdk.Description {
		return sdk.Description{LateRows: c.Window != nil, Watermarks: true, AtEnd: c.atEnd()}
	},
	Columns: describeColumns,
	Inspect: func(_ context.Context, _ *Config, env sdk.Env) (sdk.Report, error) {
		if env.State == nil {
			return sdk.Report{}, nil
		}
		windows, err := storedWindows(env.State)
		return sdk.Report{Windows: windows}, err
	},
	Open: open,
}.Plugin()
