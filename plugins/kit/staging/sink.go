package staging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"etlengine/plugins/sdk"
)

// ErrClosed is the cause of whatever Close has interrupted.
var ErrClosed = errors.New("the sink is closed")

// Sink is a two-phase sink of a store.
//
// Its locks come in the order committing, writing, state. Nobody holds writing while
// waiting for a disk or a network, but Recover and what a store does in Write.
type Sink[E any] struct {
	// Limit is how many bytes of an epoch are staged before it ought to end; at twice
	// that Write waits for the epoch before to be committed. 0: any.
	Limit int64

	store Store[E]
	life  context.Context // ends when Close begins
	end   context.CancelCauseFunc

	committing sync.Mutex // locked by Recover, Prepare and Commit; Close waits for it
	writing    sync.Mutex // locked by Write and Signal

	state     sync.Mutex    // guards what follows
	broken    error         // the first error; nothing but Close follows it
	recovered bool          // Recover has returned
	ended     bool          // the input has come to its end
	sealed    *sealed[E]    // of the last barrier, until Prepare gets it
	underway  chan struct{} // closed when the epoch of the last barrier is committed; nil: it is
}

// sealed is an epoch that its barrier has ended.
type sealed[E any] struct {
	epoch uint64
	files E
}

var _ sdk.Sink = (*Sink[int])(nil)

// NewSink makes the sink of a store that is open.
func NewSink[E any](store Store[E]) *Sink[E] {
	s := &Sink[E]{store: store}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s
}

// Write stages the rows of a batch.
func (s *Sink[E]) Write(ctx context.Context, b *sdk.Batch) error {
	if err := s.waitCapacity(ctx); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.ready(); err != nil || b.NumRows() == 0 {
		return err
	}
	err := s.store.Write(ctx, b)
	if _, refused := errors.AsType[*sdk.RefusedError](err); refused {
		return err
	}
	return s.fail(err)
}

// waitCapacity waits while too much is staged and the epoch before is being committed.
func (s *Sink[E]) waitCapacity(ctx context.Context) error {
	for s.Limit > 0 && s.store.Bytes() >= 2*s.Limit {
		s.state.Lock()
		underway := s.underway
		s.state.Unlock()
		if underway == nil {
			return nil // there is nothing to wait for: the barrier is late
		}
		select {
		case <-underway:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.life.Done():
			return ErrClosed
		}
	}
	return nil
}

// Due reports whether what is staged ought to become visible, and the epoch to end.
func (s *Sink[E]) Due(now time.Time) sdk.Due {
	return sdk.Due{Roll: s.store.RollDue(now), Full: s.Limit > 0 && s.store.Bytes() >= s.Limit}
}

// Signal ends the epoch at a barrier, and remembers the end of the input.
func (s *Sink[E]) Signal(_ context.Context, signal sdk.Signal) error {
	switch signal.Kind {
	case sdk.Barrier:
		s.writing.Lock()
		defer s.writing.Unlock()
		return s.fail(s.endEpoch(signal))
	case sdk.End:
		s.state.Lock()
		defer s.state.Unlock()
		s.ended = true
	}
	return nil
}

func (s *Sink[E]) endEpoch(signal sdk.Signal) error {
	if err := s.ready(); err != nil {
		return err
	}
	s.state.Lock()
	underway, ended := s.underway != nil, s.ended
	s.state.Unlock()
	if underway {
		return fmt.Errorf("ending epoch %d: the one before it is not committed yet", signal.Epoch)
	}
	e, err := s.store.EndEpoch(Barrier{Epoch: signal.Epoch, Roll: signal.Roll, Time: signal.Time, Ended: ended})
	if err != nil {
		return err
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.sealed, s.underway = &sealed[E]{signal.Epoch, e}, make(chan struct{})
	return nil
}

// Prepare makes the epoch of the last barrier durable, and returns its committable.
func (s *Sink[E]) Prepare(ctx context.Context, epoch uint64) (sdk.Prepared, error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	ctx, done := s.alive(ctx)
	defer done()
	e, err := s.sealedEpoch(epoch)
	if err != nil {
		return sdk.Prepared{}, s.fail(err)
	}
	committable, err := s.store.Prepare(ctx, epoch, e, &s.writing)
	if err != nil || committable == nil {
		return sdk.Prepared{}, s.fail(err)
	}
	data, err := json.Marshal(committable)
	return sdk.Prepared{Committable: data, Staged: committable.Staged()}, s.fail(err)
}

func (s *Sink[E]) sealedEpoch(epoch uint64) (e E, err error) {
	if err := s.ready(); err != nil {
		return e, err
	}
	s.state.Lock()
	defer s.state.Unlock()
	if s.sealed == nil || s.sealed.epoch != epoch {
		return e, fmt.Errorf("preparing epoch %d: this comes after its barrier, and once", epoch)
	}
	e, s.sealed = s.sealed.files, nil
	return e, nil
}

// Commit makes visible what a committable names.
func (s *Sink[E]) Commit(ctx context.Context, epoch uint64, committable []byte) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	ctx, done := s.alive(ctx)
	defer done()
	if err := s.whole(); err != nil {
		return err
	}
	if err := s.fail(s.store.Commit(ctx, epoch, committable)); err != nil {
		return err
	}
	s.release()
	return nil
}

// Recover goes on from the committable of the newest record.
func (s *Sink[E]) Recover(ctx context.Context, live []byte) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	ctx, done := s.alive(ctx)
	defer done()
	if err := s.whole(); err != nil {
		return err
	}
	if err := s.fail(s.store.Recover(ctx, live)); err != nil {
		return err
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.recovered = true
	return nil
}

// Close interrupts what is under way, waits for it, and closes the store.
func (s *Sink[E]) Close(context.Context) error {
	s.end(ErrClosed)
	_ = s.fail(ErrClosed)
	s.committing.Lock()
	defer s.committing.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.store.Close()
}

// alive is a context that ends with the call's and with the sink; its cause is ErrClosed then.
func (s *Sink[E]) alive(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.life, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// ready says why nothing can be staged now, or nil.
func (s *Sink[E]) ready() error {
	if err := s.whole(); err != nil {
		return err
	}
	s.state.Lock()
	defer s.state.Unlock()
	if !s.recovered {
		return errors.New("staging rows: Recover comes first")
	}
	return nil
}

// whole says why nothing can be done any more, or nil.
func (s *Sink[E]) whole() error {
	s.state.Lock()
	defer s.state.Unlock()
	if s.broken != nil {
		return fmt.Errorf("nothing is written after an error: %w", s.broken)
	}
	return nil
}

// fail remembers the first error, and lets go whoever waits for the commit.
func (s *Sink[E]) fail(err error) error {
	if err == nil {
		return nil
	}
	s.state.Lock()
	if s.broken == nil {
		s.broken = err
	}
	s.state.Unlock()
	s.release()
	return err
}

// release wakes whoever waits for the commit of the last barrier's epoch: it is
// committed, or will never be.
func (s *Sink[E]) release() {
	s.state.Lock()
	defer s.state.Unlock()
	if s.underway != nil {
		close(s.underway)
		s.underway = nil
	}
}
