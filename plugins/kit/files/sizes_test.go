package files

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

// tally is a format that counts what its merges read.
func tally(f Format, read *int64, most *int) Format {
	merge := f.Merge
	f.Merge = func(ctx context.Context, w io.Writer, schema *arrow.Schema, parts []Part) error {
		*most = max(*most, len(parts))
		for _, p := range parts {
			*read += p.Size
		}
		return merge(ctx, w, schema, parts)
	}
	return f
}

// epochs runs small epochs and rolls when the sink asks for it and at the end.
func epochs(t *testing.T, s *sink, n int, rows func(epoch int) *sdk.Batch, after func(h *committable)) {
	t.Helper()
	for epoch := 1; epoch <= n; epoch++ {
		write(t, s, rows(epoch))
		due := s.Due(clock(0).Add(time.Duration(epoch) * time.Millisecond)).Roll
		data := prepare(t, s, uint64(epoch), due || epoch == n)
		commit(t, s, uint64(epoch), data)
		if after == nil || epoch%mostParts != mostParts-1 { // where there are most files
			continue
		}
		h, err := decodeCommittable(data)
		if err != nil {
			t.Fatal(err)
		}
		after(h)
	}
}

func TestFilesAreOfTheSizeOfARollWhateverTheEpoch(t *testing.T) {
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.Roll = Roll{Size: 20_000, Interval: sdk.Duration(time.Hour)}
		s := openSink(t, d, cfg, f, nil)
		epochs(t, s, 1000, func(epoch int) *sdk.Batch { return batchOf(epoch*10, epoch*10+10) }, nil)
		tree := d.Tree("/data/out")
		names := slices.Sorted(maps.Keys(tree))
		if len(names) < 3 || len(names) > 6 {
			t.Errorf("%s: 1000 epochs of 70 bytes: got %d files", name, len(names))
		}
		for _, file := range names[:len(names)-1] {
			if n := len(tree[file]); n < 19_000 || n > 21_000 {
				t.Errorf("%s: %s: want about 20000 bytes, got %d", name, file, n)
			}
		}
	}
}

func TestLargePartsAreNotMergedFarBeyondTheSizeOfARoll(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.Roll.Size = 1000
	s := openSink(t, d, cfg, blocks, nil)
	for i, rows := range []int{100, 100, 60, 3, 150, 2} { // 7 or 6 bytes a row
		write(t, s, batchOf(100, 100+rows))
		commit(t, s, uint64(i+1), prepare(t, s, uint64(i+1), i == 5))
	}
	var sizes []int
	tree := d.Tree("/data/out")
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		sizes = append(sizes, len(tree[name]))
	}
	if want := []int{1204, 1294}; !slices.Equal(sizes, want) {
		t.Errorf("want files of %v bytes, got %v", want, sizes)
	}
}

func TestThousandsOfTinyEpochsLeaveAFewStagedFiles(t *testing.T) {
	d := stagingtest.NewDisk()
	cfg := testConfig()
	cfg.Roll.Interval = sdk.Duration(time.Hour)
	var read int64
	var merged, staged int
	s := openSink(t, d, cfg, tally(blocks, &read, &merged), nil)
	epochs(t, s, 5000, func(epoch int) *sdk.Batch { return batchOf(epoch, epoch+1) }, func(h *committable) {
		staged = max(staged, len(h.Parts))
	})
	if staged > 3*mostParts || merged > 3*mostParts {
		t.Errorf("want at most %d staged files and parts of a merge, got %d and %d", 3*mostParts, staged, merged)
	}
	tree := d.Tree("/data/out")
	if len(tree) != 1 {
		t.Fatalf("want one file, got %d", len(tree))
	}
	for _, body := range tree {
		if rows := strings.Count(body, ",k\n"); rows != 5000 {
			t.Errorf("want 5000 rows, got %d", rows)
		}
		// Each row is read once to level 1, once to level 2, and at the roll; and
		// the footers of the parts are longer than their rows.
		if most := 4 * int64(len(body)); read > most {
			t.Errorf("a file of %d bytes: want merges to read at most %d, got %d", len(body), most, read)
		}
	}
	if d.Most > 1+mostOpenParts+1 {
		t.Errorf("want at most %d open files, got %d", 1+mostOpenParts+1, d.Most)
	}
	if got := d.Tree("/data/.out.engine"); len(got) > 0 {
		t.Errorf("want no staged files, got %d", len(got))
	}
}

func TestOpenFilesAreBoundedWithHundredsOfParts(t *testing.T) {
	var kinds []string
	for i := range 150 {
		kinds = append(kinds, fmt.Sprint("k", i))
	}
	for name, f := range map[string]Format{"lines": lines, "blocks": blocks} {
		d := stagingtest.NewDisk()
		cfg := testConfig()
		cfg.PartitionBy, cfg.MaxOpenFiles = []string{"kind"}, 5
		s := openSink(t, d, cfg, f, nil)
		for epoch := uint64(1); epoch <= 4; epoch++ {
			for range 30 { // each closes all files, so that a folder gets a part for each
				write(t, s, batchOf(0, 300, kinds...))
			}
			commit(t, s, epoch, prepare(t, s, epoch, epoch == 4))
		}
		if most := 5 + mostOpenParts + 1; d.Most > most {
			t.Errorf("%s: want at most %d open files, got %d", name, most, d.Most)
		}
		if tree := d.Tree("/data/out"); len(tree) != 150 {
			t.Errorf("%s: want a file for each of 150 folders, got %d", name, len(tree))
		}
	}
}

func TestPartsOfAnEpochThatIsBeingWrittenStandBehindMergedOnes(t *testing.T) {
	d := stagingtest.NewDisk()
	s := openSink(t, d, testConfig(), blocks, nil)
	s.parts = 2
	f := &job{disk: d, format: blocks, every: 1}
	w := &feeder{job: f, sink: s, end: 1000}
	var h []byte
	for epoch := uint64(1); epoch <= 9; epoch++ {
		if err := w.write(t.Context()); err != nil {
			t.Fatal(err)
		}
		signal := sdk.Signal{Kind: sdk.Barrier, Epoch: epoch, Roll: epoch == 9, Time: clock(epoch)}
		if err := s.Signal(t.Context(), signal); err != nil {
			t.Fatal(err)
		}
		end := w.next
		err := w.beside(t.Context(), func() error {
			prepared, err := s.Prepare(t.Context(), epoch)
			h = prepared.Committable
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, epoch, h)
		f.rows = end
	}
	var want strings.Builder
	for id := range f.rows {
		fmt.Fprintf(&want, "%d,k\n", id)
	}
	for name, body := range d.Tree("/data/out") {
		if body != want.String()+"END\n" {
			t.Errorf("%s: want the rows in their order, got %q", name, body)
		}
	}
}
