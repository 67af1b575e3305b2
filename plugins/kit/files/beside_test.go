package files

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

// flow runs a sink as the engine does: Prepare and Commit of an epoch in one
// goroutine, Write and Signal of the next in another.
type flow struct {
	sink  *sink
	epoch uint64
	rows  int
	kinds []string
	ended chan error
}

func (f *flow) write(t *testing.T, batches int) {
	t.Helper()
	for range batches {
		write(t, f.sink, batchOf(f.rows, f.rows+10, f.kinds...))
		f.rows += 10
	}
}

func (f *flow) barrier(t *testing.T, roll bool) {
	t.Helper()
	f.wait(t)
	f.epoch++
	signal := sdk.Signal{Kind: sdk.Barrier, Epoch: f.epoch, Roll: roll, Time: clock(f.epoch)}
	if err := f.sink.Signal(t.Context(), signal); err != nil {
		t.Fatal(err)
	}
	f.ended = make(chan error, 1)
	go func(epoch uint64, ended chan<- error) {
		h, err := f.sink.Prepare(context.Background(), epoch)
		if err == nil {
			err = f.sink.Commit(context.Background(), epoch, h.Committable)
		}
		ended <- err
	}(f.epoch, f.ended)
}

func (f *flow) wait(t *testing.T) {
	t.Helper()
	if f.ended == nil {
		return
	}
	if err := <-f.ended; err != nil {
		t.Fatal(err)
	}
	f.ended = nil
}

func TestRowsAreWrittenWhileTheEpochBeforeIsPrepared(t *testing.T) {
	plain, parts := testConfig(), testConfig()
	parts.PartitionBy, parts.MaxOpenFiles = []string{"kind"}, 2
	tests := []struct {
		name   string
		cfg    SinkConfig
		format Format
		kinds  []string
	}{
		{"lines", plain, lines, nil},
		{"blocks", plain, blocks, nil},
		{"lines by kind", parts, lines, []string{"a", "b", "c", "-"}},
		{"blocks by kind", parts, blocks, []string{"a", "b", "c", "-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := stagingtest.NewDisk()
			f := &flow{sink: openSink(t, d, tt.cfg, tt.format, nil), kinds: tt.kinds}
			f.sink.parts = 3
			for epoch := 1; epoch <= 40; epoch++ {
				f.write(t, 3)
				f.barrier(t, epoch%10 == 0)
			}
			f.wait(t)
			checkFlow(t, d, f)
			if err := f.sink.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if d.Opened != 0 {
				t.Errorf("%d files are open after Close", d.Opened)
			}
		})
	}
}

// checkFlow wants each row once, and in the files of the roll that followed it.
func checkFlow(t *testing.T, d *stagingtest.Disk, f *flow) {
	t.Helper()
	seen := map[int]int{}
	tree := d.Tree("/data/out")
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		epochAndPart := strings.Split(name, ".")[4]
		rolled := strings.TrimLeft(strings.Split(epochAndPart, "-")[0], "0")
		for line := range strings.Lines(tree[name]) {
			var id int
			if _, err := fmt.Sscanf(line, "%d", &id); err != nil {
				continue
			}
			seen[id]++
			if want := fmt.Sprint((id/300 + 1) * 10); rolled != want {
				t.Fatalf("row %d is in %s, want it in one of epoch %s", id, name, want)
			}
		}
	}
	for id := range f.rows {
		if seen[id] != 1 {
			t.Fatalf("row %d is visible %d times", id, seen[id])
		}
	}
	if got := d.Tree("/data/.out.engine"); len(got) > 0 {
		t.Errorf("want no staged files, got %q", slices.Sorted(maps.Keys(got)))
	}
}
