package ticketgenerator

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// asked is what the config said when the event time of a run was decided.
type asked struct {
	Start string  `json:"start"` // "": none
	Span  int64   `json:"span"`  // microseconds
	Rate  float64 `json:"rate"`
	Count int64   `json:"count"` // -1: endless
}

func askedOf(c *Config) *asked {
	a := &asked{Span: time.Duration(c.Span).Microseconds(), Rate: c.Rate, Count: -1}
	if !c.Start.IsZero() {
		a.Start = stamp(c.Start.UnixMicro())
	}
	if c.Count != nil {
		a.Count = *c.Count
	}
	return a
}

func stamp(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }

// change is a key of the config that is not what it was.
type change struct{ key, was, is string }

// changes are those that decide which tickets a run has.
func (p *position) changes(c *Config) []change {
	var list []change
	if c.Seed != nil && *c.Seed != p.Seed {
		list = append(list, change{"seed", strconv.FormatUint(p.Seed, 10), strconv.FormatUint(*c.Seed, 10)})
	}
	is := askedOf(c)
	if p.Asked.Start != is.Start {
		list = append(list, change{"start", orNone(p.Asked.Start), orNone(is.Start)})
	}
	if p.Asked.Span != is.Span {
		list = append(list, change{"span", span(p.Asked.Span), span(is.Span)})
	}
	return list
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func span(micros int64) string {
	if micros == 0 {
		return "none"
	}
	return (time.Duration(micros) * time.Microsecond).String()
}

// goOn is the position in the run that the cursor was made in. Its tickets are
// decided; how many there are, and how fast they come, may change.
func (p position) goOn(c *Config, log *slog.Logger) (position, error) {
	for _, change := range p.changes(c) {
		return p, fmt.Errorf("%s: the run under way has %s, got %s; set it back until that run has ended, "+
			"or run with --fresh to begin anew", change.key, change.was, change.is)
	}
	is := askedOf(c)
	if is.Count == p.Asked.Count && (is.Rate == p.Asked.Rate || p.Rate == 0) {
		return p, nil
	}
	log.Info("the run under way goes on with another count or rate", "made", p.made(),
		"count", orEndless(is.Count), "was", orEndless(p.Asked.Count), "rate", is.Rate, "rate was", p.Asked.Rate)
	return p.split(is), nil
}

func orEndless(count int64) string {
	if count < 0 {
		return "endless"
	}
	return strconv.FormatInt(count, 10)
}

// split makes what is left of a run one of its own, with another count or pace:
// it spreads over what is left of the span.
func (p position) split(is *asked) position {
	if !p.isNow() {
		pace := p.pace()
		end := p.Start + p.Span
		p.Start += pace.at(p.Done)
		if p.Span > 0 {
			p.Start = min(p.Start, end-1)
			p.Span = end - p.Start
		}
	}
	if p.Rate > 0 {
		p.Rate = is.Rate
	}
	p.Before += p.Done
	p.Done, p.Count, p.Asked = 0, -1, is
	if is.Count >= 0 {
		p.Count = max(is.Count-int64(p.Before), 0)
	}
	return p
}
