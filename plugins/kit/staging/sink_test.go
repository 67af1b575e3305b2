package staging

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// count is a store of how many rows an epoch has. Its functions, where they are not nil,
// stand in the way of a call.
type count struct {
	write   func() error
	prepare func(ctx context.Context, writing sync.Locker) error
	commit  func(ctx context.Context) error

	filling atomic.Int64
	ended   []Barrier
	closed  atomic.Bool
}

func (c *count) Write(_ context.Context, b *sdk.Batch) error {
	c.filling.Add(b.NumRows())
	if c.write != nil {
		return c.write()
	}
	return nil
}

func (c *count) EndEpoch(b Barrier) (int64, error) {
	c.ended = append(c.ended, b)
	return c.filling.Swap(0), nil
}

func (c *count) Prepare(ctx context.Context, _ uint64, _ int64, writing sync.Locker) (Committable, error) {
	if c.prepare != nil {
		return nil, c.prepare(ctx, writing)
	}
	return nil, nil
}

func (c *count) Commit(ctx context.Context, _ uint64, _ []byte) error {
	if c.commit != nil {
		return c.commit(ctx)
	}
	return nil
}

func (c *count) Bytes() int64                          { return c.filling.Load() }
func (c *count) RollDue(time.Time) bool                { return false }
func (c *count) Recover(context.Context, []byte) error { return nil }
func (c *count) Close() error                          { c.closed.Store(true); return nil }

func openCount(t *testing.T, c *count) *Sink[int64] {
	t.Helper()
	s := NewSink(c)
	if err := s.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// rows is a batch of so many rows.
func rows(n int) *sdk.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil))
	defer b.Release()
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
	}
	return &sdk.Batch{Rows: b.NewRecordBatch()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("want an error with %q, got: %v", part, err)
	}
}

func barrier(epoch uint64) sdk.Signal { return sdk.Signal{Kind: sdk.Barrier, Epoch: epoch} }

func TestNothingIsStagedBeforeRecoverOrAfterClose(t *testing.T) {
	s := NewSink(&count{})
	wantError(t, s.Write(t.Context(), rows(1)), "Recover comes first")
	wantError(t, s.Signal(t.Context(), barrier(1)), "Recover comes first")
	s = openCount(t, &count{})
	must(t, s.Close(t.Context()))
	for _, err := range []error{s.Write(t.Context(), rows(1)), s.Signal(t.Context(), barrier(1)),
		s.Commit(t.Context(), 1, nil), s.Recover(t.Context(), nil)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: want %v, got %v", ErrClosed, err)
		}
	}
}

func TestAnEpochIsPreparedOnceAndCommittedBeforeTheNextEnds(t *testing.T) {
	s := openCount(t, &count{})
	must(t, s.Signal(t.Context(), barrier(1)))
	_, err := s.Prepare(t.Context(), 2)
	wantError(t, err, "preparing epoch 2: this comes after its barrier")

	s = openCount(t, &count{})
	must(t, s.Signal(t.Context(), barrier(1)))
	_, err = s.Prepare(t.Context(), 1)
	must(t, err)
	_, err = s.Prepare(t.Context(), 1)
	wantError(t, err, "preparing epoch 1: this comes after its barrier, and once")

	s = openCount(t, &count{})
	must(t, s.Signal(t.Context(), barrier(1)))
	_, err = s.Prepare(t.Context(), 1)
	must(t, err)
	wantError(t, s.Signal(t.Context(), barrier(2)), "the one before it is not committed yet")
}

func TestEndOfTheInputReachesTheLastBarrier(t *testing.T) {
	c := &count{}
	s := openCount(t, c)
	for epoch := uint64(1); epoch <= 2; epoch++ {
		must(t, s.Signal(t.Context(), barrier(epoch)))
		_, err := s.Prepare(t.Context(), epoch)
		must(t, err)
		must(t, s.Commit(t.Context(), epoch, nil))
		must(t, s.Signal(t.Context(), sdk.Signal{Kind: sdk.End}))
	}
	if c.ended[0].Ended || !c.ended[1].Ended {
		t.Errorf("want the second epoch to be that of the end, got %+v", c.ended)
	}
}

// Behind an error half an epoch must not be followed by a whole one.
func TestFirstErrorEndsEverything(t *testing.T) {
	full := errors.New("the disk is full")
	c := &count{write: func() error { return full }}
	s := openCount(t, c)
	if err := s.Write(t.Context(), rows(1)); err != full {
		t.Errorf("want the store's own error, got %v", err)
	}
	c.write = nil
	_, prepared := s.Prepare(t.Context(), 1)
	for _, err := range []error{s.Write(t.Context(), rows(1)), s.Signal(t.Context(), barrier(1)), prepared,
		s.Commit(t.Context(), 1, nil)} {
		wantError(t, err, "nothing is written after an error: the disk is full")
	}
}

