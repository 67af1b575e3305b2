package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"

	"etlengine/plugins/sdk"
)

var _ sdk.Service = (*Broker)(nil)

// fail ends the service of a broker that cannot do what it would answer. It does not
// wait.
func (b *Broker) fail(err error) {
	b.failNow(fmt.Errorf("running the embedded broker in %s: %w", b.dir, err))
	b.listen.abort()
}

// Failed implements sdk.Failer.
func (b *Broker) Failed() <-chan struct{} { return b.failed.Done() }

// Err implements sdk.Failer.
func (b *Broker) Err() error { return context.Cause(b.failed) }

// acknowledgeOrFail lets no answer out that is not stored.
func (b *Broker) acknowledgeOrFail(r request, answer []byte) error {
	err := b.acknowledge(r, answer)
	if b.disk != nil && (r.key == keyProduce || r.key == keyEndTxn) {
		b.disk.stored.Store(true)
	}
	if err != nil && !errors.Is(err, errClosing) && !errors.Is(err, os.ErrClosed) {
		b.fail(err)
	}
	return err
}

// logger passes on what the operator can act upon.
type logger struct {
	log    *slog.Logger
	failed func(error)
}

// Logf implements kfake.Logger. Errors of files end the broker, whatever kfake says of
// them: it goes on as if it had written, and answers clients at most with an unknown
// error, or that a transaction was committed. It logs the error before it answers.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	var cause error
	for _, a := range args {
		if err, is := a.(error); is {
			cause = err
		}
	}
	if ofFiles(cause) {
		l.failed(cause)
	}
	if l.log == nil || level > kfake.LogLevelWarn || level == kfake.LogLevelNone {
		return
	}
	to := slog.LevelDebug // that something was slow, say
	switch {
	case level == kfake.LogLevelError:
		to = slog.LevelError
	case cause != nil:
		to = slog.LevelWarn
	}
	l.log.Log(context.Background(), to, "broker: "+fmt.Sprintf(format, args...))
}

// ofFiles reports whether an error is of a file, and not of a connection or of what a
// client sent.
func ofFiles(err error) bool {
	if _, is := errors.AsType[*fs.PathError](err); is {
		return true
	}
	_, is := errors.AsType[*os.LinkError](err)
	return is
}
