package aggregation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// TestSortByPrefixSortsAsComparingDoes: whatever bytes the prefixes differ in,
// and whether they do.
func TestSortByPrefixSortsAsComparingDoes(t *testing.T) {
	order := func(a, b ready) int {
		return cmp.Or(cmp.Compare(uint64(a.at), uint64(b.at)), cmp.Compare(a.cell, b.cell))
	}
	r := rand.New(rand.NewPCG(7, 7))
	for _, mask := range []uint64{0, 1, 0xff, 0xff00, 0x0f0f_0f0f_0f0f_0f0f, 0x8000_0000_0000_0001, 1<<64 - 1} {
		for _, n := range []int{0, 1, 2, fewSorted - 1, fewSorted, 1000, 20_000} {
			items := make([]ready, n)
			for i, cell := range r.Perm(n) {
				items[i] = ready{at: int64(r.Uint64() & mask), cell: uint32(cell)}
			}
			want := slices.SortedFunc(slices.Values(items), order)
			if sortByPrefix(items, 56, order); !slices.Equal(items, want) {
				t.Errorf("%d prefixes that differ in the bits %x: not in order", n, mask)
			}
		}
	}
}

// TestMoreThanOneProcessorSortsAlike: enough groups that all processors sort them,
// with keys that begin alike, and one among them that does not.
func TestMoreThanOneProcessorSortsAlike(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	const groups = 140_000
	for name, id := range map[string]func(i int) string{
		"alike":     func(i int) string { return fmt.Sprintf("C%08d", i) },
		"one other": func(i int) string { return []string{"C", "B"}[i/(groups-1)] + fmt.Sprintf("abcdefghijklmnop%08d", i) },
	} {
		h := newHarness(t, with(`"group_by": ["id"]`), schema)
		order := rand.New(rand.NewPCG(1, 5)).Perm(groups)
		for _, rows := range batchesOf(schema, groups, func(i int, b *array.RecordBuilder) {
			b.Field(0).(*array.TimestampBuilder).Append(1)
			b.Field(1).(*array.StringBuilder).Append(id(order[i]))
		}) {
			h.apply("p", rows)
		}
		h.end()
		var got []string
		for _, rows := range h.out.batches {
			for i := range int(rows.NumRows()) {
				got = append(got, rows.Column(2).(*array.String).Value(i))
			}
		}
		if !slices.IsSorted(got) || len(slices.Compact(got)) != groups {
			t.Errorf("%s: got %d groups, want %d in order", name, len(got), groups)
		}
	}
}

// collected keeps all batches.
type collected struct {
	sinkhole
	batches []arrow.RecordBatch
}

func (c *collected) Emit(b *sdk.Batch) error {
	c.batches = append(c.batches, b.Rows)
	return nil
}

// batchesOf makes n rows.
func batchesOf(schema *arrow.Schema, n int, add func(i int, b *array.RecordBuilder)) (all []arrow.RecordBatch) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range n {
		if add(i, b); i%sdk.DefaultBatchRows == sdk.DefaultBatchRows-1 || i == n-1 {
			all = append(all, b.NewRecordBatch())
		}
	}
	return all
}

// TestManyGroupsComeOutInOrder: a window with more groups than a batch holds, of
// columns of every sort, comes out by its groups' values, with what was added.
func TestManyGroupsComeOutInOrder(t *testing.T) {
	const groups = 3*sdk.DefaultBatchRows + 7
	schema := schemaOf(t, "at timestamp", "name string", "n int64", "flag bool", "amount int64")
	instance, err := Transform.Open(t.Context(), []byte(`{"event_time": "at", "watermark": "1m",
		"window": {"tumbling": "1h"}, "group_by": ["name", "n", "flag"],
		"aggregates": {"rows": "count()", "total": "sum(amount)"}}`), schema, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"", "a", "a name that is longer than fifteen bytes",
		"a name that is longer than fifteen bytes, too", "ab", "ab\x00c"} // in order
	type group struct {
		name int // of the names, len(names) for null: nulls come first
		n    int64
		flag bool
	}
	of := func(i int) group { return group{name: i % 7, n: int64(i/14) - 300, flag: i%14 >= 7} }
	in := batchesOf(schema, groups, func(i int, b *array.RecordBuilder) {
		g := of(i)
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(i))
		if g.name == len(names) {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(names[g.name])
		}
		b.Field(2).(*array.Int64Builder).Append(g.n)
		b.Field(3).(*array.BooleanBuilder).Append(g.flag)
		if i%5 == 0 {
			b.Field(4).AppendNull() // the sum is null
		} else {
			b.Field(4).(*array.Int64Builder).Append(int64(-i))
		}
	})
	out := &collected{}
	for _, rows := range in {
		if err := instance.(sdk.Transform).Apply(t.Context(), &sdk.Batch{Rows: rows, Partition: "p"}, out); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := instance.(sdk.Transform).Signal(t.Context(), sdk.Signal{Kind: sdk.End}, out); err != nil {
		t.Fatal(err)
	}
	var order []int
	for i := range groups {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := of(a), of(b)
		flags := map[bool]int{true: 1}
		return cmp.Or(cmp.Compare((x.name+1)%7, (y.name+1)%7), cmp.Compare(x.n, y.n), flags[x.flag]-flags[y.flag])
	})
	at := 0
	for _, rows := range out.batches {
		for i := range int(rows.NumRows()) {
			n := order[at]
			g, name, total := of(n), rows.Column(2), rows.Column(6)
			null := g.name == len(names)
			if name.IsNull(i) != null || !null && name.(*array.String).Value(i) != names[g.name] ||
				rows.Column(3).(*array.Int64).Value(i) != g.n || rows.Column(4).(*array.Boolean).Value(i) != g.flag ||
				rows.Column(5).(*array.Int64).Value(i) != 1 ||
				total.IsNull(i) != (n%5 == 0) || !total.IsNull(i) && total.(*array.Int64).Value(i) != int64(-n) {
				t.Fatalf("row %d: got %v, want that of group %+v", at, rows.NewSlice(int64(i), int64(i+1)), g)
			}
			at++
		}
	}
	if at != groups {
		t.Errorf("got %d rows, want %d", at, groups)
	}
}
