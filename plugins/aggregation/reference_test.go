package aggregation

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The reference: the rules of windows and watermarks in maps and loops, one row
// at a time, without a line of the code that it checks. It keeps every row, and
// computes each aggregate from the rows of its window when all is over.

// ticket is a row of the random cases. Nil pointers are nulls.
type ticket struct {
	at     int64 // microseconds
	kind   *string
	level  *int64
	client *string
	amount *int64
	price  *float64
}

// refConfig is tumbling or hopping windows, or sessions if there is a gap, or no
// windows if there is no size either.
type refConfig struct {
	delay, size, every, offset, gap int64
	onIdle                          string
	timeout                         time.Duration
}

// dawn is before all times.
const dawn = math.MinInt64

type refPart struct {
	newest int64
	since  time.Time // idle since then, zero if it is not
}

// refRow is a row in time: where it stood and, for aligned windows, what it is in.
type refRow struct {
	ticket
	part, position int
	starts         []int64
}

type reference struct {
	c             refConfig
	parts         []*refPart
	closed        int64
	newest        int64
	rows          []refRow
	seen          int
	late, partial int
}

func newReference(c refConfig, parts int) *reference {
	r := &reference{c: c, closed: dawn, newest: dawn}
	for range parts {
		r.parts = append(r.parts, &refPart{newest: dawn})
	}
	return r
}

// apply classifies a row by the rows before it.
func (r *reference) apply(part int, row ticket) {
	p := r.parts[part]
	p.since = time.Time{}
	watermark := r.closed
	if p.newest != dawn {
		watermark = max(watermark, p.newest-r.c.delay)
	}
	r.seen++
	assigned := refRow{ticket: row, part: part, position: r.seen}
	if r.assign(&assigned, watermark) {
		r.rows = append(r.rows, assigned)
	} else {
		r.late++
	}
	p.newest, r.newest = max(p.newest, row.at), max(r.newest, row.at)
	r.tick(time.Time{})
}

// place finds the windows of a row that are open at a watermark; false if there
// is none.
func (r *reference) assign(row *refRow, watermark int64) bool {
	c := r.c
	if c.size == 0 {
		return c.gap == 0 || row.at >= watermark || r.inSession(row, watermark)
	}
	all := 0
	// The first start that could hold the row, from far enough back.
	from := (row.at-c.size-c.offset)/c.every*c.every + c.offset - c.every
	for start := from; start <= row.at; start += c.every {
		if row.at >= start+c.size {
			continue
		}
		all++
		if watermark < start+c.size {
			row.starts = append(row.starts, start)
		}
	}
	if n := len(row.starts); n > 0 && n < all {
		r.partial++
	}
	return len(row.starts) > 0
}

// inSession reports whether the rows of the same partition and group make a session
// around a row that a watermark has not passed.
func (r *reference) inSession(row *refRow, watermark int64) bool {
	var same []refRow
	for _, other := range r.rows {
		if other.part == row.part && text(other.kind) == text(row.kind) && text(other.level) == text(row.level) {
			same = append(same, other)
		}
	}
	return slices.ContainsFunc(r.sessions(same), func(w refWindow) bool {
		return w.start <= row.at && row.at < w.end && watermark < w.end
	})
}

// idle hears that a partition has been silent for a while.
func (r *reference) idle(part int, now time.Time, silent time.Duration) {
	r.parts[part].since = time.Time{}
	if silent >= r.c.timeout {
		r.parts[part].since = now.Add(-silent)
	}
	r.tick(now)
}

// tick moves the pipeline's watermark.
func (r *reference) tick(now time.Time) {
	least, active, quiet := int64(math.MaxInt64), false, time.Time{}
	for _, p := range r.parts {
		if !p.since.IsZero() {
			if p.since.After(quiet) {
				quiet = p.since
			}
			continue
		}
		active = true
		if p.newest == dawn {
			least = dawn
		} else {
			least = min(least, p.newest-r.c.delay)
		}
	}
	switch {
	case active:
		r.closed = max(r.closed, least)
	case now.IsZero() || r.newest == dawn || r.c.onIdle == "hold":
	case r.c.onIdle == "flush":
		r.flush()
	default:
		r.closed = max(r.closed, r.newest-r.c.delay+max(0, now.Sub(quiet)).Microseconds())
	}
}

// flush closes all that is open.
func (r *reference) flush() {
	for _, row := range r.rows {
		if r.c.gap > 0 {
			r.closed = max(r.closed, row.at+r.c.gap)
		}
		for _, start := range row.starts {
			r.closed = max(r.closed, start+r.c.size)
		}
	}
}

// refWindow is a window of one group with its rows.
type refWindow struct {
	start, end int64
	kind       *string
	level      *int64
	rows       []refRow
}

// windows is all that there ever were, in the order in which they come out.
func (r *reference) windows() []refWindow {
	groups := map[string][]refRow{}
	for _, row := range r.rows {
		key := text(row.kind) + "|" + text(row.level)
		groups[key] = append(groups[key], row)
	}
	var all []refWindow
	for _, rows := range groups {
		switch {
		case r.c.gap > 0:
			all = append(all, r.sessions(rows)...)
		case r.c.size > 0:
			all = append(all, r.aligned(rows)...)
		default:
			all = append(all, refWindow{kind: rows[0].kind, level: rows[0].level, rows: rows})
		}
	}
	slices.SortFunc(all, func(a, b refWindow) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.start, b.start),
			nullsFirst(a.kind, b.kind), nullsFirst(a.level, b.level))
	})
	return all
}

