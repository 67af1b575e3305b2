package files

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"etlengine/plugins/kit/staging/stagingtest"
	"etlengine/plugins/sdk"
)

// job is a small engine: it writes rows in epochs, keeps a record as the real
// one does, and goes on from it after a crash. Rows of the next epoch are
// written in the midst of Prepare and Commit, always at the same steps.
type job struct {
	disk   *stagingtest.Disk
	cfg    SinkConfig
	format Format
	kinds  []string
	parts  int // of one level; 0: as it is
	every  int // steps of Prepare and Commit from one write to the next; 0: none

	epoch       uint64 // of the record; it survives every crash
	committable []byte
	rows        int
}

const (
	jobEpochs       = 6
	jobRowsPerEpoch = 10
	jobBatch        = 5
)

func (j *job) open(ctx context.Context) (*sink, error) {
	env := testEnv("")
	env.Epoch = j.epoch
	s, err := newSink(j.cfg, testSchema, env, j.format, j.disk)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if j.parts > 0 {
		s.parts = j.parts
	}
	if j.epoch > 0 {
		if err := s.Commit(ctx, j.epoch, j.committable); err != nil {
			return nil, fmt.Errorf("publish of the record: %w", err)
		}
	}
	if err := s.Recover(ctx, j.committable); err != nil {
		return nil, fmt.Errorf("recover: %w", err)
	}
	return s, nil
}

