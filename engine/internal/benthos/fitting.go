package benthos

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/timefmt-go"

	"etlengine/plugins/sdk"
)

// fitting makes an object what the decoder of a schema reads: values that JSON
// has no form of are written in the one that their column takes, and what
// stands under a column's name moves to where the schema looks for it. The
// object itself may be shared, and is not changed.
func fitting(schema sdk.Schema, object map[string]any) (map[string]any, error) {
	fit, cloned := object, false
	for _, c := range schema {
		value, ok := object[c.Key]
		if !ok {
			continue
		}
		after, changed, err := fittingValue(c.Value, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Key, err)
		}
		if !changed && c.Value.From == "" {
			continue
		}
		if !cloned {
			fit, cloned = maps.Clone(object), true
		}
		setPath(fit, c.Value.Path(c.Key), after)
	}
	return fit, nil
}

// setPath sets a value inside of an object, whose inner objects may be shared.
func setPath(object map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		inner, _ := object[key].(map[string]any)
		if inner = maps.Clone(inner); inner == nil {
			inner = map[string]any{}
		}
		object[key] = inner
		object = inner
	}
	object[path[len(path)-1]] = value
}

func fittingValue(c sdk.Column, value any) (after any, changed bool, err error) {
	switch v := value.(type) {
	case time.Time:
		after, err = timeFor(c, v)
		return after, true, err
	case []byte:
		if c.Type == "string" && utf8.Valid(v) {
			return string(v), true, nil
		} // else base64, as everywhere in JSON
	}
	return value, false, nil
}

// timeFor writes a time as a column reads it.
func timeFor(c sdk.Column, t time.Time) (any, error) {
	t = t.UTC()
	switch {
	case strings.Contains(c.Format, "%"):
		return patterned(c, t)
	case c.Format == "unix_s":
		return unix(t.UnixMicro(), 1_000_000), nil
	case c.Format == "unix_ms":
		return unix(t.UnixMicro(), 1_000), nil
	case c.Format == "unix_us":
		return t.UnixMicro(), nil
	case c.Type == "date":
		return t.Format(time.DateOnly), nil
	case c.Type == "time":
		return t.Format("15:04:05.999999"), nil
	}
	return t.Format(time.RFC3339Nano), nil
}

// unix writes microseconds as a number of larger units.
func unix(micros, unit int64) json.Number {
	sign := ""
	if micros < 0 {
		sign, micros = "-", -micros
	}
	digits := len(strconv.FormatInt(unit, 10)) - 1
	return json.Number(fmt.Sprintf("%s%d.%0*d", sign, micros/unit, digits, micros%unit))
}

// patterned writes a time by the column's pattern, which is there for text that
// comes from elsewhere. It is an error if the pattern does not hold all of it.
func patterned(c sdk.Column, t time.Time) (string, error) {
	zone, err := c.Zone()
	if err != nil {
		return "", err
	}
	if zone != nil {
		t = t.In(zone)
	}
	text := timefmt.Format(t, c.Format)
	if !holds(c, t, text) {
		return "", fmt.Errorf("%s does not fit into the format %q; leave the format out of this schema",
			t.Format(time.RFC3339Nano), c.Format)
	}
	return text, nil
}

// holds reports whether a text says all that the column keeps of a time.
func holds(c sdk.Column, t time.Time, text string) bool {
	layout, err := c.Layout()
	if err != nil {
		return false
	}
	v, ok := layout.Read([]byte(text))
	_, offset := t.Zone()
	local := t.UnixMicro() + int64(offset)*1_000_000
	const day = 24 * 60 * 60 * 1_000_000
	switch c.Type {
	case "date":
		return ok
	case "time":
		return ok && v.Micros == ((local%day)+day)%day
	}
	return ok && v.Days*day+v.Micros == local
}
