package aggregation

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// collector is an emitter that keeps what it gets.
type collector struct {
	t        *testing.T
	schema   *arrow.Schema
	batches  []arrow.RecordBatch
	late     []lateRow
	rejects  []sdk.Reject
	counts   sdk.Counts
	marks    []time.Time
	emitted  int64
	lateRows int64
	next     *harness // the step behind, if there is one
}

type lateRow struct {
	rows      arrow.RecordBatch
	partition string
	watermark time.Time
}

func (c *collector) Emit(b *sdk.Batch) error {
	if b.Partition != "" {
		c.t.Errorf("emitted partition: got %q, want none, since windows mix them", b.Partition)
	}
	if b.NumRows() == 0 || b.NumRows() > sdk.DefaultBatchRows {
		c.t.Errorf("emitted a batch of %d rows", b.NumRows())
	}
	if !b.Rows.Schema().Equal(c.schema) {
		c.t.Errorf("emitted schema: got %v, want %v", b.Rows.Schema(), c.schema)
	}
	for i, column := range b.Rows.Columns() {
		if int64(column.Len()) != b.NumRows() {
			c.t.Errorf("column %s has %d rows, want %d", c.schema.Field(i).Name, column.Len(), b.NumRows())
		}
	}
	c.batches = append(c.batches, b.Rows)
	c.emitted += b.NumRows()
	if c.next != nil {
		c.next.apply(b.Partition, b.Rows)
	}
	return nil
}

func (c *collector) Late(l sdk.Late) error {
	if int64(len(l.EventTimes)) != l.Rows.NumRows() {
		c.t.Errorf("late rows: got %d event times for %d rows", len(l.EventTimes), l.Rows.NumRows())
	}
	c.late = append(c.late, lateRow{l.Rows, l.Partition, l.Watermark})
	c.lateRows += l.Rows.NumRows()
	return nil
}

func (c *collector) Reject(rows ...sdk.Reject) error {
	c.rejects = append(c.rejects, rows...)
	return nil
}

func (c *collector) Watermark(at time.Time) error {
	if n := len(c.marks); n > 0 && !at.After(c.marks[n-1]) {
		c.t.Errorf("watermark: got %v after %v", at, c.marks[n-1])
	}
	c.marks = append(c.marks, at)
	if c.next != nil {
		c.next.signal(sdk.Signal{Kind: sdk.Watermark, Time: at})
	}
	return nil
}

func (c *collector) Count(n sdk.Counts) {
	c.counts.Absorbed += n.Absorbed
	c.counts.Created += n.Created
	c.counts.Dropped += n.Dropped
	c.counts.Partial += n.Partial
}

// lines are the emitted rows, values separated by bars.
func (c *collector) lines() []string {
	var lines []string
	for _, rows := range c.batches {
		for row := range int(rows.NumRows()) {
			var values []string
			for _, column := range rows.Columns() {
				values = append(values, valueText(column, row))
			}
			lines = append(lines, strings.Join(values, "|"))
		}
	}
	return lines
}

func valueText(column arrow.Array, row int) string {
	if column.IsNull(row) {
		return "null"
	}
	if at, ok := column.(*array.Timestamp); ok {
		return clockText(int64(at.Value(row)))
	}
	return column.ValueStr(row)
}

