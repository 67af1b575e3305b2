package columns

import (
	"math"
	"time"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/strftime"
)

// times is how text becomes a time where the schema says so.
type times struct {
	pattern string
	layout  *strftime.Layout // nil: RFC 3339
	zone    *zone            // of times that do not say theirs; nil: UTC by a layout, none in RFC 3339
	text    []byte
}

// timesOf is the unit of a timestamp that is a number, or how its text is read;
// neither says: as usual.
func timesOf(spec *sdk.Column) (unit int64, t *times) {
	switch spec.Format {
	case "unix_s":
		return 1_000_000, nil
	case "unix_ms":
		return 1_000, nil
	case "unix_us":
		return 1, nil
	}
	layout, err := spec.Layout()
	where, zoneErr := spec.Zone()
	if err != nil || zoneErr != nil {
		panic("columns: a schema that was not validated: " + spec.Format + " " + spec.Timezone)
	}
	if layout == nil && where == nil {
		return 0, nil
	}
	t = &times{layout: layout}
	if layout != nil {
		t.pattern = spec.Format
	}
	if where != nil {
		t.zone = &zone{where: where}
	}
	return 0, t
}

// timestamp reads a text as microseconds.
func (t *times) timestamp(text []byte, clock *Clock) (int64, bool) {
	if t.layout == nil {
		return t.rfc3339(text, clock)
	}
	v, ok := t.layout.Read(text)
	if !ok {
		return 0, false
	}
	micros := v.Days*microsPerDay + v.Micros - v.Offset
	if t.zone != nil {
		return t.zone.utc(micros)
	}
	return micros, true
}

// skipped reports whether a text was refused only because its zone's clock never
// showed that time.
func (t *times) skipped(text []byte, clock *Clock) bool {
	if t == nil || t.zone == nil {
		return false
	}
	anywhere := times{layout: t.layout, zone: &zone{where: time.UTC}} // whose clock shows every time
	_, ok := anywhere.timestamp(text, clock)
	return ok
}

// rfc3339 reads a time that may leave out its zone.
func (t *times) rfc3339(text []byte, clock *Clock) (int64, bool) {
	if micros, ok := clock.Parse(text); ok {
		return micros, true
	}
	t.text = append(append(t.text[:0], text...), 'Z')
	local, ok := clock.Parse(t.text)
	if !ok {
		return 0, false
	}
	return t.zone.utc(local)
}

func (t *times) date(text []byte) (days int32, ok bool) {
	if t == nil {
		return ParseDate(text)
	}
	v, ok := t.layout.Read(text)
	return int32(v.Days), ok
}

func (t *times) time(text []byte) (micros int64, ok bool) {
	if t == nil {
		return ParseTime(text)
	}
	v, ok := t.layout.Read(text)
	return v.Micros, ok
}

// zone turns local times into UTC. It remembers between which local times the
// last offset holds for sure.
type zone struct {
	where    *time.Location
	offset   int64 // microseconds
	from, to int64
}

// utc is the instant of a local time. Of two that a clock put back has, it is
// the earlier one; a time that a clock put forward has skipped is none.
func (z *zone) utc(local int64) (int64, bool) {
	if local >= z.from && local < z.to {
		return local - z.offset, true
	}
	best, found := int64(math.MaxInt64), false
	for _, guess := range [3]int64{local - microsPerDay, local, local + microsPerDay} {
		offset, _, _ := z.at(guess)
		instant := local - offset
		if real, from, to := z.at(instant); real == offset && instant < best {
			best, found = instant, true
			// A day off its ends no other offset of a zone can give the same local time.
			z.offset, z.from, z.to = offset, from+offset+microsPerDay, to+offset-microsPerDay
		}
	}
	return best, found
}

// at is the offset at an instant, and since and until when it holds.
func (z *zone) at(instant int64) (offset, from, to int64) {
	t := time.UnixMicro(instant).In(z.where)
	_, seconds := t.Zone()
	begin, end := t.ZoneBounds()
	from, to = math.MinInt64/4, math.MaxInt64/4
	if !begin.IsZero() {
		from = begin.UnixMicro()
	}
	if !end.IsZero() {
		to = end.UnixMicro()
	}
	return int64(seconds) * microsPerSecond, from, to
}
