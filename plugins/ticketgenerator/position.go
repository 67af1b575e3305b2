package ticketgenerator

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// position is where a generator is, and all that was decided at a start: with it
// and the config the rest of the tickets is known. It is the cursor.
type position struct {
	Seed  uint64 `json:"seed"`
	IDs   uint64 `json:"ids"`   // key of the ticket ids: the first seed, so that no id comes back under another
	Index uint64 `json:"index"` // tickets ever made
	Run   uint64 `json:"run"`
	// Before is what this run had made when its count or rate was changed; Done
	// and Count are of what was left of it then.
	Before uint64 `json:"before,omitempty"`
	Done   uint64 `json:"done"`
	Count  int64  `json:"count"` // -1: endless

	// The event time of the run in microseconds. Span is 0 if it has no end
	// of its own; Rate is then what moves it on, and 0 means that it is now.
	Start int64   `json:"start"`
	Span  int64   `json:"span"`
	Rate  float64 `json:"rate"`
	// Newest is the end of the latest event time so far, if that was now.
	Newest int64  `json:"newest"`
	Asked  *asked `json:"asked"`
}

// latest is the last event time that RFC 3339 can write.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()

// resume is the position to go on from: the cursor itself in the run it was made
// in, the beginning of another run after it.
func resume(cursor []byte, c *Config, run uint64, log *slog.Logger) (position, error) {
	var p position
	if cursor == nil {
		seed := rand.Uint64()
		if c.Seed != nil {
			seed = *c.Seed
		}
		return p.next(c, position{Seed: seed, IDs: seed, Run: run})
	}
	if err := json.Unmarshal(cursor, &p); err != nil {
		return p, fmt.Errorf("reading the cursor %.100q: %w", cursor, err)
	}
	if run < p.Run {
		return p, fmt.Errorf("resuming run %d: the cursor is of run %d, which is later; "+
			"run with --fresh to begin anew", run, p.Run)
	}
	if p.Asked == nil {
		p.Asked = askedOf(c)
	}
	if run == p.Run {
		return p.goOn(c, log)
	}
	for _, change := range p.changes(c) {
		log.Info("a new run with another "+change.key, "was", change.was, "is", change.is)
	}
	fresh := position{Seed: p.Seed, IDs: p.IDs, Index: p.Index, Run: run}
	if c.Seed != nil {
		fresh.Seed = *c.Seed
	}
	if behind := p.end(); c.Span == 0 && c.Start.IsZero() && behind > time.Now().UnixMicro() {
		log.Warn("event time is now, but the runs before went on beyond it: tickets are late until then",
			"until", stamp(behind))
	}
	return p.next(c, fresh)
}

// next decides the event time of a run that follows p, which may be nothing. It
// goes on behind p's, since what is there has been read: its windows are closed.
func (p position) next(c *Config, fresh position) (position, error) {
	is, behind := askedOf(c), p.end()
	fresh.Asked, fresh.Count, fresh.Span, fresh.Newest = is, is.Count, is.Span, behind
	switch moved := p.Asked != nil && p.Asked.Start != is.Start; {
	case is.Start != "" && (moved || behind == 0):
		fresh.Start = c.Start.UnixMicro()
		if fresh.Start < behind {
			return fresh, fmt.Errorf("start: the runs before went on to %s, and tickets from %s on would be late; "+
				"want no earlier one, or none to go on behind them, or run with --fresh to begin anew",
				stamp(behind), is.Start)
		}
	case behind != 0 && (is.Start != "" || is.Span > 0):
		whole := unit(is.Span)
		fresh.Start = (behind + whole - 1) / whole * whole
	case is.Span > 0:
		fresh.Start = time.Now().UnixMicro()/unit(is.Span)*unit(is.Span) - is.Span
	}
	if is.Start != "" && is.Span == 0 {
		fresh.Rate = is.Rate
	}
	if fresh.Start > latest-fresh.Span {
		return fresh, fmt.Errorf("spreading tickets over %v from %s: event time ends with the year 9999",
			time.Duration(c.Span), stamp(fresh.Start))
	}
	return fresh, nil
}

// unit is what the event time of a run begins and ends with a multiple of, in
// microseconds: its span, if a day is so many of them, else a minute. So runs
// meet where windows do, and none has to share one with the run before.
func unit(span int64) int64 {
	const minute, day = 60e6, 24 * 60 * 60e6
	if span > 0 && int64(day)%span == 0 {
		return span
	}
	return minute
}

// end is where the run's event time ends, 0 if there was none.
func (p *position) end() int64 {
	switch {
	case p.Span > 0:
		return p.Start + p.Span
	case p.Rate > 0:
		pace := p.pace()
		return p.Start + pace.at(p.Done)
	}
	return p.Newest
}

// made is how many tickets the run has so far.
func (p *position) made() uint64 { return p.Before + p.Done }

func (p *position) isNow() bool { return p.Span == 0 && p.Rate == 0 }

// left is how many tickets the run still owes, -1 if it is endless.
func (p *position) left() int64 {
	if p.Count < 0 {
		return -1
	}
	return max(p.Count-int64(p.Done), 0)
}

func (p *position) cursor() []byte {
	text, _ := json.Marshal(p) // numbers always encode; the rate was checked to be one
	return text
}

// pace is the event time between two tickets, in microseconds and 1/2^64 of
// one: evenly spread without overflow, and without a division per ticket.
type pace struct {
	whole    uint64
	fraction uint64
}

func (p *position) pace() pace {
	if p.Span > 0 {
		n := uint64(max(p.Count, 1))
		fraction, _ := bits.Div64(uint64(p.Span)%n, 0, n)
		return pace{uint64(p.Span) / n, fraction}
	}
	if p.Rate > 0 {
		whole, fraction := math.Modf(1e6 / p.Rate)
		return pace{uint64(whole), uint64(fraction*(1<<53)) << 11}
	}
	return pace{}
}

// at is the time of the nth slot, from the start.
func (p pace) at(n uint64) int64 {
	carried, _ := bits.Mul64(n, p.fraction)
	return int64(n*p.whole + carried)
}

// slots is how many slots fit into a time.
func (p pace) slots(d time.Duration) uint64 {
	width := float64(p.whole) + float64(p.fraction)/(1<<64)
	if width == 0 || d <= 0 {
		return 1
	}
	return uint64(min(max(float64(d.Microseconds())/width, 1), 1<<62))
}
