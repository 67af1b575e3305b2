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
	spans           spans // the windows that decide whether a row is late
	frames          frames
	forever         *aligned // frames, if there is no window
	flushEnd        bool     // the end of a run closes all windows
	decided         bool     // so the config says, or what becomes of rows that come for them
	clock           clock
	times           timeReader
	columns         []column // those that groups and aggregates need
	groups          *groups
	cells           *cells
	calls           []accumulator
	where           conditions
	wheres          []int // by call: which of the conditions, -1 for none
	judged          judged
	input           input
	gids            []uint32
	results         []array.Builder
	emitted         []uint32 // the cells of a batch of them
	wide            []wide   // the calls whose results have no bound on their size
	regroup         int      // how many groups make it worth looking for dead ones
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
	t := &transform{layout: l, spans: c.Window.spans(), flushEnd: c.OnEnd != hold,
		decided: c.OnEnd != "" || env.LateOutput,
		cells:   &cells{}, regroup: leastRegroup, memory: env.Memory, survey: env.Survey}
	t.clock = clock{delay: c.delay(), timeout: time.Duration(c.IdleTimeout), onIdle: c.OnIdle,
		parts: newPartitions(), closed: unset, natural: unset, newest: unset, promised: unset, told: unset}
	t.times = timeReader{index: l.time, name: c.EventTime, skew: c.skew()}
	t.times.first, t.times.last = c.Window.times()
	switch {
	case c.Window == nil:
		t.forever = newAligned(t.cells, t.spans)
		t.forever.keeps = true
		t.frames = t.forever
	case c.Window.Session != nil:
		t.frames = newSessions(t.cells, micros(c.Window.Session.Gap))
	default:
		t.frames = newAligned(t.cells, t.spans)
	}
	var keys []groupColumn
	for _, at := range l.groups {
		k, _ := kindOf(in.Field(at).Type)
		keys = append(keys, groupColumn{from: t.column(at, in), kind: k})
	}
	t.groups = newGroups(keys)
	for _, b := range l.calls {
		where := t.where.find(b)
		t.calls, t.wheres = append(t.calls, t.accumulator(b, where, in)), append(t.wheres, where)
	}
	for _, call := range t.calls {
		if w, ok := call.(wide); ok {
			t.wide = append(t.wide, w)
		}
	}
	if a, ok := t.frames.(*aligned); ok {
		a.apart = slices.ContainsFunc(t.calls, large)
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
		return newAccumulator(b, -1, t.clock.parts, t.layout.sessions)
	}
	from := t.column(b.column, in)
	for i, call := range t.calls {
		first, ok := call.(*quantile)
		if ok && b.Function == "quantile" && first.from == from && t.wheres[i] == where {
			return &sameSketch{of: first, q: b.Quantile}
		}
	}
	return newAccumulator(b, from, t.clock.parts, t.layout.sessions)
}

// column is the place of an input column among the loaded ones.
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

// Apply takes the rows of a batch into their windows, and hands out the windows
// that are complete after it.
func (t *transform) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	defer t.weigh()
	p := t.clock.enter(b.Partition)
	if b.Rows.NumRows() > 0 {
		if err := t.judge(p, b, out); err != nil {
			return err
		}
		if len(t.judged.rows) > 0 {
			t.take(p, b.Rows)
			if err := t.refuse(b, out); err != nil {
				return err
			}
			t.weigh() // what is emitted now is still there
		}
		out.Count(sdk.Counts{Absorbed: int64(len(t.judged.rows) - t.judged.refused), Partial: t.judged.partial})
	}
	return t.advance(t.clock.reach(time.Time{}), out)
}

// take adds the rows that were judged to be in time.
func (t *transform) take(p *partition, rows arrow.RecordBatch) {
	for i := range t.columns {
		t.columns[i].load(rows)
	}
	t.gids = t.groups.number(t.columns, t.judged.rows, t.gids[:0])
	in := &t.input
	in.cells, in.rows, in.columns = in.cells[:0], in.rows[:0], t.columns
	in.times, in.partition = t.judged.times, p.index
	joins := t.frames.place(&t.judged, t.gids, in, t.groups)
	t.where.split(in)
	for i, call := range t.calls {
		call.grow(t.cells.len())
		for _, j := range joins {
			call.merge(j.into, j.from)
			call.clear(j.from)
		}
		if at := t.wheres[i]; at >= 0 {
			call.add(&t.where.all[at].input)
		} else {
			call.add(in)
		}
	}
	for _, j := range joins {
		t.frames.drop(j.from, t.groups)
	}
}

// Signal moves the watermark by what the stream gives beside its batches. Rows are kept
// while a window is open, or a running total has changed.
func (t *transform) Signal(_ context.Context, s sdk.Signal, out sdk.Emitter) (bool, error) {
	defer t.weigh()
	err := t.signal(s, out)
	return t.frames.holds(), err
}

func (t *transform) signal(s sdk.Signal, out sdk.Emitter) error {
	switch s.Kind {
	case sdk.Barrier:
		if s.Roll { // as the last one of a run does, behind which the summary comes
			t.survey.SetWaiting(t.waiting())
		}
	case sdk.Partitions:
		t.clock.assign(s.Partitions, t.frames.promise(t.clock.closed))
		return t.advance(t.clock.reach(time.Time{}), out)
	case sdk.Idle:
		t.clock.idle(s)
		return t.advance(t.clock.reach(s.Time), out)
	case sdk.Watermark:
		return t.advance(t.clock.promise(s.Time.UnixMicro()), out)
	case sdk.End:
		if t.forever != nil {
			return t.emitChanged(out)
		}
		if t.flushEnd && !s.Pending {
			return t.closeThrough(t.frames.end(), out)
		}
	}
	return nil
}
