package derive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// grown applies a derive to rows of a column s of so many bytes each.
func grown(t *testing.T, config string, rows, bytes int) (*sdktest.Emitter, []int64) {
	t.Helper()
	in := sdk.Schema{{Key: "s", Value: sdk.Column{Type: "string"}}}.Arrow()
	after, problems := sdktest.Plan(Transform, []byte(config), in)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	instance, err := Transform.Open(t.Context(), []byte(config), in, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for range rows {
		b.Append(strings.Repeat("x", bytes))
	}
	batch := array.NewRecordBatch(in, []arrow.Array{b.NewArray()}, int64(rows))
	out := &sizes{Emitter: sdktest.NewEmitter(in, after)}
	if err := instance.(sdk.Transform).Apply(t.Context(), &sdk.Batch{Rows: batch, Cursor: []byte("c")}, out); err != nil {
		t.Fatal(err)
	}
	if got := out.rows + int64(len(out.Rejected)); got != int64(rows) {
		t.Errorf("%d rows came out, want %d", got, rows)
	}
	if out.cursors != 1 {
		t.Errorf("the cursor came %d times, want once, with the last rows", out.cursors)
	}
	return out.Emitter, out.bytes
}

// sizes is an emitter that notes how much text each batch has, not the rows.
type sizes struct {
	*sdktest.Emitter
	bytes   []int64
	rows    int64
	cursors int
}

func (s *sizes) Emit(b *sdk.Batch) error {
	size := int64(0)
	for _, column := range b.Rows.Columns() {
		size += int64(textBytes(column))
	}
	s.bytes = append(s.bytes, size)
	s.rows += b.NumRows()
	if b.Cursor != nil {
		s.cursors++
	}
	return nil
}

func TestAValueHasALargestSize(t *testing.T) {
	times := func(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+"+", n), "+") }
	var columns []string // each ten times the one before
	for i, of := range []string{"s", "a", "b", "c", "d", "e", "f"} {
		columns = append(columns, fmt.Sprintf("%q: %q", string(rune('a'+i)), times(10, of)))
	}
	out, _ := grown(t, "{"+strings.Join(columns, ",")+"}", 1, 1000)
	if len(out.Rejected) != 1 || !strings.Contains(out.Rejected[0], "e: the value would have 20000000 bytes, more than") {
		t.Errorf("got %.200s, want that e would have 20 MB", out.Rejected)
	}
	lists := `{"l": "['` + strings.Repeat("y", 100) + `']", "m": "l+l", "n": "size(m)"}`
	if out, _ := grown(t, lists, 1, 1); len(out.Rejected) != 0 {
		t.Errorf("short lists: got %s", out.Rejected)
	}
	out, _ = grown(t, `{"l": "[`+times(20, "s")+`]"}`, 1, 1<<20)
	if len(out.Rejected) != 1 || !strings.Contains(out.Rejected[0], "l: the value would have 17825792 bytes") {
		t.Errorf("an item of a list: got %.200s, want that it would be too long", out.Rejected)
	}
	out, _ = grown(t, `{"l": "[`+strings.TrimSuffix(strings.Repeat("s,", 20), ",")+`]"}`, 1, 1<<20)
	if len(out.Rejected) != 1 || !strings.Contains(out.Rejected[0], "l: the list would have more bytes") {
		t.Errorf("a list: got %.200s, want that it would be too long", out.Rejected)
	}
}

func TestARowHasALargestSize(t *testing.T) {
	var columns []string
	for i := range 12 {
		columns = append(columns, fmt.Sprintf(`"c%d": "s+s"`, i))
	}
	out, _ := grown(t, "{"+strings.Join(columns, ",")+"}", 1, 4<<20)
	if len(out.Rejected) != 1 || !strings.Contains(out.Rejected[0], "c8: the columns up to this one would have 75497472 bytes") {
		t.Errorf("got %.200s, want that nine columns of 8 MB are too much", out.Rejected)
	}
}

func TestABatchThatGrowsIsMadeInPieces(t *testing.T) {
	out, bytes := grown(t, `{"a": "s+s+s+s", "b": "a+a"}`, 64, 1<<20)
	if len(out.Rejected) != 0 || len(bytes) < 2 {
		t.Errorf("got batches of %d bytes and %d rejects, want several batches and none", bytes, len(out.Rejected))
	}
	for _, size := range bytes {
		if size > 2*mostBatch {
			t.Errorf("a batch has %d bytes, want at most %d made of a part of what came", size, mostBatch)
		}
	}
}
