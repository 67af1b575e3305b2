package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

var numbers = arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)

func batchOf(values ...int64) arrow.RecordBatch {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return array.NewRecordBatch(numbers, []arrow.Array{b.NewArray()}, int64(len(values)))
}

// valuesOf are the numbers of rows; those of dead letters are their positions.
func valuesOf(rows arrow.RecordBatch) []int64 {
	if at := rows.Schema().FieldIndices("position"); len(at) > 0 {
		return slices.Clone(rows.Column(at[0]).(*array.Int64).Int64Values())
	}
	return slices.Clone(rows.Column(0).(*array.Int64).Int64Values())
}

// world is what is outside of the fake plugins: what sinks have made visible.
type world struct {
	mu      sync.Mutex
	visible map[string][]int64 // by sink and epoch
	newest  uint64             // epoch that is visible
	events  []string
	limit   int64 // of the counting source; it blocks there if endless
	endless bool
	fail    map[string]error // by step: what its calls return
	once    map[string]error // by step: what its next call returns
	forgot  []string         // steps whose Forget was called
	reject  int64            // multiples of it are rejected by the source, if it is not 0
	late    int64            // multiples of it are late for the adder, if it is not 0
	refuse  map[string]int64 // by sink: multiples of it are refused
}

func newWorld(limit int64) *world {
	return &world{visible: map[string][]int64{}, limit: limit,
		fail: map[string]error{}, once: map[string]error{}}
}

func (w *world) failure(step string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.once[step]; err != nil {
		delete(w.once, step)
		return err
	}
	return w.fail[step]
}

func (w *world) saw(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

// counter is a source of the numbers from 0, ten in a batch.
type counter struct {
	sdk.PlainSource
	w         *world
	next      int64
	announced bool
	drained   chan struct{}
	once      sync.Once
	closed    chan struct{}
}

func (c *counter) Next(ctx context.Context) (sdk.Item, error) {
	if err := c.w.failure("count"); err != nil {
		return sdk.Item{}, err
	}
	if !c.announced {
		c.announced = true
		return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Partitions, Partitions: []string{"p"}}}, nil
	}
	if c.next >= c.w.limit {
		if !c.w.endless {
			return sdk.Item{}, io.EOF
		}
		select {
		case <-ctx.Done():
			return sdk.Item{}, ctx.Err()
		case <-c.drained:
			return sdk.Item{}, io.EOF
		case <-c.closed:
			return sdk.Item{}, io.EOF
		}
	}
	var values []int64
	var rejects []sdk.Reject
	for range 10 {
		if c.w.reject != 0 && c.next%c.w.reject == 0 {
			rejects = append(rejects, sdk.Reject{Reason: "n: unwanted", Position: c.next,
				Raw: strconv.AppendInt(nil, c.next, 10)})
		} else {
			values = append(values, c.next)
		}
		c.next++
	}
	cursor := []byte(strconv.FormatInt(c.next, 10))
	return sdk.Item{Batch: &sdk.Batch{Rows: batchOf(values...), Partition: "p", Cursor: cursor,
		Rejected: rejects, Positions: values}}, nil
}

func (c *counter) Committed(_ context.Context, epoch uint64, at map[string][]byte) error {
	c.w.saw("committed %d at %s", epoch, at["p"])
	return nil
}

func (c *counter) Drain(context.Context) error {
	c.once.Do(func() { close(c.drained) })
	return nil
}

func (c *counter) Close(context.Context) error { close(c.closed); return nil }

// adder keeps a sum and gives it at the End, if anything has come since it last did.
type adder struct {
	w      *world
	sum    int64
	memory *sdk.Gauge
}

func (a *adder) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	if err := a.w.failure("add"); err != nil {
		return err
	}
	for i, v := range valuesOf(b.Rows) {
		if a.w.late != 0 && v%a.w.late == 0 {
			late := sdk.Late{Rows: b.Rows.NewSlice(int64(i), int64(i+1)), EventTimes: []int64{v},
				Partition: b.Partition, Watermark: time.UnixMicro(v + 1)}
			if err := out.Late(late); err != nil {
				return err
			}
			continue
		}
		a.sum += v
		out.Count(sdk.Counts{Absorbed: 1})
	}
	return nil
}

func (a *adder) Signal(_ context.Context, s sdk.Signal, out sdk.Emitter) (bool, error) {
	if s.Kind != sdk.End || a.sum == 0 {
		return a.sum != 0, nil
	}
	out.Count(sdk.Counts{Created: 1})
	flushed := batchOf(a.sum)
	a.sum = 0
	return false, out.Emit(&sdk.Batch{Rows: flushed})
}

func (a *adder) Snapshot(_ context.Context, _ uint64, state sdk.StateWriter) error {
	return state.Put([]byte("sum"), strconv.AppendInt(nil, a.sum, 10))
}

func (a *adder) restore(state iter.Seq2[[]byte, []byte]) {
	for _, value := range state {
		a.sum, _ = strconv.ParseInt(string(value), 10, 64)
	}
}

func (a *adder) Close(context.Context) error { return nil }

// stagingSink is a two-phase sink that makes its numbers visible in the world.
type stagingSink struct {
	w        *world
	name     string
	buffered []int64
	prepared []int64 // by the newest barrier, to be committed
}

func (s *stagingSink) Write(_ context.Context, b *sdk.Batch) error {
	if err := s.w.failure(s.name); err != nil {
		return err
	}
	var refused *sdk.RefusedError
	for row, v := range valuesOf(b.Rows) {
		if by := s.w.refuse[s.name]; by != 0 && v%by == 0 {
			refused = refused.Refuse(row, "n: not for "+s.name)
		} else {
			s.buffered = append(s.buffered, v)
		}
	}
	return refused.OrNil()
}

