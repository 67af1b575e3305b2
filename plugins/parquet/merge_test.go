package parquet

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"etlengine/plugins/kit/files"
)

func partOf(data []byte) files.Part {
	return files.Part{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Name: "part"}
}

// mergedOf merges files with these batches, one file for each.
func mergedOf(t testing.TB, o options, schema *arrow.Schema, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var parts []files.Part
	for _, rows := range batches {
		parts = append(parts, partOf(written(t, o, schema, rows)))
	}
	var out bytes.Buffer
	if err := merge(t.Context(), &out, schema, parts, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func groupRows(t testing.TB, data []byte) []int64 {
	t.Helper()
	var rows []int64
	for _, g := range opened(t, data).RowGroups() {
		rows = append(rows, g.NumRows())
	}
	return rows
}

func TestMergedPartsKeepTheirRowsInOrder(t *testing.T) {
	schema := schemaOf(t, everyType)
	whole := randomRows(schema.Arrow(), 7000, 5, rand.New(rand.NewPCG(1, 1)))
	bounds := []int64{0, 1, 1, 90, 700, 3200, 3201, 7000} // one part without rows
	var pieces []arrow.RecordBatch
	for i, from := range bounds[:len(bounds)-1] {
		pieces = append(pieces, whole.NewSlice(from, bounds[i+1]))
	}
	for _, groupRows := range []int64{1, 500, 100_000} {
		if groupRows == 1 {
			pieces, whole = pieces[:4], whole.NewSlice(0, 700)
		}
		data := mergedOf(t, options{codec: &pq.Zstd, rowGroupRows: groupRows}, schema.Arrow(), pieces...)
		got, _ := readAll(t, onDisk(t, data), schema, 0)
		sameRows(t, joined(t, schema.Arrow(), got...), whole)
	}
}

func TestSmallRowGroupsAreMergedIntoFullOnes(t *testing.T) {
	rows := tickets(t, 1, 4096)[0]
	tests := []struct{ parts, want []int64 }{
		{[]int64{100, 100, 100}, []int64{300}},
		{[]int64{400, 400, 400}, []int64{800, 400}},
		{[]int64{1000, 1000}, []int64{1000, 1000}},
		{[]int64{600, 10, 10, 990}, []int64{620, 990}},
		{[]int64{2500, 10}, []int64{1000, 1000, 510}},
		{[]int64{0, 2}, []int64{2}},
		{[]int64{7}, []int64{7}},
	}
	for _, tt := range tests {
		var pieces []arrow.RecordBatch
		for _, n := range tt.parts {
			pieces = append(pieces, rows.NewSlice(0, n))
		}
		data := mergedOf(t, options{codec: &quickSnappy{}, rowGroupRows: 1000}, rows.Schema(), pieces...)
		if got := groupRows(t, data); !slices.Equal(got, tt.want) {
			t.Errorf("parts of %v rows: got row groups of %v, want %v", tt.parts, got, tt.want)
		}
	}
}

func TestMergedFileKeepsDictionariesAndStatistics(t *testing.T) {
	rows := tickets(t, 1, 4096)[0]
	data := mergedOf(t, plainOptions, rows.Schema(),
		rows.NewSlice(0, 3), rows.NewSlice(3, 2000), rows.NewSlice(2000, 4096))
	for i, chunk := range opened(t, data).Metadata().RowGroups[0].Columns {
		if got, want := usesDictionary(chunk.MetaData.EncodingStats), i >= 4; got != want {
			t.Errorf("%s: dictionary: got %t, want %t", chunk.MetaData.PathInSchema, got, want)
		}
		if chunk.MetaData.Statistics.MinValue == nil || chunk.MetaData.Statistics.MaxValue == nil {
			t.Errorf("%s: no bounds", chunk.MetaData.PathInSchema)
		}
		for _, s := range chunk.MetaData.EncodingStats {
			if s.PageType == format.DataPageV2 {
				t.Errorf("%s: want pages of version 1", chunk.MetaData.PathInSchema)
			}
		}
	}
}

func TestListsLongerThanASlabAreMerged(t *testing.T) {
	schema := schemaOf(t, "numbers:list(int64)")
	rows := rowsOf(t, schema, `[{"numbers": [1]}, {"numbers": [`+strings.Repeat("7,", 5*slabRows)+`8]}, {}]`)
	data := mergedOf(t, plainOptions, schema.Arrow(), rows, rows)
	got, _ := readAll(t, onDisk(t, data), schema, 0)
	sameRows(t, joined(t, schema.Arrow(), got...), joined(t, schema.Arrow(), rows, rows))
}

func TestDamagedOrForeignPartsAreNamed(t *testing.T) {
	rows := tickets(t, 1, 100)[0]
	good := written(t, plainOptions, rows.Schema(), rows)
	other := rowsOf(t, schemaOf(t, "a:int64"), `[{"a": 1}]`)
	tests := []struct {
		name string
		bad  []byte
		want string
	}{
		{"truncated", good[:len(good)-9], "truncated"},
		{"other columns", written(t, plainOptions, other.Schema(), other), "its columns are others"},
		{"damaged page", flipped(good, 200), "checksum"},
	}
	for _, tt := range tests {
		bad := partOf(tt.bad)
		bad.Name = "hidden-7"
		err := merge(t.Context(), &bytes.Buffer{}, rows.Schema(), []files.Part{partOf(good), bad}, plainOptions)
		if err == nil || !strings.Contains(err.Error(), "hidden-7") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want hidden-7 and %q", tt.name, err, tt.want)
		}
	}
}

func flipped(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0xff
	return data
}

func TestMergeStopsWhenItIsCancelled(t *testing.T) {
	rows := tickets(t, 1, 100)[0]
	part := partOf(written(t, plainOptions, rows.Schema(), rows))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := merge(ctx, &bytes.Buffer{}, rows.Schema(), []files.Part{part, part}, plainOptions)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
