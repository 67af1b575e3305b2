package parallel_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"etlengine/plugins/kit/parallel"
)

// withProcessors lets a test have several, whatever the machine has.
func withProcessors(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestEveryPartIsDoneOnce(t *testing.T) {
	withProcessors(t, 4)
	for _, n := range []int{0, 1, 3, 1000} {
		done := make([]atomic.Int32, n)
		if err := parallel.Do(n, func(part int) error { done[part].Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		for part := range done {
			if times := done[part].Load(); times != 1 {
				t.Errorf("of %d parts, %d was done %d times", n, part, times)
			}
		}
	}
}

// Each part waits for the other to have begun.
func TestPartsAreDoneAtTheSameTime(t *testing.T) {
	withProcessors(t, 2)
	var begun [2]chan struct{}
	for i := range begun {
		begun[i] = make(chan struct{})
	}
	err := parallel.Do(2, func(part int) error {
		close(begun[part])
		<-begun[1-part]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoPartIsBegunAfterAnError(t *testing.T) {
	for _, processors := range []int{1, 2} {
		withProcessors(t, processors)
		var done atomic.Int32
		second := make(chan struct{})
		err := parallel.Do(1000, func(part int) error {
			done.Add(1)
			switch {
			case part == 0 && processors > 1:
				<-second // the lower part fails later
			case part == 1:
				defer close(second)
			}
			return fmt.Errorf("part %d", part)
		})
		if err == nil || err.Error() != "part 0" || int(done.Load()) != processors {
			t.Errorf("on %d processors: got %v after %d parts, want that of part 0 and one part each",
				processors, err, done.Load())
		}
	}
}

func TestPanicsAreTheCallers(t *testing.T) {
	for _, processors := range []int{1, 2} {
		withProcessors(t, processors)
		want := errors.New("a part of it")
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("on %d processors: got the panic %v, want %v", processors, got, want)
				}
			}()
			parallel.Do(8, func(int) error { panic(want) })
		}()
	}
}
