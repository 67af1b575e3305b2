package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The reference says what a pipeline owes, from the rules alone and by the
// shortest way: it looks at all rows at once, knows nothing of batches, epochs
// or state, and is as slow as it likes. A partition is a file.

// refRow is a decoded row of the input.
type refRow struct {
	partition int   // the number of its file, in the order of reading
	position  int64 // its line
	at        int64 // event time in µs; refUnset: null
	cells     map[string]any
}

const refUnset = math.MinInt64

func newRefRow(partition int, position int64, cells map[string]any) refRow {
	r := refRow{partition: partition, position: position, at: refUnset, cells: cells}
	if at, ok := cells["at"].(time.Time); ok {
		r.at = at.UnixMicro()
	}
	return r
}

// refWindow is an aggregation in windows.
type refWindow struct {
	step        string
	size, every int64 // of tumbling and hopping windows, µs
	offset      int64
	gap         int64 // of sessions; 0: no sessions
	delay       int64
	groupBy     []string
	calls       []refCall
}

// refCall is one aggregate.
type refCall struct {
	name, function, column string
	where                  *refCondition // nil: of all rows
}

// refCondition is an expression and what it means; false for a null.
type refCondition struct {
	text  string
	holds func(refRow) bool
}

// refResult is what becomes of rows.
type refResult struct {
	windows []refOut
	late    []refLate
	null    []refRow // rows without an event time
}

// refOut is a complete window of a group.
type refOut struct {
	start, end int64
	row        row
}

// refLate is a row that came behind the watermark.
type refLate struct {
	refRow
	watermark int64
}

// span is a window as rows see it.
type span struct{ start, end int64 }

// windowsOf are all windows that hold a time, found by trying.
func (w refWindow) windowsOf(at int64) []span {
	if w.gap > 0 {
		return []span{{at, at + 1}} // late behind its own time, but for inSession
	}
	var all []span
	for start := floorTo(at-w.offset, w.every) + w.offset; start > at-w.size; start -= w.every {
		all = append(all, span{start, start + w.size})
	}
	return all
}

func floorTo(at, step int64) int64 {
	return at - ((at%step)+step)%step
}

// member is a row in a window of a group.
type member struct {
	span
	group string
	row   refRow
}

// run assigns every row to its windows, or finds it late, and computes every window.
func (w refWindow) run(rows []refRow) refResult {
	var out refResult
	var members []member
	for i, r := range rows {
		if r.at == refUnset {
			out.null = append(out.null, r)
			continue
		}
		watermark := watermarkBefore(rows[:i], r.partition, w.delay)
		of, _ := w.membersOf(members, r, watermark)
		if len(of) == 0 {
			out.late = append(out.late, refLate{r, watermark})
		}
		members = append(members, of...)
	}
	members = w.assignSessions(members)
	out.windows = w.compute(members)
	return out
}

// membersOf puts a row into those of its windows that a watermark has not passed, and
// returns the end of the last one that it has.
func (w refWindow) membersOf(before []member, r refRow, watermark int64) (of []member, passed int64) {
	passed = refUnset
	for _, s := range w.windowsOf(r.at) {
		if watermark == refUnset || s.end > watermark {
			of = append(of, member{s, w.groupOf(r), r})
		} else {
			passed = max(passed, s.end)
		}
	}
	if len(of) == 0 && w.inSession(before, r, watermark) {
		return []member{{span{r.at, r.at + 1}, w.groupOf(r), r}}, refUnset
	}
	return of, passed
}

// assignSessions gives each row of a session its session.
func (w refWindow) assignSessions(members []member) []member {
	if w.gap > 0 {
		return w.intoSessions(slices.Clone(members))
	}
	return members
}

// inSession reports whether the rows of the same partition and group make a session
// around a row that a watermark has not passed.
func (w refWindow) inSession(members []member, r refRow, watermark int64) bool {
	same := slices.DeleteFunc(slices.Clone(members), func(m member) bool {
		return m.row.partition != r.partition || m.group != w.groupOf(r)
	})
	return w.gap > 0 && slices.ContainsFunc(w.intoSessions(same), func(m member) bool {
		return m.start <= r.at && r.at < m.end && watermark < m.end
	})
}

// watermarkBefore is the watermark of a partition behind the rows given.
func watermarkBefore(rows []refRow, partition int, delay int64) int64 {
	newest := int64(refUnset)
	for _, r := range rows {
		if r.partition == partition {
			newest = max(newest, r.at)
		}
	}
	if newest == refUnset {
		return refUnset
	}
	return newest - delay
}

