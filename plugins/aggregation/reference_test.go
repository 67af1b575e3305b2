package aggregation

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// The reference: the rules of windows and watermarks in maps and loops, one row
// at a time, without a line of the code that it judges.

// ticket is a row of the random cases. Nil pointers are nulls.
type ticket struct {
	at     int64 // microseconds
	kind   *string
	level  *int64
	client *string
	amount *int64
	price  *float64
}

type refConfig struct {
	delay, size, every, offset int64
}

type refGroup struct {
	start  int64
	kind   *string
	level  *int64
	rows   int64
	amount *big.Int
	seen   int64
	least  *int64
	most   *string
	prices map[int]float64
	priced int64
	client map[string]bool

	early, newest [3]int64 // time, partition, position of the first client and the last amount
	earlyOf       *string
	newestOf      *int64
}

// refRun judges every partition on its own and flushes everything in the end.
func refRun(c refConfig, parts [][]ticket) (lines []string, late, partial int) {
	groups := map[string]*refGroup{}
	for number, rows := range parts {
		newest, any := int64(0), false
		for position, row := range rows {
			var open, all []int64
			// The first start that could hold the row, from far enough back.
			from := (row.at-c.size-c.offset)/c.every*c.every + c.offset - c.every
			for start := from; start <= row.at; start += c.every {
				if row.at < start || row.at >= start+c.size {
					continue
				}
				all = append(all, start)
				if !any || newest-c.delay < start+c.size {
					open = append(open, start)
				}
			}
			if !any || row.at > newest {
				newest, any = row.at, true
			}
			if len(open) == 0 {
				late++
				continue
			}
			if len(open) < len(all) {
				partial++
			}
			for _, start := range open {
				g := refAdd(groups, start, number, row)
				g.edges([3]int64{row.at, int64(number), int64(position)}, row)
			}
		}
	}
	return refLines(c, groups), late, partial
}

func refAdd(groups map[string]*refGroup, start int64, part int, row ticket) *refGroup {
	key := fmt.Sprintf("%d %s %s", start, text(row.kind), text(row.level))
	g := groups[key]
	if g == nil {
		g = &refGroup{start: start, kind: row.kind, level: row.level, amount: new(big.Int),
			prices: map[int]float64{}, client: map[string]bool{}}
		groups[key] = g
	}
	g.rows++
	if row.amount != nil {
		g.amount.Add(g.amount, big.NewInt(*row.amount))
		g.seen++
		if g.least == nil || *row.amount < *g.least {
			g.least = row.amount
		}
	}
	if row.price != nil {
		g.prices[part] += *row.price
		g.priced++
	}
	if row.client != nil {
		g.client[*row.client] = true
		if g.most == nil || *row.client > *g.most {
			g.most = row.client
		}
	}
	return g
}

func (g *refGroup) edges(place [3]int64, row ticket) {
	if row.client != nil && (g.earlyOf == nil || slices.Compare(place[:], g.early[:]) < 0) {
		g.early, g.earlyOf = place, row.client
	}
	if row.amount != nil && (g.newestOf == nil || slices.Compare(place[:], g.newest[:]) > 0) {
		g.newest, g.newestOf = place, row.amount
	}
}

func refLines(c refConfig, groups map[string]*refGroup) []string {
	var sorted []*refGroup
	for _, g := range groups {
		sorted = append(sorted, g)
	}
	slices.SortFunc(sorted, func(a, b *refGroup) int {
		return cmp.Or(cmp.Compare(a.start, b.start), nullsFirst(a.kind, b.kind), nullsFirst(a.level, b.level))
	})
	var lines []string
	for _, g := range sorted {
		sum, mean, total, average := "null", "null", "null", "null"
		if g.seen > 0 {
			sum = g.amount.String()
			f, _ := new(big.Float).SetInt(g.amount).Float64()
			mean = number(f / float64(g.seen))
		}
		if g.priced > 0 {
			all, any := 0.0, false
			for part := range 12 {
				if p, ok := g.prices[part]; ok && !any {
					all, any = p, true
				} else if ok {
					all += p
				}
			}
			total, average = number(all), number(all/float64(g.priced))
		}
		lines = append(lines, strings.Join([]string{clockText(g.start), clockText(g.start + c.size), text(g.kind),
			text(g.level), fmt.Sprint(g.rows), fmt.Sprint(g.seen), sum, mean, total, average,
			text(g.least), text(g.most), fmt.Sprint(len(g.client)), fmt.Sprint(len(g.client)),
			text(g.earlyOf), text(g.newestOf)}, "|"))
	}
	return lines
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

const refColumns = `"group_by": ["kind", "level"], "aggregates": {"rows": "count()",
	"amounts": "count(amount)",
	"sum": "sum(amount)", "mean": "avg(amount)", "total": "sum(price)", "average": "avg(price)",
	"least": "min(amount)", "most": "max(client)", "clients": "count_distinct(client)",
	"about": "approx_count_distinct(client)", "early": "first(client)", "newest": "last(amount)"}`

// json is the reference's config as the step takes it.
func (c refConfig) json() string {
	window := fmt.Sprintf(`{"tumbling": "%dus", "offset": "%dus"}`, c.size, c.offset)
	if c.size != c.every {
		window = fmt.Sprintf(`{"hopping": {"size": "%dus", "every": "%dus"}, "offset": "%dus"}`,
			c.size, c.every, c.offset)
	}
	return fmt.Sprintf(`{"event_time": "at", "watermark": "%dus", "window": %s, %s}`,
		c.delay, window, refColumns)
}

// randomCase draws a config and tickets whose disorder is at most the given
// share of the delay.
func randomCase(r *rand.Rand, disorder float64) (refConfig, [][]ticket) {
	size := []int64{1_000_000, 60_000_000, 7_000_000, 3_600_000_000}[r.IntN(4)]
	c := refConfig{size: size, every: size, delay: r.Int64N(size * 2)}
	c.offset = r.Int64N(2*c.every-1) - c.every + 1
	parts := make([][]ticket, 1+r.IntN(12))
	total := 1 + r.IntN(3000)
	span := size * (1 + r.Int64N(12))
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

// feed applies partitions in slices of random sizes, interleaved at random.
type feed struct {
	names  []string
	rows   []arrow.RecordBatch
	from   []int64
	most   int64
	before func(h *harness) // called before each batch
}

func newFeed(parts [][]ticket, asText bool, most int64) *feed {
	f := &feed{most: most, from: make([]int64, len(parts))}
	for i, rows := range parts {
		f.names = append(f.names, "tickets/"+strconv.Itoa(i))
		f.rows = append(f.rows, rowsOf(rows, asText))
	}
	return f
}

func (f *feed) run(r *rand.Rand, h *harness) {
	h.partitions(f.names...)
	left := len(f.rows)
	for left > 0 {
		p := r.IntN(len(f.rows))
		rows := f.rows[p].NumRows()
		if f.from[p] == rows {
			continue
		}
		if f.before != nil {
			f.before(h)
		}
		to := min(rows, f.from[p]+r.Int64N(f.most+1)) // now and then no row at all
		h.apply(f.names[p], f.rows[p].NewSlice(f.from[p], to))
		if f.from[p] = to; to == rows {
			left--
		}
	}
	h.end()
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