func (s *stagingSink) Signal(_ context.Context, signal sdk.Signal) error {
	if signal.Kind == sdk.Barrier && signal.Roll {
		s.prepared, s.buffered = s.buffered, nil
	}
	return nil
}

func (s *stagingSink) Prepare(_ context.Context, epoch uint64) (sdk.Prepared, error) {
	if err := s.w.failure(s.name + " prepare"); err != nil {
		return sdk.Prepared{}, err
	}
	if len(s.prepared) == 0 {
		return sdk.Prepared{}, nil
	}
	committable, err := json.Marshal(s.prepared)
	p := sdk.Prepared{Committable: committable, Staged: sdk.Staged{Pending: int64(len(s.prepared))}}
	s.prepared = nil
	return p, err
}

func (s *stagingSink) Commit(_ context.Context, epoch uint64, committable []byte) error {
	if err := s.w.failure(s.name + " commit"); err != nil {
		return err
	}
	var values []int64
	if err := json.Unmarshal(committable, &values); err != nil {
		return err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.visible[fmt.Sprintf("%s/%d", s.name, epoch)] = values // committing twice is committing once
	s.w.newest = max(s.w.newest, epoch)
	return nil
}

func (s *stagingSink) Recover(context.Context, []byte) error { return nil }
func (s *stagingSink) Due(time.Time) sdk.Due                 { return sdk.Due{Roll: true} }
func (s *stagingSink) Close(context.Context) error           { return nil }

// all is what a sink has made visible, in the order of epochs.
func (w *world) all(name string) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var values []int64
	for epoch := range w.newest + 1 {
		values = append(values, w.visible[fmt.Sprintf("%s/%d", name, epoch)]...)
	}
	return values
}

// none is a config that means nothing.
type none struct {
	By string   `json:"by"`
	On string   `json:"on" state:"keep"`
	To int      `json:"to"`
	Of []string `json:"of"`
	As string   `json:"as" state:"layout"` // order: a sink's columns have no names
}

func (w *world) plugin(kind sdk.Kind, name string, open func() sdk.Instance) *sdk.Plugin {
	spec := sdk.Spec[none]{Kind: kind, Name: name, Open: func(ctx context.Context, _ *none, _ *arrow.Schema,
		env sdk.Env) (sdk.Instance, error) {
		if err := w.failure("open " + name); err != nil {
			return nil, err
		}
		i := open()
		switch i := i.(type) {
		case *counter:
			i.next, _ = strconv.ParseInt(string(env.Resume["p"]), 10, 64)
			if n := env.Bounds.Records; n != nil {
				w.limit, w.endless = min(w.limit, i.next+*n), false
			}
			if env.Bounds.Now {
				return i, i.Drain(ctx)
			}
		case *adder:
			i.memory = env.Memory
			i.memory.Set(600_000_000)
			i.restore(env.State)
		}
		return i, nil
	}}
	spec.About = func(*none) sdk.Description { return sdk.Description{Bounds: sdk.Bounded{Records: true, Now: true}} }
	if kind == sdk.KindSink {
		spec.Inspect = func(context.Context, *none, sdk.Env) (sdk.Report, error) {
			report := sdk.Report{Leftovers: []string{"rows of " + name}}
			if len(w.all(name)) > 0 {
				report.Visible = "rows of " + name
			}
			return report, nil
		}
		spec.Forget = func(context.Context, *none, sdk.Env) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.forgot = append(w.forgot, name)
			return w.once["forget "+name]
		}
		spec.Columns = func(c *none, in *arrow.Schema, d *sdk.Description) {
			d.Layout = &sdk.Layout{Columns: in.Fields(), ByOrder: c.As == "order"}
		}
		spec.About = func(c *none) sdk.Description { return sdk.Description{Resources: []string{"folder:" + c.By}} }
	}
	p := spec.Plugin()
	return &p
}

func (w *world) step(kind sdk.Kind, label string, open func() sdk.Instance) *plan.Step {
	s := &plan.Step{Label: label, Path: "pipelines.test." + label, Where: "test.yaml:1:1",
		Plugin: w.plugin(kind, label, open), In: numbers, Out: numbers}
	return configured(s, "{}")
}

// configured gives a step another config.
func configured(s *plan.Step, config string) *plan.Step {
	s.Config = []byte(config)
	s.Description = s.Plugin.Describe(s.Config, s.In)
	return s
}

func (w *world) source() *plan.Step {
	return w.step(sdk.KindSource, "count", func() sdk.Instance {
		return &counter{w: w, drained: make(chan struct{}), closed: make(chan struct{})}
	})
}

func (w *world) adder() *plan.Step {
	return w.step(sdk.KindTransform, "add", func() sdk.Instance { return &adder{w: w} })
}

func (w *world) sink(name string) *plan.Step {
	return w.step(sdk.KindSink, name, func() sdk.Instance { return &stagingSink{w: w, name: name} })
}

// plan is count → raw, and count → add → sum.
func (w *world) plan(dir string) *plan.Plan {
	return &plan.Plan{StateDir: dir, Pipelines: []*plan.Pipeline{{
		Name: "test", Interval: time.Second, Input: w.source(),
		Branches: []*plan.Branch{
			{Sinks: []*plan.Step{w.sink("raw")}},
			{Processors: []*plan.Step{w.adder()}, Sinks: []*plan.Step{w.sink("sum"), w.sink("sum2")}},
		},
	}}}
}

func open(t *testing.T, p *plan.Plan) *Runner {
	t.Helper()
	r, err := Open(t.Context(), p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func closeRunner(t *testing.T, r *Runner) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("closing: %v", err)
	}
}
