package benthos

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// tidied is a log handler for Benthos. Benthos gives an attribute again where a
// component is inside of another one, and ends some messages with a line break:
// here the newest value of an attribute counts, and empty ones are left out.
type tidied struct {
	slog.Handler
	attrs []slog.Attr
}

// Handle adds the attributes to a line.
func (t tidied) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, r.Level, strings.TrimSpace(r.Message), r.PC)
	for _, a := range t.attrs {
		if !a.Value.Equal(slog.StringValue("")) {
			line.AddAttrs(a)
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		line.AddAttrs(a)
		return true
	})
	return t.Handler.Handle(ctx, line)
}

// WithAttrs replaces attributes that are given again.
func (t tidied) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tidied{t.Handler, replaced(t.attrs, attrs)}
}

func replaced(before, attrs []slog.Attr) []slog.Attr {
	all := slices.Clone(before)
	for _, a := range attrs {
		if at := slices.IndexFunc(all, func(old slog.Attr) bool { return old.Key == a.Key }); at >= 0 {
			all[at] = a
		} else {
			all = append(all, a)
		}
	}
	return all
}

// spokenMark is the attribute by which Benthos marks what a log processor says.
const spokenMark = "custom_source"

// stepLog is the log of the components of steps. It names the pipeline and the
// step instead of Benthos's path of them. What processors say while they work
// on messages is kept until it is known which of it their rows say too.
type stepLog struct {
	next   slog.Handler // of what components say
	spoken slog.Handler // of what log processors say
	find   func(label string) *hosted
	step   *hosted // nil: of a resource, or not known yet
	attrs  []slog.Attr
	fields []slog.Attr // that a log processor was given
	own    bool        // of a log processor
	inner  bool        // of a processor
}

// Enabled is true for all lines of a step: those for debugging say which errors
// messages have.
func (l stepLog) Enabled(ctx context.Context, level slog.Level) bool {
	return l.step != nil || l.own && l.spoken.Enabled(ctx, level) || l.next.Enabled(ctx, level)
}

// Handle hands a line to the step it is of, or on.
func (l stepLog) Handle(ctx context.Context, r slog.Record) error {
	if l.step != nil && !l.own {
		if l.inner && l.step.lines.keep(l, r) {
			return nil
		}
		l.step.connection.hear(r)
	}
	return l.emit(ctx, r)
}

func (l stepLog) emit(ctx context.Context, r slog.Record) error {
	next := l.next
	if l.own {
		next = l.spoken
	}
	if !next.Enabled(ctx, r.Level) {
		return nil
	}
	t := tidied{Handler: next}
	if l.step != nil {
		t.attrs = []slog.Attr{slog.String("pipeline", l.step.pipeline), slog.String("step", l.step.step)}
	}
	for _, a := range l.attrs {
		switch {
		case a.Key == spokenMark, a.Key == "path" && l.step != nil:
		case a.Key == "label" && (strings.HasPrefix(a.Value.String(), stepPrefix) ||
			l.step != nil && a.Value.String() == l.step.step):
		default:
			t.attrs = replaced(t.attrs, []slog.Attr{a})
		}
	}
	t.attrs = replaced(t.attrs, l.fields)
	return t.Handle(ctx, r)
}

// WithAttrs learns from what Benthos says of a component which one it is.
func (l stepLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	if l.own {
		l.fields = replaced(l.fields, attrs)
		return l
	}
	for _, a := range attrs {
		switch a.Key {
		case "label":
			if s := l.find(a.Value.String()); s != nil {
				l.step = s
			}
		case "path":
			l.inner = l.inner || strings.Contains(a.Value.String(), ".processors")
		case spokenMark:
			l.own = true
		}
	}
	l.attrs = replaced(l.attrs, attrs)
	return l
}

// WithGroup keeps what is known; Benthos makes no groups.
func (l stepLog) WithGroup(string) slog.Handler { return l }

// lines are what the processors of a step have said about the messages that they
// are working on.
type lines struct {
	mu   sync.Mutex // guards what follows; processors may run side by side
	on   bool
	kept []line
}

type line struct {
	log    stepLog
	record slog.Record
}

// keep returns false if the processors do not work on messages now.
func (l *lines) keep(log stepLog, r slog.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.kept = append(l.kept, line{log, r.Clone()})
	}
	return l.on
}

func (l *lines) begin() {
	l.mu.Lock()
	l.on = true
	l.mu.Unlock()
}

// failedMark begins the line for debugging by which Benthos says that a message
// has got an error.
const failedMark = "Processor failed: "

// end returns the errors that no message has: what was said at level error, and
// not of a message's error too. The rows of those that have one say it. All
// other lines go to the log, at their own level.
func (l *lines) end(ctx context.Context) []line {
	l.mu.Lock()
	kept := l.kept
	l.kept, l.on = nil, false
	l.mu.Unlock()
	if len(kept) == 0 {
		return nil
	}
	said := map[string]bool{}
	for _, k := range kept {
		if text, ok := strings.CutPrefix(k.record.Message, failedMark); ok {
			said[strings.ToLower(strings.TrimSpace(text))] = true
		}
	}
	var errors []line
	for _, k := range kept {
		text := strings.ToLower(strings.TrimSpace(k.record.Message)) // some begin with a capital
		switch {
		case k.record.Level >= slog.LevelError && said[text]:
			k.record.Level = slog.LevelDebug
		case k.record.Level >= slog.LevelError:
			errors = append(errors, k)
			continue
		}
		_ = k.log.emit(ctx, k.record) // there is nothing to do about a log that fails
	}
	return errors
}

// connection follows what Benthos says of the connection of an input or output:
// it connects when it is used, and would try for ever. Connecting once before,
// to try it out, would lose what the other side sends or does first.
type connection struct {
	mu     sync.Mutex // guards what follows
	active bool       // it was connected once
	failed func(cause string)
}

// hear calls failed for the first attempt if that is in vain.
func (c *connection) hear(r slog.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil || c.active {
		return
	}
	if strings.HasSuffix(strings.TrimSpace(r.Message), " is now active") {
		c.active = true
	} else if text, ok := strings.CutPrefix(r.Message, "Failed to connect to "); ok {
		c.active = true // later ones are for the log only
		_, cause, _ := strings.Cut(text, ": ")
		c.failed(strings.TrimSpace(cause))
	}
}

// watch sets what is called, once, if the first attempt to connect fails.
func (c *connection) watch(failed func(cause string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active, c.failed = false, failed
}
