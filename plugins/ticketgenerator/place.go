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

// place is where a generator is, and all that was decided at a start: with it
// and the config the rest of the tickets is known. It is the cursor.
type place struct {
	Seed  uint64 `json:"seed"`
	IDs   uint64 `json:"ids"`   // key of the ticket ids: the first seed, so that no id comes back under another
	Index uint64 `json:"index"` // tickets ever made
	Run   uint64 `json:"run"`
	Done  uint64 `json:"done"`  // tickets made in this run
	Count int64  `json:"count"` // of this run; -1: endless

	// The event time of the run in microseconds. Span is 0 if it has no end
	// of its own; Rate is then what moves it on, and 0 means that it is now.
	Start int64   `json:"start"`
	Span  int64   `json:"span"`
	Rate  float64 `json:"rate"`
	// Newest is the end of the latest event time so far, if that was now.
	Newest int64 `json:"newest"`
}

// latest is the last event time that RFC 3339 can write.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro()

// resume is the place to go on from: the cursor itself in the run it was made
// in, the beginning of another run after it.
func resume(cursor []byte, c *Config, run uint64, log *slog.Logger) (place, error) {
	var p place
	if cursor == nil {
		seed := rand.Uint64()
		if c.Seed != nil {
			seed = *c.Seed
		}
		return p.next(c, place{Seed: seed, IDs: seed, Run: run})
	}
	if err := json.Unmarshal(cursor, &p); err != nil {
		return p, fmt.Errorf("reading the cursor %.100q: %w", cursor, err)
	}
	if run < p.Run {
		return p, fmt.Errorf("resuming run %d: the cursor is of run %d, which is later", run, p.Run)
	}
	if run > p.Run {
		fresh := place{Seed: p.Seed, IDs: p.IDs, Index: p.Index, Run: run}
		if c.Seed != nil {
			fresh.Seed = *c.Seed
		}
		return p.next(c, fresh)
	}
	if p.differs(c) {
		log.Warn("count, seed, start and span hold for a whole run: their changes wait for the next one",
			"count", p.Count, "seed", p.Seed, "span", time.Duration(p.Span)*time.Microsecond)
	}
	return p, nil
}

// differs tells whether the config asks for another run than the one under way.
func (p place) differs(c *Config) bool {
	now, err := p.next(c, place{})
	return err != nil || now.Count != p.Count || now.Span != p.Span || now.Rate != p.Rate ||
		!c.Start.IsZero() && now.Start != p.Start || c.Seed != nil && *c.Seed != p.Seed
}

// next decides the event time of a run that follows p, which may be nothing.
func (p place) next(c *Config, fresh place) (place, error) {
	fresh.Count = -1
	if c.Count != nil {
		fresh.Count = *c.Count
	}
	fresh.Span = time.Duration(c.Span).Microseconds()
	switch {
	case !c.Start.IsZero():
		fresh.Start = c.Start.UnixMicro()
		if fresh.Span == 0 {
			fresh.Rate = c.Rate
		}
	case fresh.Span > 0 && p.end() != 0:
		fresh.Start = p.end()
	case fresh.Span > 0:
		fresh.Start = time.Now().Truncate(time.Minute).UnixMicro() - fresh.Span
	}
	if fresh.Start > latest-fresh.Span {
		return fresh, fmt.Errorf("spreading tickets over %v from %s: event time ends with the year 9999",
			time.Duration(c.Span), time.UnixMicro(fresh.Start).UTC().Format(time.RFC3339))
	}
	return fresh, nil
}

// end is where the run's event time ends, 0 if there was none.
func (p *place) end() int64 {
	switch {
	case p.Span > 0:
		return p.Start + p.Span
	case p.Rate > 0:
		pace := p.pace()
		return p.Start + pace.at(p.Done)
	}
	return p.Newest
}

func (p *place) isNow() bool { return p.Span == 0 && p.Rate == 0 }

// left is how many tickets the run still owes, -1 if it is endless.
func (p *place) left() int64 {
	if p.Count < 0 {
		return -1
	}
	return max(p.Count-int64(p.Done), 0)
}

func (p *place) cursor() []byte {
	text, _ := json.Marshal(p) // numbers always encode; the rate was checked to be one
	return text
}

// pace is the event time between two tickets, in microseconds and 1/2^64 of
// one: evenly spread without overflow, and without a division per ticket.
type pace struct {
	whole    uint64
	fraction uint64
}

func (p *place) pace() pace {
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
	carry, _ := bits.Mul64(n, p.fraction)
	return int64(n*p.whole + carry)
}

// slots is how many slots fit into a time.
func (p pace) slots(d time.Duration) uint64 {
	width := float64(p.whole) + float64(p.fraction)/(1<<64)
	if width == 0 || d <= 0 {
		return 1
	}
	return uint64(min(max(float64(d.Microseconds())/width, 1), 1<<62))
}
