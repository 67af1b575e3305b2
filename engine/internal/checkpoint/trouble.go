package checkpoint

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// trouble is the first error that Pebble cannot mend. It panics over some, and
// over others, such as a full disk behind its back, it tries for ever while
// whoever waits for it waits for ever too. Behind the first of either kind the
// database is not touched again.
type trouble struct {
	once     sync.Once
	happened chan struct{} // closed after err is set
	err      error
}

func newTrouble() *trouble { return &trouble{happened: make(chan struct{})} }

func (t *trouble) tell(err error) {
	t.once.Do(func() {
		t.err = err
		close(t.happened)
	})
}

// first is what happened, or nil.
func (t *trouble) first() error {
	select {
	case <-t.happened:
		return t.err
	default:
		return nil
	}
}

// listener hears of what happens behind the back of every call.
func (t *trouble) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			if !errors.Is(err, pebble.ErrCancelledCompaction) && !errors.Is(err, pebble.ErrClosed) {
				t.tell(err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			t.tell(fmt.Errorf("%s: %w", info.Path, info.Details))
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
				t.tell(fmt.Errorf("%v", cause))
			}
		}()
		ended <- call()
	}()
	select {
	case err := <-ended:
		return err
	case <-t.happened:
		return t.err
	}
}