func (w refWindow) groupOf(r refRow) string {
	var b strings.Builder
	for _, name := range w.groupBy {
		fmt.Fprintf(&b, "%v\x00", r.cells[name])
	}
	return b.String()
}

// intoSessions gives each row the session it ends up in: rows of a group that
// are nearer than the gap, one after the other.
func (w refWindow) intoSessions(members []member) []member {
	slices.SortStableFunc(members, func(a, b member) int {
		return cmp.Or(strings.Compare(a.group, b.group), cmp.Compare(a.row.at, b.row.at))
	})
	for i := 0; i < len(members); {
		s, j := span{members[i].row.at, members[i].row.at + w.gap}, i+1
		for ; j < len(members) && members[j].group == members[i].group && members[j].row.at < s.end; j++ {
			s.end = members[j].row.at + w.gap
		}
		for ; i < j; i++ {
			members[i].span = s
		}
	}
	return members
}

func (w refWindow) compute(members []member) []refOut {
	type key struct {
		span
		group string
	}
	rows := map[key][]refRow{}
	for _, m := range members {
		k := key{m.span, m.group}
		rows[k] = append(rows[k], m.row)
	}
	var all []refOut
	for k, in := range rows {
		values := map[string]string{"window_start": refTime(k.start), "window_end": refTime(k.end)}
		for _, name := range w.groupBy {
			values[name] = refText(in[0].cells[name])
		}
		for _, c := range w.calls {
			values[c.name] = refText(c.of(in))
		}
		all = append(all, refOut{k.start, k.end, rowOf(values)})
	}
	return all
}

// of computes an aggregate of rows. Nulls are skipped; of none there is null.
func (c refCall) of(in []refRow) any {
	if c.where != nil {
		in = slices.DeleteFunc(slices.Clone(in), func(r refRow) bool { return !c.where.holds(r) })
	}
	if c.function == "count" && c.column == "" {
		return int64(len(in))
	}
	in = slices.DeleteFunc(slices.Clone(in), func(r refRow) bool { return r.cells[c.column] == nil })
	values, distinct := make([]any, len(in)), map[any]bool{}
	for i, r := range in {
		values[i] = r.cells[c.column]
		distinct[values[i]] = true
	}
	switch {
	case c.function == "count":
		return int64(len(in))
	case c.function == "count_distinct":
		return int64(len(distinct))
	case len(in) == 0:
		return nil
	case c.function == "sum":
		sum := int64(0)
		for _, v := range values {
			sum += v.(int64)
		}
		return sum
	case c.function == "min":
		return slices.MinFunc(values, refCompare)
	case c.function == "max":
		return slices.MaxFunc(values, refCompare)
	}
	slices.SortFunc(in, func(a, b refRow) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.partition, b.partition),
			cmp.Compare(a.position, b.position))
	})
	if c.function == "first" {
		return in[0].cells[c.column]
	}
	return in[len(in)-1].cells[c.column]
}

func refCompare(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return strings.Compare(a.(string), b.(string))
}

func refText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		layout := "2006-01-02T15:04:05.000000Z07:00"
		switch {
		case v.Nanosecond() == 0:
			layout = time.RFC3339
		case v.Nanosecond()%1e6 == 0:
			layout = "2006-01-02T15:04:05.000Z07:00"
		}
		return v.UTC().Format(layout)
	}
	return fmt.Sprint(v)
}

func refTime(micros int64) string { return refText(time.UnixMicro(micros)) }

// closedBy are the windows that a watermark has passed.
func closedBy(windows []refOut, watermark int64) []row {
	var rows []row
	for _, w := range windows {
		if watermark != refUnset && w.end <= watermark {
			rows = append(rows, w.row)
		}
	}
	slices.Sort(rows)
	return rows
}

// allOf are all windows: those of an input that has ended.
func allOf(windows []refOut) []row { return closedBy(windows, math.MaxInt64) }

// texts are the cells as an output shows them.
func (r refRow) texts() map[string]string {
	values := map[string]string{}
	for name, v := range r.cells {
		values[name] = refText(v)
	}
	return values
}

// plainRows are rows as an output without steps shows them.
func plainRows(rows []refRow) []row {
	all := make([]row, len(rows))
	for i, r := range rows {
		all[i] = rowOf(r.texts())
	}
	slices.Sort(all)
	return all
}

// lateRow is a late row as its output shows it.
func (l refLate) lateRow(step, partition string) row {
	values := l.texts()
	maps.Copy(values, map[string]string{"_event_time": refTime(l.at), "_watermark": refTime(l.watermark),
		"_partition": partition, "_position": fmt.Sprint(l.position), "_step": step})
	return rowOf(values)
}