func TestRefusedRowsAreNoError(t *testing.T) {
	var refused *sdk.RefusedError
	refused = refused.Refuse(0, "too long")
	c := &count{write: refused.OrNil}
	s := openCount(t, c)
	if err := s.Write(t.Context(), rows(1)); !errors.As(err, &refused) {
		t.Errorf("want the refused row, got %v", err)
	}
	c.write = nil
	must(t, s.Write(t.Context(), rows(1)))
}

// The store is closed last: until then its successor must wait.
func TestCloseInterruptsPrepareAndWaitsForIt(t *testing.T) {
	inside, goOn := make(chan bool), make(chan bool)
	var c *count
	c = &count{prepare: func(ctx context.Context, _ sync.Locker) error {
		inside <- true
		<-ctx.Done()
		<-goOn
		if c.closed.Load() {
			t.Error("the store was closed while Prepare was at work")
		}
		return context.Cause(ctx)
	}}
	s := openCount(t, c)
	must(t, s.Signal(t.Context(), barrier(1)))
	prepared, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Prepare(context.Background(), 1)
		prepared <- err
	}()
	<-inside
	go func() { closed <- s.Close(context.Background()) }()
	<-s.life.Done() // Close has begun
	close(goOn)
	must(t, <-closed)
	if err := <-prepared; err != ErrClosed {
		t.Errorf("want Prepare to end with %v, got %v", ErrClosed, err)
	}
	if !c.closed.Load() {
		t.Error("the store was not closed")
	}
}

// Rows of the next epoch are written while one is prepared and committed, but not while
// the store says that its two sides meet.
func TestWriteWaitsForPrepareOnlyWhileItIsLockedOut(t *testing.T) {
	c := &count{}
	s := openCount(t, c)
	written := make(chan error, 3)
	write := func() { written <- s.Write(context.Background(), rows(1)) }
	c.prepare = func(_ context.Context, writing sync.Locker) error {
		write()
		writing.Lock()
		go write()
		if n := c.filling.Load(); n != 1 {
			t.Errorf("want the second row to wait, got %d", n)
		}
		writing.Unlock()
		return nil
	}
	c.commit = func(context.Context) error { write(); return nil }
	must(t, s.Signal(t.Context(), barrier(1)))
	_, err := s.Prepare(t.Context(), 1)
	must(t, err)
	must(t, s.Commit(t.Context(), 1, nil))
	for range 3 {
		must(t, <-written)
	}
	if n := c.filling.Load(); n != 3 {
		t.Errorf("want 3 rows in the second epoch, got %d", n)
	}
}

// An epoch is full at the limit, and at twice that Write waits for the one before.
func TestWriteWaitsAtTwiceTheLimit(t *testing.T) {
	for _, end := range []string{"commit", "failure", "close", "cancel"} {
		t.Run(end, func(t *testing.T) {
			c := &count{}
			s := openCount(t, c)
			s.Limit = 2
			must(t, s.Write(t.Context(), rows(1)))
			if s.Due(time.Time{}).Full {
				t.Error("it is full at half the limit")
			}
			must(t, s.Write(t.Context(), rows(5))) // with nothing to wait for
			if !s.Due(time.Time{}).Full {
				t.Error("it is not full beyond the limit")
			}
			must(t, s.Signal(t.Context(), barrier(1)))
			_, err := s.Prepare(t.Context(), 1)
			must(t, err)
			must(t, s.Write(t.Context(), rows(4)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			written := make(chan error, 1)
			go func() { written <- s.Write(ctx, rows(1)) }()
			if n := c.filling.Load(); n != 4 {
				t.Errorf("want Write to wait at 4 rows, got %d", n)
			}
			var want error
			switch end {
			case "commit":
				must(t, s.Commit(t.Context(), 1, nil))
			case "failure":
				want = errors.New("the target is gone")
				c.commit = func(context.Context) error { return want }
				if err := s.Commit(t.Context(), 1, nil); err != want {
					t.Fatal(err)
				}
			case "close":
				want = ErrClosed
				must(t, s.Close(t.Context()))
			case "cancel":
				want = context.Canceled
				cancel()
			}
			if err := <-written; !errors.Is(err, want) {
				t.Errorf("want %v, got %v", want, err)
			}
		})
	}
}
