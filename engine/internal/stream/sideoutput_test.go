package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// withSides gives a plan outputs for late rows and dead letters.
func (w *world) withSideOutputs(p *plan.Plan) *plan.Plan {
	pipeline := p.Pipelines[0]
	fields := append(slices.Clone(numbers.Fields()), arrow.Field{Name: sdk.PositionColumn,
		Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	in := arrow.NewSchema(fields, nil)
	pipeline.Input.Out = in
	for _, b := range pipeline.Branches {
		for _, s := range b.Processors {
			s.In = in
		}
	}
	pipeline.Late, pipeline.DeadLetters = w.sink("late"), w.sink("dead")
	pipeline.Late.In, pipeline.DeadLetters.In = plan.LateColumns(in), plan.DeadColumns
	return p
}

// TestSideOutputsHaveTheRowsOfTheirEpoch: what an epoch commits of late rows and dead
// letters comes from the rows that it commits everywhere else, although they come
// by other goroutines.
func TestSideOutputsHaveTheRowsOfTheirEpoch(t *testing.T) {
	w := newWorld(100_000)
	w.reject, w.late = 7, 11
	p := w.withSideOutputs(w.plan(t.TempDir()))
	p.Pipelines[0].Interval = time.Millisecond
	r := open(t, p)
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var dead, late []int64
	for n := range int64(100_000) {
		if n%7 == 0 {
			dead = append(dead, n)
		} else if n%11 == 0 {
			late = append(late, n)
		}
	}
	if got := w.all("dead"); !slices.Equal(got, dead) {
		t.Errorf("dead letters: got %d, want %d in order", len(got), len(dead))
	}
	if got := w.all("late"); !slices.Equal(got, late) {
		t.Errorf("late rows: got %d, want %d in order", len(got), len(late))
	}
	epochs := 0
	for epoch := range r.Summary().Pipelines[0].Epoch {
		raw := w.visible[fmt.Sprintf("raw/%d", epoch+1)]
		if len(raw) == 0 {
			continue
		}
		epochs++
		from, to := raw[0]/10*10, raw[len(raw)-1]/10*10+10 // whole batches of ten
		for _, side := range []string{"late", "dead"} {
			for _, n := range w.visible[fmt.Sprintf("%s/%d", side, epoch+1)] {
				if n < from || n >= to {
					t.Fatalf("epoch %d shows the rows %d to %d, but %d in %s", epoch+1, from, to, n, side)
				}
			}
		}
	}
	if epochs < 3 {
		t.Errorf("got %d epochs with rows, want several", epochs)
	}
	if at := r.Summary().Imbalance(); at != "" {
		t.Errorf("the books do not balance at %s: %+v", at, r.Summary())
	}
}

// TestRowsThatASinkRefusesAreDeadLetters: of that sink alone, in the epoch in which the
// sink and all others commit the rows beside them.
func TestRowsThatASinkRefusesAreDeadLetters(t *testing.T) {
	w := newWorld(20_000)
	w.late, w.refuse = 11, map[string]int64{"raw": 7}
	p := w.withSideOutputs(w.plan(t.TempDir()))
	p.Pipelines[0].Interval = time.Millisecond
	r := open(t, p)
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused, accepted []int64
	for n := range int64(20_000) {
		if n%7 == 0 {
			refused = append(refused, n)
		} else {
			accepted = append(accepted, n)
		}
	}
	if got := w.all("dead"); !slices.Equal(got, refused) {
		t.Errorf("dead letters: got %d, want %d in order", len(got), len(refused))
	}
	if got := w.all("raw"); !slices.Equal(got, accepted) {
		t.Errorf("written: got %d, want %d in order", len(got), len(accepted))
	}
	for epoch := range r.Summary().Pipelines[0].Epoch {
		raw, dead := w.visible[fmt.Sprintf("raw/%d", epoch+1)], w.visible[fmt.Sprintf("dead/%d", epoch+1)]
		for _, n := range dead {
			if len(raw) == 0 || n < raw[0]/10*10 || n >= raw[len(raw)-1]/10*10+10 {
				t.Fatalf("epoch %d shows %d as refused, and not the rows beside it", epoch+1, n)
			}
		}
	}
	if at := r.Summary().Imbalance(); at != "" {
		t.Errorf("the books do not balance at %s: %+v", at, r.Summary())
	}
}

func TestRowsThatASinkRefusesEndTheRunWithoutDeadLetters(t *testing.T) {
	for _, sink := range []string{"raw", "dead"} {
		w := newWorld(100)
		w.refuse = map[string]int64{sink: 33}
		p := w.plan(t.TempDir())
		if sink == "dead" {
			w.reject = 33
			p = w.withSideOutputs(p)
		}
		r := open(t, p)
		defer closeRunner(t, r)
		err := r.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "n: not for "+sink) || len(w.all(sink)) > 0 {
			t.Errorf("%s: got %v and %v visible, want the reason and nothing", sink, err, w.all(sink))
		}
	}
}

func TestRejectWithoutDeadLettersEndsTheRun(t *testing.T) {
	w := newWorld(100)
	w.reject = 33
	r := open(t, w.plan(t.TempDir()))
	defer closeRunner(t, r)
	err := r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), `row p:0: n: unwanted: "0"`) ||
		!strings.Contains(err.Error(), "dead_letters") {
		t.Errorf("got %v, want the row, the reason and what to do", err)
	}
}

