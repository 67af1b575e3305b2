// Package parallel does work that has parts on all processors.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Do calls do with each number from 0 to n-1, on as many goroutines as there are
// processors, and waits for all of them. After an error no more parts are begun;
// the error of the lowest part that had one is returned. What panics does so in
// the caller, who knows whose fault it is.
func Do(n int, do func(part int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for part := range n {
			if err := do(part); err != nil {
				return err
			}
		}
		return nil
	}
	w := work{parts: n, do: do}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(w.some)
	}
	wait.Wait()
	if w.panicked != nil {
		panic(w.panicked)
	}
	return w.err
}

type work struct {
	parts int
	do    func(part int) error
	next  atomic.Int64

	mu       sync.Mutex // guards what follows
	err      error
	failed   int // the part it is of
	panicked any
}

// some does parts until there are none left.
func (w *work) some() {
	defer func() {
		if p := recover(); p != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.panicked = p
			w.next.Store(int64(w.parts))
		}
	}()
	for {
		part := int(w.next.Add(1) - 1)
		if part >= w.parts {
			return
		}
		if err := w.do(part); err != nil {
			w.fail(part, err)
			return
		}
	}
}

func (w *work) fail(part int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil || part < w.failed {
		w.err, w.failed = err, part
	}
	w.next.Store(int64(w.parts))
}
