package aggregation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// unended is the watermark of a partition if no end of a run had closed windows.
func (c *clock) unended(p *partition) int64 { return max(c.natural, c.own(p)) }

// missed decides about a row whose window from start on is closed: nil if it is
// late for it. Where nothing but the end of an earlier run has closed the window,
// and the config leaves open what then becomes of its rows, they would be lost by a
// default that nobody chose.
func (t *transform) missed(p *partition, b *sdk.Batch, row int, start int64) error {
	end := start + t.spec.size
	if t.decided || end <= t.clock.unended(p) {
		return nil
	}
	return t.afterEnd(b, row, fmt.Sprintf("belongs to the window from %s to %s, "+
		"which came out when an earlier run ended", timeOf(start), timeOf(end)))
}

func (t *transform) afterEnd(b *sdk.Batch, row int, what string) error {
	where := "a row"
	if b.Partition != "" {
		where = "row " + b.Partition
		if at := jsonrows.Reject(b, row, "").Position; at >= 0 {
			where = fmt.Sprintf("row %s:%d", b.Partition, at)
		}
	}
	return sdk.Problem{Path: "on_end", Message: fmt.Sprintf("%s: %s %s %s, though the watermark had not passed it",
		where, t.times.name, timeOf(t.classified.times[row]), what),
		Hint: "on_end: hold keeps such windows open for later runs (what came out is counted anew with --fresh); " +
			"with on_end: flush, or a late output, rows that come for them later are late"}
}

func timeOf(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano) }

// waiting lists the partitions that hold windows back which others have passed.
func (t *transform) waiting() (all []sdk.Waiting) {
	c := &t.clock
	if t.globalWindow != nil || c.promised != unset {
		return nil
	}
	ahead := int64(unset)
	for _, p := range c.parts.byName {
		ahead = max(ahead, c.own(p))
	}
	for _, p := range c.parts.byName {
		own := c.own(p)
		if !p.assigned || !p.since.IsZero() || own >= ahead {
			continue
		}
		one := sdk.Waiting{Partition: p.name, Windows: t.windows.count(max(own, c.closed), ahead)}
		if p.newest != unset {
			one.Newest = time.UnixMicro(p.newest).UTC()
		}
		if one.Windows > 0 {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b sdk.Waiting) int {
		return cmp.Or(cmp.Compare(b.Windows, a.Windows), compareNames(a.Partition, b.Partition))
	})
	return all
}
