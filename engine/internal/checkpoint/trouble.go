package checkpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// trouble is a context that the first error Pebble cannot recover from cancels. It panics over some, and
// over others, such as a full disk behind its back, it tries for ever while
// whoever waits for it waits for ever too. Behind the first of either kind the
// database is not touched again.
type trouble struct {
	context.Context
	fail context.CancelCauseFunc
}

func newTrouble() *trouble {
	ctx, fail := context.WithCancelCause(context.Background())
	return &trouble{ctx, fail}
}

// first is what happened, or nil.
func (t *trouble) first() error { return context.Cause(t) }

// listener hears of what happens behind the back of every call.
func (t *trouble) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			if !errors.Is(err, pebble.ErrCancelledCompaction) && !errors.Is(err, pebble.ErrClosed) {
				t.fail(err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			t.fail(fmt.Errorf("%s: %w", info.Path, info.Details))
		},
	}
}

// guard calls into Pebble and waits for its answer, or for trouble. Then the
// call is left behind: it may never end, and the process is about to.
func (t *trouble) guard(call func() error) error {
	if err := t.first(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				t.fail(fmt.Errorf("%v", cause))
			}
		}()
		ended <- call()
	}()
	select {
	case err := <-ended:
		return err
	case <-t.Done():
		return t.first()
	}
}
