package sdktest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// modelTransform passes on rows with an even number, drops those without one,
// calls every eleventh late, rejects every seventh, counts the other odd ones
// by the first letters of their names, and gives those counts at the end.
type modelTransform struct {
	fault  string
	counts map[string]int64
	dirty  map[string]bool
	first  *sdk.Batch // kept by a fault
	out    []arrow.RecordBatch
}

func modelBatch(names []string, numbers []int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, modelSchema())
	for i := range names {
		b.Field(0).(*array.StringBuilder).Append(names[i])
		b.Field(1).(*array.Int64Builder).Append(numbers[i])
	}
	return b.NewRecordBatch()
}

func (m *modelTransform) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	names, numbers := b.Rows.Column(0).(*array.String), b.Rows.Column(1).(*array.Int64)
	if m.fault == "ignores the offset" {
		values := arrow.Int64Traits.CastFromBytes(numbers.Data().Buffers()[1].Bytes())
		numbers = array.NewInt64Data(array.NewData(numbers.DataType(), numbers.Len(),
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(values))}, nil, 0, 0))
	}
	if m.fault == "trusts the null count" && b.Rows.Column(1).Data().NullN() < 0 {
		return fmt.Errorf("%d nulls", b.Rows.Column(1).Data().NullN())
	}
	if m.fault == "fails on empty batches" && b.NumRows() == 0 {
		return fmt.Errorf("no rows")
	}
	if m.fault == "sorts in place" && numbers.Len() > 1 {
		v := numbers.Int64Values()
		v[0], v[1] = v[1], v[0]
		defer func() { v[1] = -v[1] }()
	}
	var keptNames []string
	var kept []int64
	counts := sdk.Counts{}
	for i := range numbers.Len() {
		n := numbers.Value(i)
		missing := numbers.IsNull(i) || names.IsNull(i)
		if m.fault == "reads under nulls" {
			missing = n == 0 && numbers.IsNull(i) || names.IsNull(i)
		}
		switch {
		case missing:
			counts.Dropped++
		case n%11 == 0 && n > 0:
			if err := out.Late(lateRow(b, i)); err != nil {
				return err
			}
		case n%7 == 0 && n > 0:
			reason := "n: want no multiple of 7, got " + strconv.FormatInt(n, 10)
			if err := out.Reject(sdk.Reject{Reason: reason}); err != nil {
				return err
			}
		case n%2 == 0:
			keptNames, kept = append(keptNames, names.Value(i)), append(kept, n)
		default:
			counts.Absorbed++
			m.count(names.Value(i)[:min(7, names.ValueLen(i))])
		}
	}
	if m.fault != "forgets to count" {
		out.Count(counts)
	}
	if m.fault == "keeps its input" && m.first == nil && b.NumRows() > 0 {
		m.first = b
	}
	return m.emit(keptNames, kept, out)
}

func (m *modelTransform) count(key string) {
	if m.fault != "keeps strings" {
		key = strings.Clone(key)
	}
	m.counts[key]++
	m.dirty[key] = true
}

func (m *modelTransform) emit(names []string, numbers []int64, out sdk.Emitter) error {
	rows := modelBatch(names, numbers)
	if m.fault == "changes what it emitted" {
		for _, old := range m.out {
			mangle(old)
		}
	}
	m.out = append(m.out, rows)
	err := out.Emit(&sdk.Batch{Rows: rows})
	if m.fault == "swallows errors" {
		return nil
	}
	return err
}

func (m *modelTransform) Signal(_ context.Context, s sdk.Signal, out sdk.Emitter) (bool, error) {
	if s.Kind != sdk.End {
		return len(m.counts) > 0, nil
	}
	var counts []int64
	names := slices.Sorted(maps.Keys(m.counts))
	for _, name := range names {
		counts = append(counts, m.counts[name])
	}
	if m.first != nil {
		names, counts = append(names, Text(m.first.Rows)[0]), append(counts, 1)
	}
	if m.fault != "creates in secret" {
		out.Count(sdk.Counts{Created: int64(len(names))})
	}
	return false, m.emit(names, counts, out)
}

func (m *modelTransform) Snapshot(_ context.Context, _ uint64, state sdk.StateWriter) error {
	key := []byte(nil)
	names := slices.Sorted(maps.Keys(m.dirty))
	if m.fault == "puts in any order" {
		slices.Reverse(names)
	}
	for _, name := range names {
		if m.fault == "forgets a group" && strings.HasSuffix(name, "1") {
			continue
		}
		key = append(key[:0], name...)
		if err := state.Put(key, strconv.AppendInt(nil, m.counts[name], 10)); err != nil {
			return err
		}
	}
	clear(m.dirty)
	return nil
}

