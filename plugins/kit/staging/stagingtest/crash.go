package stagingtest

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// Job is an engine in small: it writes rows in epochs, keeps a record as the real one does,
// and goes on from it when it is run again.
type Job interface {
	// Run goes on from the record to the end, on a new sink. Any error is as the end of a
	// process: nothing is closed after it.
	Run(ctx context.Context) error
	// CheckVisible wants each row at most once, and none of an epoch without a record.
	CheckVisible(t *testing.T)
	// CheckDone wants each row once, and nothing staged.
	CheckDone(t *testing.T)
}

// CrashEverywhere ends a job at each step of its disk that changes something, and twice more on
// the way to its end. modes are those of Disk.Crash, for the first crash and, behind ", then ",
// for the others. Whatever step was the last one, every row is visible once in the end, and no
// row before its record ever.
func CrashEverywhere(t *testing.T, modes string, start func(*Disk) Job) {
	t.Helper()
	first, later, two := strings.Cut(modes, ", then ")
	if !two {
		later = first
	}
	random := rand.New(rand.NewPCG(1, 2))
	for step := 1; ; step++ {
		d := NewDisk()
		j := start(d)
		d.FailAt, d.Err, d.Changes = step, syscall.EIO, true
		if err := j.Run(t.Context()); err == nil {
			if step < 30 {
				t.Fatalf("the job took %d steps only", step)
			}
			return
		}
		crash := func(mode string) {
			j.CheckVisible(t)
			d.Crash(mode, random)
			j.CheckVisible(t)
		}
		crash(first)
		for range 2 {
			d.Steps, d.FailAt = 0, 1+random.IntN(30)
			if j.Run(t.Context()) == nil {
				break
			}
			crash(later)
		}
		d.FailAt = 0
		if err := j.Run(t.Context()); err != nil {
			t.Fatalf("after a crash at step %d: %v", step, err)
		}
		j.CheckDone(t)
	}
}
