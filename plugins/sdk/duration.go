package sdk

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as "10s", "1h30m", or "2d" for days.
type Duration time.Duration

// ConfigType is the type's name in the documentation.
func (Duration) ConfigType() string { return "duration" }

// String is the shortest way to write the duration.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 64); err == nil {
			if n > maxDays || n < -maxDays {
				return tooLong(s)
			}
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return badDuration(s)
	}
	*d = Duration(parsed)
	return nil
}

const (
	maxHours = int64(math.MaxInt64 / time.Hour)
	maxDays  = maxHours / 24
)

func tooLong(text string) error {
	return fmt.Errorf("want a duration of at most %dh (292 years), got %s", maxHours, text)
}

// numberAndUnit is a duration as other tools have it: 1 day, 5min, 2.5 hours.
var numberAndUnit = regexp.MustCompile(`^([+-]?[0-9]*\.?[0-9]+)\s*([A-Za-zµ]*)$`)

// units are the names of other tools for ours.
var units = []struct {
	unit  string
	names []string
}{
	{"ms", []string{"millis", "milli", "msec", "millisecond", "milliseconds"}},
	{"s", []string{"sec", "secs", "second", "seconds"}},
	{"m", []string{"min", "mins", "minute", "minutes"}},
	{"h", []string{"hr", "hrs", "hour", "hours"}},
	{"d", []string{"day", "days"}},
}

// badDuration says what is wrong with a text that is no duration, and how to
// write what was meant.
func badDuration(text string) error {
	const wanted = "want a duration such as 500ms, 10s or 1h30m"
	m := numberAndUnit.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return fmt.Errorf("%s, got %s", wanted, quote(text))
	}
	number, name := m[1], strings.ToLower(m[2])
	switch {
	case name == "":
		return fmt.Errorf("%s, got %s; write %ss for seconds", wanted, text, number)
	case slices.Contains([]string{"mo", "mon", "month", "months", "y", "yr", "year", "years"}, name):
		return Problem{Message: fmt.Sprintf("%s, got %s", wanted, quote(text)),
			Hint: "a duration has a fixed length: a day is 24h, whatever the time zone; there are no months or years"}
	case slices.Contains([]string{"w", "wk", "week", "weeks"}, name):
		return fmt.Errorf("%s, got %s; write it in days, such as 7d", wanted, quote(text))
	}
	for _, u := range units {
		if name == u.unit || slices.Contains(u.names, name) {
			if u.unit == "d" && strings.Contains(number, ".") {
				return fmt.Errorf("%s, got %s; days are whole numbers, write it in hours", wanted, quote(text))
			}
			if _, err := time.ParseDuration(number + name); err != nil && name == u.unit && name != "d" {
				return tooLong(text)
			}
			return fmt.Errorf("%s, got %s; write %s%s", wanted, quote(text), number, u.unit)
		}
	}
	return fmt.Errorf("%s, got %s", wanted, quote(text))
}
