package aggregation

import (
	"fmt"
	"slices"
	"strings"
)

// Validate returns what is wrong with the config.
func (c *Config) Validate() error {
	p := problems{}
	p.choice("on_idle", c.OnIdle, advance, flush, hold)
	if c.OnEnd != "" {
		p.choice("on_end", c.OnEnd, flush, hold)
	}
	p.choice("emit", c.Emit, onClose, onEnd)
	if c.IdleTimeout <= 0 {
		p.add("idle_timeout", "want more than 0s, got %s", c.IdleTimeout)
	}
	if skew := c.MaxFutureSkew; skew != nil && *skew < 0 {
		p.add("max_future_skew", "want 0s or more, got %s", *skew)
	} else if skew != nil {
		p.micros("max_future_skew", *skew)
	}
	if c.Watermark != nil && *c.Watermark < 0 {
		p.add("watermark", "want 0s or more, got %s", *c.Watermark)
	} else if c.Watermark != nil {
		p.micros("watermark", *c.Watermark)
	}
	if c.Window != nil {
		c.validateWindowed(&p)
	} else {
		c.validateGlobalWindow(&p)
	}
	c.validateNames(&p)
	return p.err()
}

func (c *Config) validateWindowed(p *problems) {
	if c.EventTime == "" {
		p.add("event_time", "want a column, got nothing")
	}
	if c.Watermark == nil {
		p.warn("no-watermark", "watermark", "is not set",
			"without a delay, a row of a window is late as soon as a newer window has begun")
	} else if size := c.Window.size(); size > 0 && *c.Watermark > size {
		p.warn("watermark-exceeds-window", "watermark", fmt.Sprintf(
			"every window of %s waits %s for late rows before it comes out", size, *c.Watermark),
			"fewer rows are late with a longer delay, results come sooner with a shorter one")
	}
	if c.Emit == onEnd {
		p.add("emit", "on_end is for aggregates without a window; each window comes out when it is complete")
	}
	if c.UnboundedState {
		p.warn("", "unbounded_state", "does nothing: windows close, and their state goes with them", "")
	}
}

// validateGlobalWindow checks aggregates without a window.
func (c *Config) validateGlobalWindow(p *problems) {
	if c.Emit != onEnd {
		p.add("window", "is missing, such as {tumbling: 1m}; "+
			"for one result at the end of the input write emit: on_end instead")
		return
	}
	if what := c.unbounded(); what != "" && !c.UnboundedState {
		p.add("unbounded_state", "without a window every %s is kept for good; want true to allow it, got false", what)
	} else if what != "" {
		p.warn("unbounded-state", "unbounded_state", "every "+what+" is kept until the input ends, "+
			"and memory grows with them", "a window bounds them; leave it so if there are never many")
	}
	if c.OnIdle == flush {
		p.add("on_idle", "flush closes windows, and there is none; want %s or %s", advance, hold)
	}
	if c.OnEnd == hold {
		p.add("on_end", "hold keeps what emit: on_end would tell; nothing would ever come out")
	}
	if c.Watermark != nil {
		p.warn("", "watermark", "does nothing: without a window no row is late", "")
	}
	if c.EventTime != "" {
		return
	}
	if c.MaxFutureSkew != nil && *c.MaxFutureSkew > 0 {
		p.add("event_time", "want the column that max_future_skew is about, got nothing")
	}
	for _, a := range c.Aggregates {
		if f := a.Value.Call.Function; f == "first" || f == "last" {
			p.add("event_time", "want the column that %s goes by, got nothing", f)
			break
		}
	}
}

// unbounded is what the state would have ever more of, if there is no window.
func (c *Config) unbounded() string {
	if len(c.GroupBy) > 0 {
		return "group"
	}
	for _, a := range c.Aggregates {
		if a.Value.Call.Function == "count_distinct" {
			return "value that count_distinct has seen"
		}
	}
	return ""
}

// validateNames checks the columns that the step makes.
func (c *Config) validateNames(p *problems) {
	if len(c.Aggregates) == 0 {
		p.add("aggregates", "want at least one, such as tickets: count()")
	}
	var existing []string
	if c.Window != nil {
		existing = []string{windowStart, windowEnd}
	}
	for i, name := range c.GroupBy {
		path := pathOf("group_by", i)
		if slices.Contains(c.GroupBy[:i], name) {
			p.add(path, "%q is grouped by twice", name)
		} else if slices.Contains(existing, name) {
			p.add(path, "the step makes a column %s of its own; rename %q before it", name, name)
		}
	}
	existing = append(existing, c.GroupBy...)
	for _, a := range c.Aggregates {
		path := "aggregates." + a.Key
		switch {
		case a.Key == "":
			p.add("aggregates", "want a name for each column, got an empty one")
		case strings.HasPrefix(a.Key, "_"):
			p.add(path, "columns that begin with _ are the engine's; choose another name")
		case slices.Contains(existing, a.Key):
			p.add(path, "there is a column of this name already (have %s)", strings.Join(existing, ", "))
		}
		existing = append(existing, a.Key)
	}
}
