package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"

	"etlengine/plugins/sdk"
)

var _ sdk.Failer = (*Broker)(nil)

// fail ends the service of a broker that cannot do what it would answer. It does not
// wait.
func (b *Broker) fail(err error) {
	b.failNow(fmt.Errorf("running the embedded broker in %s: %w", b.dir, err))
	b.listen.cut()
}

// Failed implements sdk.Failer.
func (b *Broker) Failed() <-chan struct{} { return b.failed.Done() }

// Err implements sdk.Failer.
func (b *Broker) Err() error { return context.Cause(b.failed) }

// acknowledgeOrFail lets no answer out that is not stored.
func (b *Broker) acknowledgeOrFail(r request, answer []byte) error {
	err := b.acknowledge(r, answer)
	if err != nil && !errors.Is(err, errClosing) && !errors.Is(err, os.ErrClosed) {
		b.fail(err)
	}
	return err
}

// logger passes on what the operator can act upon.
type logger struct {
	log    *slog.Logger
	dir    string
	broken func()
	failed func(error)
	damage chan<- error
}

// lostMarker begins what kfake says when the marker of a transaction could not
// be written. It then goes on as if it had been.
const lostMarker = "endTx: failed to persist"

// damageTold is what kfake says before it cuts off what it cannot read, which after
// the repair at the start is no torn end any more.
const damageTold = "partition %s-%d segment %d: truncating %d corrupt bytes"

// notWritten begins what kfake says when its files cannot be written, of which
// clients hear at most an unknown error, and may try for ever.
const notWritten = "persist "

// slowEnd begins a warning that a transaction took 5 ms to end, as it does where
// a disk must be waited for.
const slowEnd = "txn: EndTxn slow"

// Logf implements kfake.Logger.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if strings.HasPrefix(format, lostMarker) && l.broken != nil {
		l.broken() // before the answer goes out, which would say that it was committed
	}
	if strings.HasPrefix(format, notWritten) && l.failed != nil {
		for _, a := range args {
			if err, is := a.(error); is {
				l.failed(err)
			}
		}
	}
	if format == damageTold && l.damage != nil {
		l.tell(args)
	}
	if l.log == nil || level > kfake.LogLevelWarn || level == kfake.LogLevelNone ||
		strings.HasPrefix(format, slowEnd) {
		return
	}
	to := slog.LevelWarn
	if level == kfake.LogLevelError {
		to = slog.LevelError
	}
	l.log.Log(context.Background(), to, "broker: "+fmt.Sprintf(format, args...))
}

// tell ends the loading, and does not return: the file stays as it is.
func (l logger) tell(args []any) {
	folder := filepath.Join(l.dir, "partitions", fmt.Sprintf("%v-%v", args[0], args[1]))
	path := filepath.Join(folder, fmt.Sprintf("%v.dat", args[2]))
	select {
	case l.damage <- &damaged{path, fmt.Sprintf("its last %v bytes begin with what is no batch", args[3])}:
	default: // another file was told of
	}
	select {}
}