func (j *job) Run(ctx context.Context) error {
	s, err := j.open(ctx)
	if err != nil {
		return err
	}
	w := &feeder{job: j, sink: s, next: j.rows}
	for epoch := j.epoch + 1; epoch <= jobEpochs; epoch++ {
		end := int(epoch) * jobRowsPerEpoch
		for w.next < end {
			if err := w.write(ctx); err != nil {
				return fmt.Errorf("write: %w", err)
			}
		}
		roll := epoch == 3 || epoch == jobEpochs
		signal := sdk.Signal{Kind: sdk.Barrier, Epoch: epoch, Roll: roll, Time: clock(epoch)}
		if err := s.Signal(ctx, signal); err != nil {
			return fmt.Errorf("barrier: %w", err)
		}
		w.end = min(end+jobRowsPerEpoch, jobEpochs*jobRowsPerEpoch)
		err := w.beside(ctx, func() error {
			h, err := s.Prepare(ctx, epoch)
			if err == nil {
				j.epoch, j.committable, j.rows = epoch, h.Committable, end
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		if err := w.beside(ctx, func() error { return s.Commit(ctx, epoch, j.committable) }); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	return s.Close(ctx)
}

// feeder writes the rows of a job.
type feeder struct {
	job   *job
	sink  *sink
	next  int // row
	end   int // of the epoch being filled
	steps int
}

func (w *feeder) write(ctx context.Context) error {
	from := w.next
	w.next += jobBatch
	return w.sink.Write(ctx, batchOf(from, w.next, w.job.kinds...))
}

// beside calls f and writes at some of the steps that f takes on the disk. It
// would wait for ever if f kept the lock of Write.
func (w *feeder) beside(ctx context.Context, f func() error) error {
	var failed error
	var inside atomic.Bool // f takes steps of several folders at the same time
	w.job.disk.During = func() {
		if !inside.CompareAndSwap(false, true) {
			return
		}
		defer inside.Store(false)
		if w.job.every == 0 || w.next >= w.end || failed != nil {
			return
		}
		if w.steps++; w.steps%w.job.every == 0 {
			failed = w.write(ctx)
		}
	}
	err := f()
	w.job.disk.During = nil
	if failed != nil {
		return fmt.Errorf("write beside it: %w", failed)
	}
	return err
}

// visible is how often a reader who lists the folder sees each row.
func (j *job) visible(t *testing.T) map[int]int {
	t.Helper()
	seen := map[int]int{}
	for name, body := range j.disk.Tree("/data/out") {
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

func (j *job) CheckVisible(t *testing.T) {
	t.Helper()
	for id, times := range j.visible(t) {
		if times != 1 || id >= j.rows {
			t.Fatalf("row %d is visible %d times with %d rows recorded", id, times, j.rows)
		}
	}
}

func (j *job) CheckDone(t *testing.T) {
	t.Helper()
	want := map[int]int{}
	for id := range jobEpochs * jobRowsPerEpoch {
		want[id] = 1
	}
	if got := j.visible(t); !maps.Equal(got, want) {
		t.Fatalf("want each of %d rows once, got %v", len(want), got)
	}
	for name := range j.disk.Tree("/data/.out.engine") {
		t.Errorf("%s is left among the staged files", name)
	}
}

func jobs() map[string]func() *job {
	plain, parts, small := testConfig(), testConfig(), testConfig()
	parts.PartitionBy, parts.MaxOpenFiles = []string{"kind"}, 2
	small.Roll.Size = 60 // less than an epoch: full files within one
	kinds := []string{"a", "b", "c"}
	return map[string]func() *job{
		"lines":               func() *job { return &job{cfg: plain, format: lines, every: 1} },
		"lines, small files":  func() *job { return &job{cfg: small, format: lines} },
		"lines by kind":       func() *job { return &job{cfg: parts, format: lines, kinds: kinds, every: 4} },
		"blocks":              func() *job { return &job{cfg: plain, format: blocks, every: 2} },
		"blocks, small files": func() *job { return &job{cfg: small, format: blocks, every: 1} },
		"blocks by kind": func() *job {
			return &job{cfg: parts, format: blocks, kinds: kinds, parts: 3, every: 5}
		},
		"blocks, many parts": func() *job { return &job{cfg: plain, format: blocks, parts: 2, every: 3} },
	}
}

// The heart of the promise: whatever step of the file system is the last one,
// and whether the process or the power went, every row is visible once in the
// end, and no row before its record and no torn file ever.
func TestEveryRowIsVisibleOnceAfterACrashAtAnyStep(t *testing.T) {
	for name, start := range jobs() {
		for _, mode := range []string{"kill", "power", "torn", "zeros", "kill, then power"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				stagingtest.CrashEverywhere(t, mode, func(d *stagingtest.Disk) stagingtest.Job {
					j := start()
					j.disk = d
					return j
				})
			})
		}
	}
}

// A disk that is full or broken for one step only: the sink stops and names the
// step and the file, and the next start, after a crash or without, has it all.
// The step may be one of the first start, or of one that follows a crash.
func TestAFaultAtAnyStepIsNamedAndLosesNothing(t *testing.T) {
	tried := &steps{seen: map[string]bool{}}
	t.Cleanup(func() { tried.check(t) })
	for name, start := range jobs() {
		for _, mode := range []string{"kill", "power", "torn"} {
			for _, life := range []string{"first", "second"} {
				t.Run(name+"/"+mode+"/"+life, func(t *testing.T) {
					t.Parallel()
					failEverywhere(t, mode, life == "second", start, tried)
				})
			}
		}
	}
}

// steps is what faults were tried on.
type steps struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (s *steps) add(failed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op, _, _ := strings.Cut(failed, ": ")
	s.seen[op] = true
}

func (s *steps) check(t *testing.T) {
	for _, op := range []string{"stat", "names", "mkdir", "create", "append", "open", "read", "write", "close",
		"truncate", "sync", "rename", "remove", "lock"} {
		if !s.seen[op] {
			t.Errorf("no step that failed was a %s: %v", op, s.seen)
		}
	}
}

func failEverywhere(t *testing.T, mode string, second bool, start func() *job, tried *steps) {
	random := rand.New(rand.NewPCG(3, 4))
	for step := 1; ; step++ {
		j := start()
		j.disk = stagingtest.NewDisk()
		if second {
			j.disk.FailAt, j.disk.Err, j.disk.Changes = 18+step%8, syscall.EIO, true
			if err := j.Run(t.Context()); err == nil {
				t.Fatal("want the first life to end early")
			}
			j.disk.Crash("kill", random)
			j.disk.Changes = false
		}
		j.disk.Steps, j.disk.FailAt, j.disk.Once = 0, step, true
		j.disk.Err = []error{syscall.ENOSPC, syscall.EIO}[step%2]
		err := j.Run(t.Context())
		if j.disk.Failed == "" {
			return
		}
		tried.add(j.disk.Failed)
		checkFault(t, j.disk, err)
		j.CheckVisible(t)
		j.disk.Crash(mode, random)
		j.CheckVisible(t)
		if err := j.Run(t.Context()); err != nil {
			t.Fatalf("after a fault at step %d: %v", step, err)
		}
		j.CheckDone(t)
	}
}

// checkFault wants an error that says what was done to which file, and why it
// could not be.
func checkFault(t *testing.T, d *stagingtest.Disk, err error) {
	t.Helper()
	op, path, _ := strings.Cut(d.Failed, ": ")
	// The question whether files can be moved, which only one answer denies, and
	// what was only read do no harm.
	if err == nil && (op == "rename" || op == "close after reading") {
		return
	}
	doing := map[string]string{"stat": "looking", "names": "reading", "writable": "looking whether",
		"mkdir": "making", "create": "creating", "append": "opening", "open": "opening", "write": "writing",
		"read": "reading", "close": "closing", "sync": "syncing", "truncate": "cutting", "rename": "publishing",
		"remove": "removing", "lock": "locking", "replace": "replacing"}[op]
	if filepath.Base(path) == adoptedName && op != "replace" {
		doing = "reading"
	}
	if op == "rename" {
		path = "/data/out" // it names the file that could not appear
	}
	if err == nil || !errors.Is(err, d.Err) || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), doing) {
		t.Fatalf("%s: want an error with %q, the path and %q, got: %v", d.Failed, doing, d.Err, err)
	}
}

func TestAJobWithoutCrashShowsRowsAtItsRollsOnly(t *testing.T) {
	j := &job{disk: stagingtest.NewDisk(), cfg: testConfig(), format: lines}
	if err := j.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.CheckDone(t)
	names := slices.Sorted(maps.Keys(j.disk.Tree("/data/out")))
	want := []string{"part.e1.report.csv.00000003-0001.txt", "part.e1.report.csv.00000006-0001.txt"}
	if !slices.Equal(names, want) {
		t.Errorf("want the files %q, got %q", want, names)
	}
}
