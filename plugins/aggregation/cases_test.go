package aggregation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// The columns of reference.lines, in its order.
const refColumns = `"group_by": ["kind", "level"], "aggregates": {"rows": "count()",
	"amounts": "count(amount)", "sum": "sum(amount)", "mean": "avg(amount)", "least": "min(amount)",
	"newest": "last(amount)", "middle": "quantile(amount, 0.5)",
	"total": "sum(price)", "average": "avg(price)", "p5": "quantile(price, 0.05)", "p95": "quantile(price, 0.95)",
	"most": "max(client)", "early": "first(client)", "clients": "count_distinct(client)",
	"about": "approx_count_distinct(client)",
	"high": {"call": "count()", "where": "level > 0"},
	"high_early": {"call": "first(client)", "where": "level > 0"},
	"high_p95": {"call": "quantile(price, 0.95)", "where": "level > 0"},
	"paid": {"call": "sum(price)", "where": "kind == 'billing' && amount >= 0"}}`

// json is the reference's config as the step takes it.
func (c refConfig) json() string {
	keys := fmt.Sprintf(`"event_time": "at", "on_idle": %q, "idle_timeout": "%dms", `,
		c.onIdle, c.timeout.Milliseconds())
	switch {
	case c.gap > 0:
		keys += fmt.Sprintf(`"window": {"session": {"gap": "%dus"}}, `, c.gap)
	case c.size == 0:
		return `{"event_time": "at", "emit": "on_end", "unbounded_state": true, ` + refColumns + `}`
	case c.size != c.every:
		keys += fmt.Sprintf(`"window": {"hopping": {"size": "%dus", "every": "%dus"}, "offset": "%dus"}, `,
			c.size, c.every, c.offset)
	default:
		keys += fmt.Sprintf(`"window": {"tumbling": "%dus", "offset": "%dus"}, `, c.size, c.offset)
	}
	return fmt.Sprintf(`{%s "watermark": "%dus", %s}`, keys, c.delay, refColumns)
}

// shapes of windows that the random cases take turns with.
var shapes = []string{"tumbling", "hopping", "session", "none"}

// randomCase draws a config and tickets whose disorder is at most the given
// share of the delay.
func randomCase(r *rand.Rand, shape string, disorder float64) (refConfig, [][]ticket) {
	size := []int64{1_000_000, 60_000_000, 7_000_000, 3_600_000_000}[r.IntN(4)]
	c := refConfig{delay: r.Int64N(size * 2), onIdle: "advance", timeout: 30 * time.Second}
	parts := make([][]ticket, 1+r.IntN(12))
	total := 1 + r.IntN(1500)
	span := size * (1 + r.Int64N(12))
	switch shape {
	case "tumbling":
		c.size, c.every = size, size
	case "hopping":
		c.size, c.every = size, max(1, size/(1+r.Int64N(7))-r.Int64N(3))
	case "session": // of a few rows each: there are up to 28 groups
		c.gap = 1 + r.Int64N(max(1, 60*span/int64(total)))
	}
	if c.size > 0 {
		c.offset = r.Int64N(2*c.every-1) - c.every + 1
	}
	kinds := []string{"support", "billing", "", "sup", "a\x00b", "a"}
	for p := range parts {
		step := span / int64(total)
		for i := range 1 + total/len(parts) {
			behind := int64(r.Float64() * disorder * float64(c.delay))
			row := ticket{at: int64(i)*step*int64(len(parts)) - behind}
			row.kind, row.level = maybe(r, kinds[r.IntN(len(kinds))]), maybe(r, r.Int64N(3)-1)
			row.client = maybe(r, "C"+strconv.Itoa(r.IntN(200)))
			row.amount, row.price = maybe(r, r.Int64N(1<<51)-1<<50), maybe(r, r.NormFloat64()*1e6)
			parts[p] = append(parts[p], row)
		}
	}
	return c, parts
}

func maybe[T any](r *rand.Rand, v T) *T {
	if r.IntN(10) == 0 {
		return nil
	}
	return &v
}

// rowsOf is tickets as columns; event times as text if asText.
func rowsOf(rows []ticket, asText bool) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, refSchema(asText))
	for _, row := range rows {
		if asText {
			at := []byte(clockTime(row.at))
			b.Field(0).(*array.StringBuilder).BinaryBuilder.Append(at)
		} else {
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(row.at))
		}
		add(row.kind, b.Field(1).(*array.StringBuilder))
		add(row.level, b.Field(2).(*array.Int64Builder))
		add(row.client, b.Field(3).(*array.StringBuilder))
		add(row.amount, b.Field(4).(*array.Int64Builder))
		add(row.price, b.Field(5).(*array.Float64Builder))
	}
	return b.NewRecordBatch()
}

