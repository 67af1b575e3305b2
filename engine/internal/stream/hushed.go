package stream

import (
	"context"
	"log/slog"
	"strings"
)

// hushed is a log for components that are steps. That a processor could not
// take a message is said by the row's reject; Benthos's own line about it, one
// for each message, is for debugging only. What a log processor says is not
// touched.
type hushed struct {
	slog.Handler
	processor bool // the lines are a processor's own
}

// Handle makes a processor's own lines debug lines.
func (h hushed) Handle(ctx context.Context, r slog.Record) error {
	if h.processor {
		r.Level = slog.LevelDebug
		if !h.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs learns from what Benthos tells of a component who it is.
func (h hushed) WithAttrs(attrs []slog.Attr) slog.Handler {
	hush := h.processor
	for _, a := range attrs {
		switch a.Key {
		case "path":
			hush = hush || strings.Contains(a.Value.String(), ".processors")
		case "custom_source": // a log processor speaking for the user
			hush = false
		}
	}
	return hushed{h.Handler.WithAttrs(attrs), hush}
}

// WithGroup keeps what is known.
func (h hushed) WithGroup(name string) slog.Handler {
	return hushed{h.Handler.WithGroup(name), h.processor}
}
