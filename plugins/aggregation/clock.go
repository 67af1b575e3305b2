package aggregation

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"etlengine/plugins/sdk"
)

// unset is a time before all others: a watermark without data.
const unset = math.MinInt64

// partition is what is known of one of the input's partitions.
type partition struct {
	name     string
	index    uint32
	newest   int64     // the greatest event time seen, unset before the first row
	assigned bool      // it holds the watermark, unless it is idle
	since    time.Time // of the wall clock: at its end since then, zero while it is not idle
	saved    int64     // newest as of the last snapshot
}

// partitions are those known, by name and by index. An index is never used
// again, so that a float sum's nodes keep their meaning.
type partitions struct {
	byName  map[string]*partition
	byIndex map[uint32]*partition
	next    uint32
	deleted []string // forgotten since the last snapshot
}

func newPartitions() *partitions {
	return &partitions{byName: map[string]*partition{}, byIndex: map[uint32]*partition{}}
}

func (p *partitions) known(index uint32) bool { return p.byIndex[index] != nil }

func (p *partitions) add(name string, index uint32) *partition {
	// A newest that was never saved differs from every time there is.
	part := &partition{name: name, index: index, newest: unset, saved: math.MaxInt64}
	p.byName[name], p.byIndex[index] = part, part
	p.next = max(p.next, index+1)
	return part
}

// compare orders partitions by name, but those of one topic by number, so that
// topic/2 comes before topic/10.
func (p *partitions) compare(a, b uint32) int {
	return compareNames(p.byIndex[a].name, p.byIndex[b].name)
}

func compareNames(a, b string) int {
	slashA, slashB := strings.LastIndexByte(a, '/')+1, strings.LastIndexByte(b, '/')+1
	numberA, errA := strconv.ParseUint(a[slashA:], 10, 64)
	numberB, errB := strconv.ParseUint(b[slashB:], 10, 64)
	order := strings.Compare(a[:slashA], b[:slashB])
	switch {
	case order == 0 && errA == nil && errB == nil:
		order = cmp.Compare(numberA, numberB)
	case order == 0 && errA == nil:
		order = -1
	case order == 0 && errB == nil:
		order = 1
	}
	return cmp.Or(order, strings.Compare(a, b))
}

// clock turns what is known of the partitions into the pipeline's watermark.
//
// closed is that watermark: windows that end at or before it have been emitted,
// or never will be. The end of a run may close windows too; natural is the
// watermark without that, so that a later run knows which rows only that made late. It
// stays at or below the watermark of every partition that
// is assigned and not idle, so rows of those always find their windows open.
// Rows of others (idle ones that wake up, new ones) may find them closed, and
// are late then: "an idle decision has closed them".
//
// Behind a step that mixes partitions, rows have none. They are classified by
// closed alone, which only that step's own promises move: its rows need not come
// in the order of their times, and the source's partitions, which have no row
// here, hold the watermark as they do everywhere.
type clock struct {
	delay    int64
	timeout  time.Duration
	onIdle   string
	parts    *partitions
	known    bool // the set of the source's partitions has come
	unnamed  bool // one of them has no name
	closed   int64
	natural  int64 // closed as it would be if no end of a run had closed windows
	newest   int64 // the greatest event time seen in any partition, ever
	promised int64 // the greatest watermark received from upstream
	emitted  int64 // the last watermark sent downstream
}

// enter marks the partition as active: a batch of it has come.
func (c *clock) enter(name string) *partition {
	p := c.parts.byName[name]
	if p == nil {
		p = c.parts.add(name, c.parts.next)
	}
	p.assigned, p.since = name != "" || !c.mixed(), time.Time{}
	return p
}

// mixed reports whether rows without a partition come from a step that mixes them.
func (c *clock) mixed() bool { return !c.unnamed && (c.known || c.promised != unset) }

// promise records the watermark of an upstream step. It is exact: no delay is due.
func (c *clock) promise(at int64) int64 {
	c.promised = max(c.promised, at)
	return at
}

// own is the watermark that the partition's rows alone make, unset if they make none.
func (c *clock) own(p *partition) int64 {
	if p.newest == unset || !p.assigned {
		return unset
	}
	return p.newest - c.delay
}

// watermark is the event time up to which rows of the partition are late.
func (c *clock) watermark(p *partition) int64 {
	return max(c.closed, c.own(p))
}

// assign sets the whole set of partitions. Those without a row hold the
// watermark; those that are gone no longer do. Rows before earliestOpen are in no
// open window.
func (c *clock) assign(names []string, earliestOpen int64) {
	c.known, c.unnamed = true, slices.Contains(names, "")
	for _, p := range c.parts.byName {
		p.assigned = false
	}
	for _, name := range names {
		p := c.parts.byName[name]
		if p == nil {
			p = c.parts.add(name, c.parts.next)
		}
		p.assigned = true
	}
	c.forget(earliestOpen)
}

// forget drops partitions that are gone and whose rows are all in closed
// windows: should one come back, its rows are classified the same without it.
func (c *clock) forget(earliestOpen int64) {
	for name, p := range c.parts.byName {
		if p.assigned || p.newest != unset && p.newest >= earliestOpen {
			continue
		}
		delete(c.parts.byName, name)
		delete(c.parts.byIndex, p.index)
		if p.saved != math.MaxInt64 {
			c.parts.deleted = append(c.parts.deleted, name)
		}
	}
}

// idle applies an Idle signal.
func (c *clock) idle(s sdk.Signal) {
	p := c.parts.byName[s.Partition]
	if p == nil {
		p = c.enter(s.Partition)
	}
	p.since = time.Time{}
	switch {
	case s.Pending: // a step before holds rows that are yet to come here
	case s.For >= c.timeout, s.Again && p.newest == unset:
		p.since = s.Time.Add(-s.For)
	}
}

// combinedWatermark is the pipeline's watermark by its partitions now: the least of
// those that are not idle. If all are, it is what on_idle says; now is the wall clock.
// It is unset where nothing moves the watermark: closed would make of what a run's end
// has closed what the watermark has passed.
func (c *clock) combinedWatermark(now time.Time) int64 {
	least, active, quiet := int64(math.MaxInt64), false, time.Time{}
	for _, p := range c.parts.byName {
		switch {
		case !p.assigned:
		case !p.since.IsZero():
			if p.since.After(quiet) {
				quiet = p.since
			}
		default:
			active = true
			least = min(least, c.own(p))
		}
	}
	switch {
	case active:
		return least
	case quiet.IsZero() || now.IsZero() || c.newest == unset:
		return unset
	case c.onIdle == flush:
		return everything
	case c.onIdle == advance && c.promised == unset: // else the step before does it
		return c.newest - c.delay + max(0, now.Sub(quiet)).Microseconds()
	}
	return unset
}