func add[T any](v *T, b interface {
	Append(T)
	AppendNull()
}) {
	if v == nil {
		b.AppendNull()
		return
	}
	b.Append(*v)
}

// feed applies partitions in slices of random sizes, interleaved at random, and
// shows the reference the same.
type feed struct {
	names  []string
	parts  [][]ticket
	rows   []arrow.RecordBatch
	from   []int64
	most   int64
	before func(h *harness) // called before each batch
	ref    *reference

	quiet   bool        // partitions fall silent now and then
	now     time.Time   // the wall clock
	lastRow []time.Time // by partition: when it last had a row
}

func newFeed(c refConfig, parts [][]ticket, asText bool, most int64) *feed {
	f := &feed{parts: parts, most: most, from: make([]int64, len(parts)), lastRow: make([]time.Time, len(parts)),
		now: noon, ref: newReference(c, len(parts))}
	for i, rows := range parts {
		f.names = append(f.names, "tickets/"+strconv.Itoa(i))
		f.rows = append(f.rows, rowsOf(rows, asText))
		f.lastRow[i] = noon
	}
	return f
}

func (f *feed) run(r *rand.Rand, h *harness) {
	h.partitions(f.names...)
	left := len(f.rows)
	for left > 0 {
		p := r.IntN(len(f.rows))
		rows := f.rows[p].NumRows()
		if f.quiet && r.IntN(4) == 0 {
			f.silence(r, h)
		}
		if f.from[p] == rows {
			continue
		}
		if f.before != nil {
			f.before(h)
		}
		from, to := f.from[p], min(rows, f.from[p]+r.Int64N(f.most+1)) // now and then no row at all
		h.apply(f.names[p], f.rows[p].NewSlice(from, to))
		for _, row := range f.parts[p][from:to] {
			f.ref.apply(p, row)
		}
		if from == to { // what wakes a partition is a batch, not its rows
			f.ref.parts[p].since = time.Time{}
			f.ref.tick(time.Time{})
		}
		if f.from[p], f.lastRow[p] = to, f.now; to == rows {
			left--
		}
	}
	h.end()
}

// silence lets the wall clock run, and reports some or all partitions as idle since.
func (f *feed) silence(r *rand.Rand, h *harness) {
	for range 1 + r.IntN(3) {
		f.now = f.now.Add(time.Duration(r.Int64N(int64(2 * f.ref.c.timeout))))
		all := r.IntN(2) == 0
		for p, name := range f.names {
			if all || r.IntN(2) == 0 {
				h.idle(name, f.now, f.now.Sub(f.lastRow[p]))
				f.ref.idle(p, f.now, f.now.Sub(f.lastRow[p]))
			}
		}
	}
}

// wantReference compares what came out with what the reference says.
func (f *feed) wantReference(t *testing.T, h *harness) {
	t.Helper()
	got, want := h.out.lines(), f.ref.lines()
	for i := range min(len(got), len(want)) {
		if !sameLine(got[i], want[i]) {
			t.Fatalf("emitted row %d of %d:\n got %s\nwant %s", i, len(got), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("emitted rows: got %d, want %d", len(got), len(want))
	}
	if h.out.lateRows != int64(f.ref.late) || h.out.counts.Partial != int64(f.ref.partial) {
		t.Errorf("late: got %d and %d in part, want %d and %d",
			h.out.lateRows, h.out.counts.Partial, f.ref.late, f.ref.partial)
	}
}

// sameLine reports whether all values are the same, those marked with ~ within a
// hundredth.
func sameLine(got, want string) bool {
	values := strings.Split(got, "|")
	for i, wanted := range strings.Split(want, "|") {
		about, ok := strings.CutPrefix(wanted, "~")
		if !ok {
			if i >= len(values) || values[i] != wanted {
				return false
			}
			continue
		}
		v, err := strconv.ParseFloat(values[i], 64)
		exact, _ := strconv.ParseFloat(about, 64)
		if err != nil || math.Abs(v-exact) > quantileError*math.Abs(exact) {
			return false
		}
	}
	return true
}

func refSchema(asText bool) *arrow.Schema {
	schema := refTimestamps
	if asText {
		schema = refTexts
	}
	return schema
}

var (
	refTimestamps = schemaOf(&testing.T{}, "at timestamp", "kind string", "level int64", "client string",
		"amount int64", "price float64")
	refTexts = schemaOf(&testing.T{}, "at string", "kind string", "level int64", "client string",
		"amount int64", "price float64")
)