// clockText is a time of the day, in these tests of one day around 1970.
func clockText(micros int64) string {
	return strings.TrimPrefix(time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999"), "1970-01-01 ")
}

// harness is an opened step, its emitter, and its stored state.
type harness struct {
	t      *testing.T
	config string
	in     *arrow.Schema
	step   sdk.Transform
	out    *collector
	state  map[string][]byte
	rows   int64
	epoch  uint64
	survey *sdk.Survey
	late   bool // the pipeline has an output for late rows
}

func newHarness(t *testing.T, config string, in *arrow.Schema) *harness {
	t.Helper()
	h := &harness{t: t, config: config, in: in, state: map[string][]byte{}}
	if problems := Transform.Describe([]byte(config), nil).Problems; len(sdk.Faults(problems)) > 0 {
		t.Fatalf("checking the config: %v", problems)
	}
	out, problems := sdktest.Plan(Transform, []byte(config), in)
	if len(problems) > 0 {
		t.Fatalf("planning the schema: %v", problems)
	}
	h.out = &collector{t: t, schema: out}
	h.reopen()
	return h
}

// reopen makes a new step out of the stored state, as after a crash.
func (h *harness) reopen() {
	h.t.Helper()
	if err := h.restart(); err != nil {
		h.t.Fatalf("restoring: %v", err)
	}
}

func (h *harness) restart() error {
	h.survey = &sdk.Survey{}
	instance, err := Transform.Open(h.t.Context(), []byte(h.config), h.in,
		sdk.Env{LateOutput: h.late, State: h.stored, Survey: h.survey})
	if err == nil {
		h.step = instance.(sdk.Transform)
	}
	return err
}

// stored is the state in the order of keys.
func (h *harness) stored(yield func(k, v []byte) bool) {
	for _, key := range slices.Sorted(maps.Keys(h.state)) {
		if !yield([]byte(key), h.state[key]) {
			return
		}
	}
}

// barrier ends an epoch; it returns how many keys were put or deleted, and how
// many beginnings of keys were cleared.
func (h *harness) barrier() int {
	h.t.Helper()
	h.epoch++
	h.signal(sdk.Signal{Kind: sdk.Barrier, Epoch: h.epoch})
	w := &stateWriter{harness: h}
	if err := h.step.Snapshot(h.t.Context(), h.epoch, w); err != nil {
		h.t.Fatalf("snapshot: %v", err)
	}
	return w.changes
}

// stateWriter changes the stored state of a harness.
type stateWriter struct {
	*harness
	changes int
	last    string
}

func (w *stateWriter) Clear(prefix []byte) error {
	w.t.Helper()
	w.changes++
	before := len(w.state)
	maps.DeleteFunc(w.state, func(key string, _ []byte) bool { return strings.HasPrefix(key, string(prefix)) })
	if before == len(w.state) {
		w.t.Errorf("cleared %x, where nothing was", prefix)
	}
	return nil
}

func (w *stateWriter) Put(key, value []byte) error {
	w.t.Helper()
	w.changes++
	if string(key) <= w.last {
		w.t.Errorf("put key %x after %x: want them in order", key, w.last)
	}
	w.last = string(key)
	if value == nil {
		if _, ok := w.state[string(key)]; !ok {
			w.t.Errorf("deleted key %x, which was never put", key)
		}
		delete(w.state, string(key))
		return nil
	}
	w.state[string(key)] = bytes.Clone(value)
	return nil
}

// putter is a writer of a state from which nothing is cleared.
type putter func(key, value []byte) error

func (p putter) Clear([]byte) error          { return nil }
func (p putter) Put(key, value []byte) error { return p(key, value) }

// cellsStored is how many cells the stored state has.
func (h *harness) cellsStored() int {
	n := 0
	for key, value := range h.state {
		switch key[0] {
		case stateSession:
			n++
		case stateGroups:
			groups, _ := binary.Uvarint(value)
			n += int(groups)
		}
	}
	return n
}

func (h *harness) signal(s sdk.Signal) {
	h.t.Helper()
	holds, err := h.step.Signal(h.t.Context(), s, h.out)
	if err != nil {
		h.t.Fatalf("signal %s: %v", s.Kind, err)
	}
	// A watermark is for the step behind the one that sent it, and no further.
	if h.out.next != nil && s.Kind != sdk.Barrier && s.Kind != sdk.Watermark {
		s.Pending = (s.Kind == sdk.Idle || s.Kind == sdk.End) && (s.Pending || holds)
		h.out.next.signal(s)
	}
}

// chain puts a step behind this one.
func (h *harness) chain(config string) *harness {
	h.t.Helper()
	h.out.next = newHarness(h.t, config, h.out.schema)
	return h.out.next
}

func (h *harness) partitions(names ...string) {
	h.t.Helper()
	h.signal(sdk.Signal{Kind: sdk.Partitions, Partitions: names})
}

func (h *harness) idle(partition string, now time.Time, silent time.Duration) {
	h.t.Helper()
	h.signal(sdk.Signal{Kind: sdk.Idle, Partition: partition, Time: now, For: silent})
}

func (h *harness) end() {
	h.t.Helper()
	h.signal(sdk.Signal{Kind: sdk.End})
	h.balance()
}

// watermarkAt is a promise of a step in front.
func watermarkAt(clock string) sdk.Signal {
	at, _ := time.Parse("15:04:05", clock)
	return sdk.Signal{Kind: sdk.Watermark, Time: time.UnixMicro(0).Add(at.Sub(at.Truncate(24 * time.Hour))).UTC()}
}

func (h *harness) apply(partition string, rows arrow.RecordBatch) {
	h.t.Helper()
	if err := h.tryApply(partition, rows); err != nil {
		h.t.Fatalf("applying: %v", err)
	}
	h.balance()
}

func (h *harness) tryApply(partition string, rows arrow.RecordBatch) error {
	h.rows += rows.NumRows()
	return h.step.Apply(h.t.Context(), &sdk.Batch{Rows: rows, Partition: partition}, h.out)
}

// json applies rows written as JSON objects.
func (h *harness) json(partition string, objects ...string) {
	h.t.Helper()
	h.apply(partition, jsonRows(h.t, h.in, objects...))
}

func jsonRows(t *testing.T, schema *arrow.Schema, objects ...string) arrow.RecordBatch {
	t.Helper()
	text := "[" + strings.Join(objects, ",") + "]"
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text))
	if err != nil {
		t.Fatalf("rows from %s: %v", text, err)
	}
	return rows
}

// balance checks that the counters balance.
func (h *harness) balance() {
	h.t.Helper()
	in := h.rows + h.out.counts.Created
	out := h.out.emitted + h.out.counts.Absorbed + h.out.counts.Dropped +
		h.out.lateRows + int64(len(h.out.rejects))
	if in != out {
		h.t.Errorf("books: %d rows in or made, %d accounted for", in, out)
	}
}

func (h *harness) want(lines ...string) {
	h.t.Helper()
	wantLines(h.t, h.out.lines(), lines)
}

func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("emitted rows:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// schemaOf is "name type" pairs as an input schema.
func schemaOf(t testing.TB, columns ...string) *arrow.Schema {
	t.Helper()
	var b strings.Builder
	for i, column := range columns {
		name, kind, _ := strings.Cut(column, " ")
		if i > 0 {
			b.WriteString(",")
		}
		key, _ := json.Marshal(name)
		value, _ := json.Marshal(kind)
		fmt.Fprintf(&b, "%s:%s", key, value)
	}
	var schema struct {
		Columns sdk.Schema `json:"columns"`
	}
	if problems := sdk.Decode([]byte(`{"columns":{`+b.String()+`}}`), &schema); len(problems) > 0 {
		t.Fatalf("schema: %v", problems)
	}
	return schema.Columns.Arrow()
}
