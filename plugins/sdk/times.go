package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones for machines and images that have none

	"etlengine/plugins/sdk/strftime"
)

var timestampFormats = []string{"rfc3339", "unix_s", "unix_ms", "unix_us"}

// checkTimes refuses a format or a zone that the column's base type cannot have.
func (c *Column) checkTimes(base string) error {
	return errors.Join(c.checkFormat(base), c.checkZone(base))
}

func (c *Column) checkZone(base string) error {
	if c.Timezone == "" {
		return nil
	}
	layout, _ := c.Layout()
	switch {
	case base != "timestamp":
		return Fieldf("timezone", "is for timestamps, the column is %s", WithArticle(c.Type))
	case strings.HasPrefix(c.Format, "unix_"):
		return Fieldf("timezone", "numbers of %s are counted in UTC; leave timezone out", c.Format)
	case layout != nil && layout.Zoned():
		return Fieldf("timezone", "the format says how far a time is from UTC; leave timezone out")
	}
	if _, err := c.Zone(); err != nil {
		return Problem{Path: "timezone", Message: "no time zone named " + quote(c.Timezone),
			Hint: "zones are named as in the IANA database: UTC, Europe/Paris, America/New_York"}
	}
	return nil
}

func (c *Column) checkFormat(base string) error {
	switch {
	case c.Format == "":
		return nil
	case base != "timestamp" && base != "date" && base != "time":
		return Fieldf("format", "is for timestamps, dates and times, the column is %s", WithArticle(c.Type))
	case strings.Contains(c.Format, "%"):
		layout, err := strftime.New(c.Format)
		if err == nil {
			err = suits(layout, base)
		}
		if err != nil {
			return Fieldf("format", "%s: %v", quote(c.Format), err)
		}
		return nil
	case base == "timestamp" && slices.Contains(timestampFormats, c.Format):
		return nil
	}
	p := Problem{Path: "format", Hint: "in a pattern a % stands before each part",
		Message: fmt.Sprintf("want one of %s, or a pattern such as '%%d/%%m/%%Y %%H:%%M', got %s",
			strings.Join(timestampFormats, ", "), quote(c.Format))}
	if near := Nearest(c.Format, timestampFormats); near != "" {
		p.Hint = "did you mean " + near + "?"
	}
	return p
}

func suits(l *strftime.Layout, base string) error {
	switch {
	case base == "timestamp" && !l.Dated():
		return fmt.Errorf("want a date in it; without one, the type is time")
	case base == "date" && (!l.Dated() || l.Timed()):
		return fmt.Errorf("want a date and no time; with both, the type is timestamp")
	case base == "time" && (!l.Timed() || l.Dated()):
		return fmt.Errorf("want a time and no date; with both, the type is timestamp")
	}
	return nil
}

// Layout is the pattern of Format, or nil if that is a name.
func (c *Column) Layout() (*strftime.Layout, error) {
	if !strings.Contains(c.Format, "%") {
		return nil, nil
	}
	return strftime.New(c.Format)
}

// Zone is the zone of times that do not say theirs, or nil if they must.
func (c *Column) Zone() (*time.Location, error) {
	if c.Timezone == "" {
		return nil, nil
	}
	if c.Timezone == "Local" { // that of the machine, which moves with it
		return nil, fmt.Errorf("unknown time zone %s", c.Timezone)
	}
	return time.LoadLocation(c.Timezone)
}