func (r *reference) sessions(rows []refRow) (all []refWindow) {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b refRow) int { return cmp.Compare(a.at, b.at) })
	for _, row := range sorted {
		if n := len(all); n > 0 && row.at < all[n-1].end {
			all[n-1].end = row.at + r.c.gap
			all[n-1].rows = append(all[n-1].rows, row)
			continue
		}
		all = append(all, refWindow{row.at, row.at + r.c.gap, row.kind, row.level, []refRow{row}})
	}
	return all
}

func (r *reference) aligned(rows []refRow) (all []refWindow) {
	byStart := map[int64][]refRow{}
	for _, row := range rows {
		for _, start := range row.starts {
			byStart[start] = append(byStart[start], row)
		}
	}
	for start, rows := range byStart {
		all = append(all, refWindow{start, start + r.c.size, rows[0].kind, rows[0].level, rows})
	}
	return all
}

// lines is the windows as the step must emit them.
func (r *reference) lines() (lines []string) {
	for _, w := range r.windows() {
		var values []string
		if r.c.size > 0 || r.c.gap > 0 {
			values = []string{clockText(w.start), clockText(w.end)}
		}
		values = append(values, text(w.kind), text(w.level), fmt.Sprint(len(w.rows)))
		values = append(values, refAmounts(w.rows)...)
		values = append(values, refPrices(w.rows, r.c.gap > 0)...)
		values = append(values, refClients(w.rows)...)
		high := only(w.rows, func(row refRow) bool { return row.level != nil && *row.level > 0 })
		paid := only(w.rows, func(row refRow) bool {
			return row.kind != nil && *row.kind == "billing" && row.amount != nil && *row.amount >= 0
		})
		values = append(values, fmt.Sprint(len(high)), refClients(high)[1], refPrices(high, false)[3],
			refPrices(paid, r.c.gap > 0)[0])
		lines = append(lines, strings.Join(values, "|"))
	}
	return lines
}

func only(rows []refRow, keep func(refRow) bool) (kept []refRow) {
	for _, row := range rows {
		if keep(row) {
			kept = append(kept, row)
		}
	}
	return kept
}

// refAmounts is count, sum, avg, min, the last and the median.
func refAmounts(rows []refRow) []string {
	sum, n, least, last := new(big.Int), 0, (*int64)(nil), (*refRow)(nil)
	var all []float64
	for i, row := range rows {
		if row.amount == nil {
			continue
		}
		n++
		sum.Add(sum, big.NewInt(*row.amount))
		all = append(all, float64(*row.amount))
		if least == nil || *row.amount < *least {
			least = row.amount
		}
		if last == nil || last.compare(row) < 0 {
			last = &rows[i]
		}
	}
	if n == 0 {
		return []string{"0", "null", "null", "null", "null", "null"}
	}
	f, _ := new(big.Float).SetInt(sum).Float64()
	return []string{fmt.Sprint(n), sum.String(), number(f / float64(n)), text(least), text(last.amount),
		rank(all, 0.5)}
}

// compare is the order of first and last.
func (r refRow) compare(other refRow) int {
	return cmp.Or(cmp.Compare(r.at, other.at), cmp.Compare(r.part, other.part),
		cmp.Compare(r.position, other.position))
}

// refPrices is sum and avg of floats, the 5th and the 95th of a hundred.
func refPrices(rows []refRow, exactly bool) []string {
	parts, n := map[int]float64{}, 0
	sum := new(big.Float).SetPrec(5000)
	var all []float64
	for _, row := range rows {
		if row.price == nil {
			continue
		}
		n++
		parts[row.part] += *row.price
		sum.Add(sum, big.NewFloat(*row.price))
		all = append(all, *row.price)
	}
	if n == 0 {
		return []string{"null", "null", "null", "null"}
	}
	total, any := 0.0, false
	for part := range 12 {
		if p, ok := parts[part]; ok && !any {
			total, any = p, true
		} else if ok {
			total += p
		}
	}
	if exactly {
		total, _ = sum.Float64()
	}
	return []string{number(total), number(total / float64(n)), rank(all, 0.05), rank(all, 0.95)}
}

// refClients is max, the first, and how many different ones, twice.
func refClients(rows []refRow) []string {
	different, most, first := map[string]bool{}, (*string)(nil), (*refRow)(nil)
	for i, row := range rows {
		if row.client == nil {
			continue
		}
		different[*row.client] = true
		if most == nil || *row.client > *most {
			most = row.client
		}
		if first == nil || first.compare(row) > 0 {
			first = &rows[i]
		}
	}
	if first == nil {
		return []string{"null", "null", "0", "0"}
	}
	n := fmt.Sprint(len(different))
	return []string{text(most), text(first.client), n, n}
}

// rank is a quantile, marked as one that may be off.
func rank(all []float64, q float64) string {
	slices.Sort(all)
	return "~" + number(all[int(q*float64(len(all)-1))])
}

func nullsFirst[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func text[T any](v *T) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// number is a float as Arrow prints it.
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
