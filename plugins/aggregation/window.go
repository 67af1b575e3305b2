package aggregation

import (
	"fmt"
	"time"

	"etlengine/plugins/sdk"
)

// Window says which windows a row belongs to.
type Window struct {
	Tumbling *sdk.Duration `json:"tumbling" doc:"Size of windows that follow one another."`
	Hopping  *Hopping      `json:"hopping" alias:"sliding" doc:"Windows that overlap: {size: 5m, every: 1m}."`
	Session  *Session      `json:"session" doc:"Windows of a group that end with a silence: {gap: 30s}."`
	Offset   sdk.Duration  `json:"offset" doc:"Shift of tumbling and hopping windows from the Unix epoch in UTC."`
}

// Hopping are windows of one size that begin at shorter intervals.
type Hopping struct {
	Size  sdk.Duration `json:"size" required:"true" doc:"Size of a window."`
	Every sdk.Duration `json:"every" required:"true" alias:"slide,hop" doc:"From start to start."`
}

// Session are windows of one group that last as long as its rows are nearer to
// one another than the gap.
type Session struct {
	Gap sdk.Duration `json:"gap" required:"true" doc:"Silence that ends a session."`
}

// windowShapes shows how windows are written.
const windowShapes = "write { tumbling: 1m }, { hopping: { size: 5m, every: 1m } } or { session: { gap: 30s } }"

// FromText refuses a scalar where the shape of the windows must be named.
func (*Window) FromText(text string) error {
	return sdk.Problem{Code: sdk.CodeWrongType, Message: fmt.Sprintf("want a map, got %q", text), Hint: windowShapes}
}

// FromText refuses a scalar where both durations must be named.
func (*Hopping) FromText(text string) error {
	return sdk.Problem{Code: sdk.CodeWrongType, Message: fmt.Sprintf("want a map, got %q", text),
		Hint: "write { hopping: { size: 5m, every: 1m } }"}
}

// FromText refuses a scalar where the gap must be named.
func (*Session) FromText(text string) error {
	return sdk.Problem{Code: sdk.CodeWrongType, Message: fmt.Sprintf("want a map, got %q", text),
		Hint: "write { session: { gap: 30s } }"}
}

// maxOverlap bounds the windows a row may be in: each is work and memory.
const maxOverlap = 1000

// Validate wants exactly one shape, with sizes that make sense.
func (w *Window) Validate() error {
	p := problems{}
	named := 0
	for _, set := range []bool{w.Tumbling != nil, w.Hopping != nil, w.Session != nil} {
		if set {
			named++
		}
	}
	if named != 1 {
		p.add("", "want one of tumbling, hopping, session, got %d of them", named)
		return p.err()
	}
	if w.Session != nil {
		w.Session.validate(w.Offset, &p)
		return p.err()
	}
	size, every, path := w.size(), w.size(), "tumbling"
	if w.Hopping != nil {
		size, every, path = w.Hopping.Size, w.Hopping.Every, "hopping.size"
		if every <= 0 || every > size {
			p.add("hopping.every", "want more than 0s and at most the size of %s, got %s", size, every)
		} else if (size-1)/every >= maxOverlap {
			p.add("hopping.every", "puts a row into more than %d windows; want at least %s",
				maxOverlap, (size-1)/maxOverlap+1)
		}
		p.micros("hopping.every", every)
	}
	if size <= 0 {
		p.add(path, "want more than 0s, got %s", size)
	}
	p.micros(path, size)
	p.micros("offset", w.Offset)
	if len(p) == 0 && (w.Offset >= every || -w.Offset >= every) {
		p.add("offset", "want less than %s, which is where the windows repeat, got %s", every, w.Offset)
	}
	return p.err()
}

func (s *Session) validate(offset sdk.Duration, p *problems) {
	if s.Gap <= 0 {
		p.add("session.gap", "want more than 0s, got %s", s.Gap)
	}
	p.micros("session.gap", s.Gap)
	if offset != 0 {
		p.add("offset", "is for tumbling and hopping windows; sessions begin with their first row")
	}
}

// size is how long a window lasts, 0 for sessions.
func (w *Window) size() sdk.Duration {
	if w.Hopping != nil {
		return w.Hopping.Size
	}
	if w.Tumbling != nil {
		return *w.Tumbling
	}
	return 0
}

// windowSpec computes windows: [start, start+size) for every start that is a
// multiple of every away from the offset. All times are microseconds.
type windowSpec struct {
	size, every, offset int64
}

// spec is the windows that decide whether a row is late. A row of a session is late from its own
// time on, as that of a window of no more than a microsecond is; without windows
// none is ever late.
func (w *Window) spec() windowSpec {
	switch {
	case w == nil:
		return windowSpec{size: maxTime - minTime + 1, every: maxTime - minTime + 1, offset: minTime}
	case w.Session != nil:
		return windowSpec{size: 1, every: 1}
	}
	s := windowSpec{offset: micros(w.Offset)}
	if w.Hopping != nil {
		s.size, s.every = micros(w.Hopping.Size), micros(w.Hopping.Every)
	} else {
		s.size, s.every = micros(w.size()), micros(w.size())
	}
	return s
}

// times are the first and the last event time whose windows all begin and end in the
// years 1 to 9999: a row beyond would come out with a time that nobody reads.
func (w *Window) times() (first, last int64) {
	switch s := w.spec(); {
	case w == nil:
		return minTime, maxTime
	case w.Session != nil:
		return minTime, maxTime - micros(w.Session.Gap)
	default:
		start := s.last(minTime-1) + s.every // the first that is of the year 1
		return max(minTime, start-s.every+s.size), s.last(maxTime-s.size) + s.every - 1
	}
}

func micros(d sdk.Duration) int64 { return time.Duration(d).Microseconds() }

// last is the start of the newest window that holds at.
func (s windowSpec) last(at int64) int64 {
	into := (at - s.offset) % s.every
	if into < 0 {
		into += s.every
	}
	return at - into
}

// first is the start of the oldest window that holds at, given the newest.
func (s windowSpec) first(at, last int64) int64 {
	return last - (s.size-1-(at-last))/s.every*s.every
}

// open is the start of the oldest window that ends after closed.
func (s windowSpec) open(closed int64) int64 {
	return s.last(closed-s.size) + s.every
}
