package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameRequest is how long further signals count as the one before: timeout,
// supervisors and terminals signal the process and then its group, and a
// program that started the engine passes on what it got itself.
const sameRequest = time.Second

// signals returns a context that ends with the first SIGINT or SIGTERM, which
// stops a run cleanly. A later one, more than sameRequest after the first, exits
// at once; nothing is lost by it, the next run goes on from the last record.
// Before a command has anything to stop, the first exits at once too.
func (a *app) signals() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	caught := make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var i interrupts
		for {
			select {
			case <-done:
				return
			case s := <-caught:
				number := int32(s.(syscall.Signal))
				first, repeated := i.count(time.Now())
				switch {
				case first:
					a.caught.Store(number)
					cancel()
					if !a.stops.Load() {
						os.Exit(128 + int(number))
					}
				case repeated:
					fmt.Fprintln(a.stderr, "engine: exiting at once; the next run goes on from the newest record")
					os.Exit(128 + int(number))
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		close(done)
		cancel()
	}
}

// interrupts counts requests to stop; the zero value has seen none.
type interrupts struct{ since time.Time }

// count reports whether the signal that came now is the first, or a request of
// its own after the first; neither means that it repeats the first.
func (i *interrupts) count(now time.Time) (first, repeated bool) {
	if i.since.IsZero() {
		i.since = now
		return true, false
	}
	return false, now.Sub(i.since) > sameRequest
}