func TestFailingDeadLettersEndTheRun(t *testing.T) {
	w := newWorld(100)
	w.reject = 33
	w.fail["dead"] = fmt.Errorf("disk full")
	r := open(t, w.withSideOutputs(w.plan(t.TempDir())))
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v, want the error of the output", err)
	}
}

func TestLateRowsNameTheirStepAndWatermark(t *testing.T) {
	rows := positioned(arrow.NewSchema(append(slices.Clone(numbers.Fields()), arrow.Field{
		Name: sdk.PositionColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true}), nil),
		&sdk.Batch{Rows: batchOf(5, 6), Positions: []int64{70, 71}})
	late := sdk.Late{Rows: rows.NewSlice(1, 2), EventTimes: []int64{1_000_000}, Partition: "t/3",
		Watermark: time.UnixMicro(2_000_000)}
	got := lateRows(plan.LateColumns(rows.Schema()), "windows", late)
	text, err := got.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"n":6`, `"_partition":"t/3"`, `"_position":71`, `"_step":"windows"`,
		`"_event_time":"1970-01-01T00:00:01Z"`, `"_watermark":"1970-01-01T00:00:02Z"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("got %s, want %s in it", text, want)
		}
	}
}

// An input that gives the partition of a topic as metadata has a column of that
// name; a file with it twice is read by nobody.
func TestLateRowsHaveEachColumnOnce(t *testing.T) {
	fields := append(slices.Clone(numbers.Fields()),
		arrow.Field{Name: "_partition", Type: arrow.PrimitiveTypes.Int32},
		arrow.Field{Name: "_path", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: sdk.PositionColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	in := arrow.NewSchema(fields, nil)
	schema := plan.LateColumns(in)
	var names []string
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	want := []string{"n", "_path", "_event_time", "_watermark", "_partition", "_position", "_step"}
	if !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, in)
	b.Field(0).(*array.Int64Builder).Append(1)
	b.Field(1).(*array.Int32Builder).Append(3)
	b.Field(2).(*array.StringBuilder).Append("a")
	b.Field(3).(*array.Int64Builder).Append(9)
	text, err := lateRows(schema, "windows", sdk.Late{Rows: b.NewRecordBatch(), EventTimes: []int64{0},
		Partition: "t/3"}).MarshalJSON()
	if err != nil || !strings.Contains(string(text), `"_partition":"t/3"`) || strings.Contains(string(text), ":3") {
		t.Errorf("got %s, %v", text, err)
	}
}

// TestSideOutputsOpenInOneOrder: of two faults the same one is reported each time.
func TestSideOutputsOpenInOneOrder(t *testing.T) {
	for range 20 {
		w := newWorld(10)
		w.fail = map[string]error{"open late": errors.New("late fails"), "open dead": errors.New("dead fails")}
		_, err := Open(t.Context(), w.withSideOutputs(w.plan(t.TempDir())), Options{})
		if err == nil || !strings.Contains(err.Error(), "late fails") {
			t.Fatalf("got %v, want the failure of the late output", err)
		}
	}
}

// TestSummaryCountsTheRowsThatReadersSee: an output whose commit failed has written none
// of the epoch, though it is recorded.
func TestSummaryCountsTheRowsThatReadersSee(t *testing.T) {
	w := newWorld(10)
	w.fail["raw commit"] = fmt.Errorf("refused")
	r := open(t, w.plan(t.TempDir()))
	defer closeRunner(t, r)
	if err := r.Run(t.Context()); err == nil {
		t.Fatal("got no error of the commit")
	}
	s := r.Summary()
	for _, step := range s.Pipelines[0].Steps {
		switch step.Label {
		case "raw":
			if step.In != 10 || step.Out != 0 || step.Staged != 10 {
				t.Errorf("raw: got %d in, %d out, %d staged, want 10, 0, 10", step.In, step.Out, step.Staged)
			}
		case "sum":
			if step.Out != int64(len(w.all("sum"))) || step.Out != 1 || step.Staged != 0 {
				t.Errorf("sum: got %d out, %d staged, want 1 and 0", step.Out, step.Staged)
			}
		}
	}
	if at := s.Imbalance(); at != "" {
		t.Errorf("the books do not balance at %s", at)
	}
}
