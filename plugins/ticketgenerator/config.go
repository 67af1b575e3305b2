package ticketgenerator

import (
	"errors"
	"math"
	"strings"
	"time"

	"etlengine/plugins/sdk"
)

// Config is what a user may ask of the generator.
type Config struct {
	Count *int64  `json:"count" state:"keep" doc:"Tickets per run; endless if absent." alias:"limit,max,tickets"`
	Rate  float64 `json:"rate" state:"keep" doc:"Tickets a second, a batch each 250ms; any if absent."`

	Start Instant      `json:"start" doc:"First event time of all; without start and span it is now."`
	Span  sdk.Duration `json:"span" doc:"Event time of a run; later runs go on where it ends."`

	Disorder sdk.Duration `json:"disorder" state:"keep" doc:"How far created_at may run behind in the span."`

	LateRatio float64      `json:"late_ratio" state:"keep" doc:"Share of tickets late by up to late_by."`
	LateBy    sdk.Duration `json:"late_by" state:"keep" doc:"How late beyond disorder (10m or half the span)."`

	MalformedRatio float64 `json:"malformed_ratio" state:"keep" doc:"Share of tickets without a created_at."`

	Clients int64   `json:"clients" state:"keep" doc:"How many clients there are."`
	Seed    *uint64 `json:"seed" doc:"Same seed, same tickets; drawn at the first start if absent."`

	Types     sdk.Ordered[float64] `json:"types" state:"keep" doc:"Types of ticket and their weights."`
	Priorites sdk.Ordered[float64] `json:"priorites" state:"keep" doc:"Priorities, weights." alias:"priorities"`
}

func defaults() Config {
	return Config{
		Clients: 10_000,
		Types: sdk.Ordered[float64]{{Key: "support", Value: 30}, {Key: "billing", Value: 25},
			{Key: "technical", Value: 25}, {Key: "account", Value: 12}, {Key: "sales", Value: 8}},
		Priorites: sdk.Ordered[float64]{{Key: "low", Value: 20}, {Key: "normal", Value: 55},
			{Key: "high", Value: 18}, {Key: "urgent", Value: 7}},
	}
}

const (
	maxClients = 1_000_000_000
	minRate    = 1e-6 // a ticket in eleven days
	maxRate    = 1e9
)

// Validate refuses what no run could keep.
func (c *Config) Validate() error {
	var wrong []error
	fail := func(path, format string, args ...any) {
		wrong = append(wrong, sdk.Fieldf(path, format, args...))
	}
	if c.Count != nil && *c.Count < 0 {
		fail("count", "want 0 or more, got %d", *c.Count)
	}
	if c.Rate != 0 && !(c.Rate >= minRate && c.Rate <= maxRate) { // NaN is neither
		fail("rate", "want between %v and %v tickets a second, or 0 for no limit, got %v", minRate, maxRate, c.Rate)
	}
	if c.Clients < 1 || c.Clients > maxClients {
		fail("clients", "want between 1 and %d, got %d", maxClients, c.Clients)
	}
	for _, d := range []struct {
		name  string
		value sdk.Duration
	}{{"span", c.Span}, {"disorder", c.Disorder}, {"late_by", c.LateBy}} {
		if d.value < 0 {
			fail(d.name, "want 0 or more, got %v", d.value)
		} else if d.value > 0 && time.Duration(d.value) < time.Microsecond {
			fail(d.name, "want at least 1µs, which is the precision of event time, got %v", d.value)
		}
	}
	if c.Span > 0 && c.Count == nil {
		fail("span", "want count beside it: that many tickets are spread over the span")
	}
	if !c.Start.IsZero() && c.Span == 0 && c.Rate == 0 {
		fail("start", "want span or rate beside it: they say how event time moves on")
	}
	wrong = append(wrong, c.ratios()...)
	wrong = append(wrong, weights("types", c.Types)...)
	wrong = append(wrong, weights("priorites", c.Priorites)...)
	return errors.Join(wrong...)
}

func (c *Config) ratios() []error {
	var wrong []error
	ratio := func(name string, value float64) {
		if !(value >= 0 && value <= 1) {
			wrong = append(wrong, sdk.Fieldf(name, "want a share between 0 and 1, got %v", value))
		}
	}
	ratio("late_ratio", c.LateRatio)
	ratio("malformed_ratio", c.MalformedRatio)
	return wrong
}

func weights(path string, names sdk.Ordered[float64]) []error {
	var wrong []error
	total := 0.0
	for _, n := range names {
		if strings.TrimSpace(n.Key) == "" {
			wrong = append(wrong, sdk.Fieldf(path, "want a name before each weight, got an empty one"))
		}
		if !(n.Value >= 0 && n.Value <= math.MaxUint32) {
			wrong = append(wrong, sdk.Fieldf(path+"."+n.Key, "want a weight of 0 or more, got %v", n.Value))
			continue
		}
		total += n.Value
	}
	if total == 0 && len(wrong) == 0 {
		wrong = append(wrong, sdk.Fieldf(path, "want at least one weight above 0"))
	}
	return wrong
}

// Instant is a point in time, written as RFC 3339 or as a date.
type Instant struct{ time.Time }

// ConfigType is the type's name in the documentation.
func (Instant) ConfigType() string { return "timestamp" }

// UnmarshalText reads an instant.
func (i *Instant) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			i.Time = t.UTC()
			return nil
		}
	}
	return sdk.Fieldf("", "want a time such as 2026-01-31T08:00:00Z or 2026-01-31, got %.60q", text)
}
