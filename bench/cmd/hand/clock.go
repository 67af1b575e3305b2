package main

import "time"

// clock parses times like 2026-01-01T00:00:00.736Z. What is the same in most of
// them, everything up to the minute, it parses once.
type clock struct {
	minute [16]byte
	micros int64 // of the minute
}

func (c *clock) parse(v []byte) (int64, error) {
	const short = len("2026-01-01T00:00:00Z")
	if len(v) < short || v[len(v)-1] != 'Z' {
		return parseAny(v)
	}
	if string(c.minute[:]) != string(v[:16]) {
		t, err := time.Parse("2006-01-02T15:04", string(v[:16]))
		if err != nil {
			return parseAny(v)
		}
		copy(c.minute[:], v)
		c.micros = t.UnixMicro()
	}
	seconds, scale := int64(v[17]-'0')*10+int64(v[18]-'0'), int64(1_000_000)
	micros := c.micros + seconds*scale
	if len(v) == short {
		return micros, nil
	}
	for _, d := range v[short : len(v)-1] {
		scale /= 10
		micros += int64(d-'0') * scale
	}
	return micros, nil
}

func parseAny(v []byte) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, string(v))
	return t.UnixMicro(), err
}
