package aggregation

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// Event times outside the years 1 to 9999 cannot be written in RFC 3339; they
// are mistakes of unit, and would close every window there is.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	maxTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// timeReader reads the event time of rows, as microseconds.
type timeReader struct {
	index int // -1: the rows need none
	name  string
	skew  time.Duration // how far ahead of the wall clock a row may be, 0 for any

	first, last int64 // times whose windows begin and end in the years 1 to 9999
	scratch     []int64
	clock       columns.Clock
}

// latest is the greatest event time that a row of the batch may have.
func (r *timeReader) latest(b *sdk.Batch) int64 {
	if r.skew == 0 || b.Time.IsZero() {
		return r.last
	}
	return min(r.last, b.Time.Add(r.skew).UnixMicro())
}

// read returns the times of all rows, unset where there is none.
func (r *timeReader) read(rows arrow.RecordBatch) []int64 {
	if r.index < 0 {
		r.scratch = extend(r.scratch, int(rows.NumRows())) // nothing else is in it
		return r.scratch[:rows.NumRows()]
	}
	a := rows.Column(r.index)
	if text, ok := a.(*array.String); ok {
		return r.parse(text)
	}
	times := fixedValues(a, arrow.Int64Traits.CastFromBytes)
	if a.NullN() == 0 {
		return times
	}
	r.scratch = append(r.scratch[:0], times...)
	for row := range r.scratch {
		if a.IsNull(row) {
			r.scratch[row] = unset
		}
	}
	return r.scratch
}

func (r *timeReader) parse(text *array.String) []int64 {
	r.scratch = r.scratch[:0]
	offsets, bytes := text.ValueOffsets(), bufferBytes(text.Data(), 2)
	for row := range text.Len() {
		at, ok := r.clock.Parse(bytes[offsets[row]:offsets[row+1]])
		if !ok || text.IsNull(row) {
			at = unset
		}
		r.scratch = append(r.scratch, at)
	}
	return r.scratch
}

// reject returns why a row is rejected.
func (t *transform) reject(b *sdk.Batch, row int, at int64) sdk.Reject {
	reason, ok := t.where.failed[row]
	if !ok {
		reason = t.times.reason(b, row, at)
	}
	return jsonrows.Reject(b, row, reason)
}

// reason returns why a row has no event time, or none that is believed.
func (r *timeReader) reason(b *sdk.Batch, row int, at int64) string {
	a := b.Rows.Column(r.index)
	reason := r.name + ": want an event time, got null"
	if at >= minTime && at <= maxTime && (at < r.first || at > r.last) {
		reason = fmt.Sprintf("%s: want a time whose windows begin and end in the years 1 to 9999, got %s", r.name,
			time.UnixMicro(at).UTC().Format(time.RFC3339Nano))
	} else if at >= minTime && at <= maxTime {
		reason = r.ahead(at, b.Time)
	} else if text, ok := a.(*array.String); ok && !a.IsNull(row) {
		reason = fmt.Sprintf("%s: want a time in RFC 3339 such as 2026-01-31T09:30:00Z, got %s",
			r.name, quote(text.Value(row)))
	} else if !a.IsNull(row) {
		reason = fmt.Sprintf("%s: want a time in the years 1 to 9999, got %s µs since 1970", r.name,
			strconv.FormatInt(int64(a.(*array.Timestamp).Value(row)), 10))
	}
	return reason
}

func (r *timeReader) ahead(at int64, now time.Time) string {
	event := time.UnixMicro(at).UTC()
	return fmt.Sprintf("%s: want a time at most %s ahead of the clock (max_future_skew), got %s when it was %s",
		r.name, sdk.Duration(r.skew), event.Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano))
}

// quote quotes a value, truncated if it is long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}
