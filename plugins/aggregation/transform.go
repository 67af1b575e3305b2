package aggregation

import (
	"context"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// transform is an opened aggregation.
type transform struct {
	*layout
	spec            windowSpec // the windows that decide whether a row is late
	windows         windows
	globalWindow    *aligned // the same as windows, if the config has none
	flushEnd        bool     // the end of a run closes all windows
	decided         bool     // so the config says, or what becomes of rows that come for them
	clock           clock
	times           timeReader
	columns         []column // those that groups and aggregates need
	groups          *groups
	cells           *cells
	accumulators    []accumulator
	where           conditions
	wheres          []int // by aggregate: which of the conditions, -1 for none
	classified      classified
	input           input
	gids            []uint32
	results         []array.Builder
	emitted         []uint32    // the cells of a batch of them
	unbounded       []unbounded // the accumulators whose results have no bound on their size
	regroup         int         // how many groups make it worth looking for dead ones
	saved           saved
	restoredVersion byte       // of the state that was restored, 0 if there was none
	memory          *sdk.Gauge // what the state takes, as of the last call
	survey          *sdk.Survey
}

var _ sdk.Transform = (*transform)(nil)

// leastRegroup is how many groups are kept without asking which still live.
const leastRegroup = 1 << 16

func open(_ context.Context, c *Config, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	l, problems := newLayout(c, in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	t := &transform{layout: l, spec: c.Window.spec(), flushEnd: c.OnEnd != hold,
		decided: c.OnEnd != "" || env.LateOutput,
		cells:   &cells{}, regroup: leastRegroup, memory: env.Memory, survey: env.Survey}
	t.clock = clock{delay: c.delay(), timeout: time.Duration(c.IdleTimeout), onIdle: c.OnIdle,
		parts: newPartitions(), closed: unset, natural: unset, newest: unset, promised: unset, emitted: unset}
	t.times = timeReader{index: l.time, name: c.EventTime, skew: c.skew()}
	t.times.first, t.times.last = c.Window.times()
	switch {
	case c.Window == nil:
		t.globalWindow = newAligned(t.cells, t.spec)
		t.globalWindow.keeps = true
		t.windows = t.globalWindow
	case c.Window.Session != nil:
		t.windows = newSessions(t.cells, micros(c.Window.Session.Gap))
	default:
		t.windows = newAligned(t.cells, t.spec)
	}
	var keys []groupColumn
	for _, at := range l.groups {
		k, _ := kindOf(in.Field(at).Type)
		keys = append(keys, groupColumn{from: t.column(at, in), kind: k})
	}
	t.groups = newGroups(keys)
	for _, b := range l.aggregates {
		where := t.where.find(b)
		t.accumulators = append(t.accumulators, t.accumulator(b, where, in))
		t.wheres = append(t.wheres, where)
	}
	for _, a := range t.accumulators {
		if w, ok := a.(unbounded); ok {
			t.unbounded = append(t.unbounded, w)
		}
	}
	if a, ok := t.windows.(*aligned); ok {
		a.apart = slices.ContainsFunc(t.accumulators, large)
	}
	t.results = newResults(l)
	if env.State == nil {
		return t, nil
	}
	if err := t.restore(env.State); err != nil {
		return nil, err
	}
	return t, nil
}

// accumulator is what an aggregate is computed by. Quantiles of the same rows of
// a column share a sketch.
func (t *transform) accumulator(b bound, where int, in *arrow.Schema) accumulator {
	if b.column < 0 {
		return newAccumulator(b, -1, t.clock.parts, t.layout.hasSessions)
	}
	from := t.column(b.column, in)
	for i, a := range t.accumulators {
		first, ok := a.(*quantile)
		if ok && b.Function == "quantile" && first.from == from && t.wheres[i] == where {
			return &sameSketch{of: first, q: b.Quantile}
		}
	}
	return newAccumulator(b, from, t.clock.parts, t.layout.hasSessions)
}

// column is the index of an input column among the loaded ones.
func (t *transform) column(index int, in *arrow.Schema) int {
	at := slices.IndexFunc(t.columns, func(c column) bool { return c.index == index })
	if at < 0 {
		at = len(t.columns)
		t.columns = append(t.columns, column{index: index, typ: in.Field(index).Type})
	}
	return at
}

// Close has nothing to free.
func (t *transform) Close(context.Context) error { return nil }

// Apply adds the rows of a batch to their windows, and hands out the windows
// that are complete after it.
func (t *transform) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	defer t.reportMemory()
	p := t.clock.enter(b.Partition)
	if b.Rows.NumRows() > 0 {
		if err := t.classify(p, b, out); err != nil {
			return err
		}
		if len(t.classified.rows) > 0 {
			t.applyBatch(p, b.Rows)
			if err := t.refuse(b, out); err != nil {
				return err
			}
			t.reportMemory() // what is emitted now is still there
		}
		c := &t.classified
		out.Count(sdk.Counts{Absorbed: int64(len(c.rows) - c.refused), Partial: c.partial})
	}
	return t.advance(t.clock.combinedWatermark(time.Time{}), out)
}

// applyBatch adds the rows that are in time to their cells.
func (t *transform) applyBatch(p *partition, rows arrow.RecordBatch) {
	for i := range t.columns {
		t.columns[i].load(rows)
	}
	t.gids = t.groups.number(t.columns, t.classified.rows, t.gids[:0])
	in := &t.input
	in.cells, in.rows, in.columns = in.cells[:0], in.rows[:0], t.columns
	in.times, in.partition = t.classified.times, p.index
	joins := t.windows.assign(&t.classified, t.gids, in, t.groups)
	t.where.split(in)
	for i, a := range t.accumulators {
		a.grow(t.cells.len())
		for _, j := range joins {
			a.merge(j.into, j.from)
			a.clear(j.from)
		}
		if at := t.wheres[i]; at >= 0 {
			a.add(&t.where.all[at].input)
		} else {
			a.add(in)
		}
	}
	for _, j := range joins {
		t.windows.drop(j.from, t.groups)
	}
}

// Signal moves the watermark by what the stream gives beside its batches. Rows are kept
// while a window is open, or a running total has changed.
func (t *transform) Signal(_ context.Context, s sdk.Signal, out sdk.Emitter) (bool, error) {
	defer t.reportMemory()
	err := t.signal(s, out)
	return t.windows.holds(), err
}

func (t *transform) signal(s sdk.Signal, out sdk.Emitter) error {
	switch s.Kind {
	case sdk.Barrier:
		if s.Roll { // as the last one of a run does, behind which the summary comes
			t.survey.SetWaiting(t.waiting())
		}
	case sdk.Partitions:
		t.clock.assign(s.Partitions, t.windows.promise(t.clock.closed))
		return t.advance(t.clock.combinedWatermark(time.Time{}), out)
	case sdk.Idle:
		t.clock.idle(s)
		return t.advance(t.clock.combinedWatermark(s.Time), out)
	case sdk.Watermark:
		return t.advance(t.clock.promise(s.Time.UnixMicro()), out)
	case sdk.End:
		if t.globalWindow != nil {
			return t.emitChanged(out)
		}
		if t.flushEnd && !s.Pending {
			return t.closeThrough(t.windows.end(), out)
		}
	}
	return nil
}
