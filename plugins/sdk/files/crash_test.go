package files

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// job is a small engine: it writes rows in epochs, keeps a record as the real
// one does, and goes on from it after a crash.
type job struct {
	disk   *memDisk
	cfg    SinkConfig
	format Format
	kinds  []string

	epoch  uint64 // of the record; it survives every crash
	handle []byte
	rows   int
}

const (
	jobEpochs       = 7
	jobRowsPerEpoch = 10
)

func (j *job) run(ctx context.Context) error {
	env := testEnv("")
	env.Epoch = j.epoch
	s, err := newSink(j.cfg, testSchema, env, j.format, j.disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if j.epoch > 0 {
		if err := s.Publish(ctx, j.epoch, j.handle); err != nil {
			return fmt.Errorf("publish of the record: %w", err)
		}
	}
	if err := s.Recover(ctx, j.handle); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for epoch := j.epoch + 1; epoch <= jobEpochs; epoch++ {
		half := j.rows + jobRowsPerEpoch/2
		for _, b := range [][2]int{{j.rows, half}, {half, j.rows + jobRowsPerEpoch}} {
			if err := s.Write(ctx, batchOf(b[0], b[1], j.kinds...)); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		h, err := barrier(ctx, s, epoch, epoch == 3 || epoch == jobEpochs)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		j.epoch, j.handle, j.rows = epoch, h, j.rows+jobRowsPerEpoch
		if err := s.Publish(ctx, epoch, h); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return s.Close(ctx)
}

// visible is how often a reader who lists the folder sees each row.
func (j *job) visible(t *testing.T) map[int]int {
	t.Helper()
	seen := map[int]int{}
	for name, body := range j.disk.tree("/data/out") {
		if !strings.HasSuffix(name, j.format.Suffix) {
			t.Fatalf("%s is in the output folder", name)
		}
		rows, ok := strings.CutSuffix(body, "\n")
		if !ok {
			t.Fatalf("%s is torn: %q", name, body)
		}
		all := strings.Split(rows, "\n")
		switch {
		case j.format.Merge == nil && strings.HasPrefix(all[0], "#id"):
			all = all[1:]
		case j.format.Merge != nil && all[len(all)-1] == "END":
			all = all[:len(all)-1]
		default:
			t.Fatalf("%s is not whole: %q", name, body)
		}
		for _, line := range all {
			text, kind, _ := strings.Cut(line, ",")
			id, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s holds %q", name, line)
			}
			if len(j.kinds) > 0 {
				kind = strings.TrimPrefix(filepath.Dir(name), "kind=")
			}
			if len(j.kinds) > 0 && kind != kindOfRow(id, j.kinds) {
				t.Fatalf("row %d is in %s", id, name)
			}
			seen[id]++
		}
	}
	return seen
}

func (j *job) checkVisible(t *testing.T) {
	t.Helper()
	for id, times := range j.visible(t) {
		if times != 1 || id >= j.rows {
			t.Fatalf("row %d is visible %d times with %d rows recorded", id, times, j.rows)
		}
	}
}

func (j *job) checkDone(t *testing.T) {
	t.Helper()
	want := map[int]int{}
	for id := range jobEpochs * jobRowsPerEpoch {
		want[id] = 1
	}
	if got := j.visible(t); !maps.Equal(got, want) {
		t.Fatalf("want each of %d rows once, got %v", len(want), got)
	}
	for name := range j.disk.tree("/data/.out.engine") {
		t.Errorf("%s is left among the hidden files", name)
	}
}

func jobs() map[string]func() *job {
	plain, parts, small := testConfig(), testConfig(), testConfig()
	parts.PartitionBy, parts.MaxOpenFiles = []string{"kind"}, 2
	small.Roll.Size = 60 // less than an epoch: full files within one
	kinds := []string{"a", "b", "c"}
	return map[string]func() *job{
		"lines":               func() *job { return &job{cfg: plain, format: lines} },
		"lines, small files":  func() *job { return &job{cfg: small, format: lines} },
		"lines by kind":       func() *job { return &job{cfg: parts, format: lines, kinds: kinds} },
		"blocks":              func() *job { return &job{cfg: plain, format: blocks} },
		"blocks, small files": func() *job { return &job{cfg: small, format: blocks} },
		"blocks by kind":      func() *job { return &job{cfg: parts, format: blocks, kinds: kinds} },
	}
}

// The heart of the promise: whatever step of the file system is the last one,
// and whether the process or the power went, every row is visible once in the
// end, and no row before its record and no torn file ever.
func TestEveryRowIsVisibleOnceAfterACrashAtAnyStep(t *testing.T) {
	for name, start := range jobs() {
		for _, mode := range []string{"kill", "power", "torn", "kill, then power"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				crashEverywhere(t, mode, start)
			})
		}
	}
}

func crashEverywhere(t *testing.T, modes string, start func() *job) {
	first, later, two := strings.Cut(modes, ", then ")
	if !two {
		later = first
	}
	random := rand.New(rand.NewPCG(1, 2))
	for step := 1; ; step++ {
		j := start()
		j.disk = newMemDisk()
		j.disk.failAt, j.disk.err = step, syscall.EIO
		err := j.run(t.Context())
		if err == nil {
			if step < 50 {
				t.Fatalf("the job took %d steps only", step)
			}
			return
		}
		j.checkVisible(t)
		j.disk.crash(first, random)
		j.checkVisible(t)
		for range 2 { // and twice more on the way to the end
			j.disk.steps, j.disk.failAt = 0, 1+random.IntN(60)
			if j.run(t.Context()) == nil {
				break
			}
			j.checkVisible(t)
			j.disk.crash(later, random)
			j.checkVisible(t)
		}
		j.disk.failAt = 0
		if err := j.run(t.Context()); err != nil {
			t.Fatalf("after a crash at step %d: %v", step, err)
		}
		j.checkDone(t)
	}
}

func TestAJobWithoutCrashShowsRowsAtItsRollsOnly(t *testing.T) {
	j := &job{disk: newMemDisk(), cfg: testConfig(), format: lines}
	if err := j.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.checkDone(t)
	names := slices.Sorted(maps.Keys(j.disk.tree("/data/out")))
	want := []string{"part.e1.report.csv.00000003-0001.txt", "part.e1.report.csv.00000007-0001.txt"}
	if !slices.Equal(names, want) {
		t.Errorf("want the files %q, got %q", want, names)
	}
}