func (m *modelTransform) restore(state iter.Seq2[[]byte, []byte]) error {
	for key, value := range state {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return err
		}
		m.counts[string(key)] = n
	}
	if m.fault == "needs state" && len(m.counts) == 0 {
		return fmt.Errorf("nothing to restore")
	}
	return nil
}

func (m *modelTransform) Close(context.Context) error {
	if m.fault == "fails to close" {
		return fmt.Errorf("it is stuck")
	}
	return nil
}

func modelInput() []*sdk.Batch {
	return []*sdk.Batch{{Rows: modelRows(0, 20), Partition: "a"}, {Rows: modelRows(100, 110), Partition: "b"},
		{Rows: modelRows(20, 40), Partition: "a"}}
}

func modelTransformSuite(fault string) *suite {
	spec := faultySpec(fault, sdk.KindTransform)
	spec.Open = func(_ context.Context, _ *modelConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		m := &modelTransform{fault: fault, counts: map[string]int64{}, dirty: map[string]bool{}}
		if env.State == nil {
			return m, nil
		}
		return m, m.restore(env.State)
	}
	return &suite{plugin: spoil(spec.Plugin(), fault), config: `{"size": 5}`, patience: time.Second,
		Options: Options{Input: modelInput()}}
}

func TestTransformFaultsAreCaught(t *testing.T) {
	catches(t, append(configFaults(), []broken{
		{"ignores the offset", "SameResult/sliced", "fed batches sliced"},
		{"reads under nulls", "SameResult/with values under its nulls", "fed batches with values"},
		{"trusts the null count", "SameResult/with uncounted nulls", "-1 nulls"},
		{"fails on empty batches", "SameResult/between empty batches", "no rows"},
		{"sorts in place", "InputIsNotChanged", "changed by Apply"},
		{"keeps its input", "LentBatchesAreNotKept", "overwritten after Apply"},
		{"keeps strings", "LentBatchesAreNotKept", "overwritten after Apply"},
		{"changes what it emitted", "EmittedBatchesAreLeftAlone", "was changed later"},
		{"forgets to count", "BooksBalance", "do not balance"},
		{"creates in secret", "BooksBalance", "do not balance"},
		{"swallows errors", "EmittersErrorIsPassedOn", "refused every batch"},
		{"forgets a group", "SnapshotsRestoreEverything", "restored after"},
		{"puts in any order", "SnapshotsRestoreEverything", "want each key once, in order"},
		{"needs state", "EmptyStateIsAFreshStart", "nothing to restore"},
		{"fails to close", "CloseWithoutApply", "it is stuck"},
	}...), transformChecks(), modelTransformSuite)
}

func TestSuitePassesASoundTransform(t *testing.T) {
	s := modelTransformSuite("")
	Transform(t, s.plugin, s.config, s.Options)
}

func TestEmitterRefusesWhatNoStepMayDo(t *testing.T) {
	e := NewEmitter(modelSchema(), modelSchema())
	other := sdk.EmptyRows(arrow.NewSchema(modelSchema().Fields()[:1], nil))
	now := wallClock(1)
	for what, err := range map[string]error{
		"no rows":           e.Emit(&sdk.Batch{}),
		"other columns":     e.Emit(&sdk.Batch{Rows: other}),
		"late, other":       e.Late(sdk.Late{Rows: other, Watermark: now}),
		"late, unjudged":    e.Late(sdk.Late{Rows: modelRows(0, 1), EventTimes: []int64{0}}),
		"late, no times":    e.Late(sdk.Late{Rows: modelRows(0, 1), Watermark: now}),
		"reject, no reason": e.Reject(sdk.Reject{}),
	} {
		if err == nil {
			t.Errorf("%s: got no error", what)
		}
	}
	if err := e.Watermark(now); err != nil {
		t.Error(err)
	}
	if err := e.Watermark(now.Add(-time.Second)); err == nil {
		t.Error("a watermark that goes back: got no error")
	}
}

func lateRow(b *sdk.Batch, i int) sdk.Late {
	return sdk.Late{Rows: b.Rows.NewSlice(int64(i), int64(i+1)), EventTimes: []int64{int64(i)},
		Partition: b.Partition, Watermark: wallClock(1)}
}
