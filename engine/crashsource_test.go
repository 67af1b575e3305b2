package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"sync"
	"time"

	"etlengine/plugins/sdk"
)

// slicedSource gives a source's batches in pieces, and slowly, so that little
// input makes many epochs. A cursor inside a batch is the one before the batch
// and how many of its rows have been given.
type slicedSource struct {
	wrapped
	inner  sdk.Source
	before map[string][]byte // the inner cursor in front of the batch at hand
	skip   map[string]int64  // rows of the next batch that were given by another life
	pieces []sdk.Item
	count  int64         // of the rows given
	begun  bool          // the first signal has been given
	end    chan struct{} // closed when the end may be returned
	leave  chan struct{} // to give one batch more, if they are counted

	own   sync.Mutex        // guards what follows
	given map[string][]byte // the newest cursors
	ended bool
}

var _ sdk.Source = (*slicedSource)(nil)

// slicedCursor is a cursor of a slicedSource.
type slicedCursor struct {
	Before []byte
	Rows   int64
}

func (c slicedCursor) encode() []byte {
	data, _ := json.Marshal(c) // bytes and a number always encode
	return data
}

func decodeSliced(data []byte) slicedCursor {
	var c slicedCursor
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}

// innerCursors are what the source itself resumes from.
func innerCursors(resume map[string][]byte) map[string][]byte {
	if resume == nil {
		return nil
	}
	inner := map[string][]byte{}
	for name, data := range resume {
		if c := decodeSliced(data); c.Before != nil {
			inner[name] = c.Before
		}
	}
	return inner
}

func newSlicedSource(w wrapped) *slicedSource {
	s := &slicedSource{wrapped: w, inner: w.Instance.(sdk.Source), before: map[string][]byte{},
		skip: map[string]int64{}, given: map[string][]byte{}, end: make(chan struct{})}
	s.leave = make(chan struct{}, 2*w.plan.PerEpoch)
	s.grant()
	s.grant() // one epoch is committed while the next fills
	for name, data := range w.resume {
		c := decodeSliced(data)
		s.before[name], s.skip[name] = c.Before, c.Rows
	}
	// A pipeline that is to die in some epoch has no end before it. Nor has one
	// beside it: it would not be there to be killed next. What fills it is to end,
	// though, if it is to die in its last epoch.
	k := w.plan.Kill
	if k == nil || k.Epoch == 0 && (!k.Last || k.pipeline() != w.pipeline) {
		close(s.end)
	}
	return s
}

func (s *slicedSource) Next(ctx context.Context) (sdk.Item, error) {
	if !s.begun {
		s.begun = true
		return s.first(ctx)
	}
	var item sdk.Item
	err := s.around(callNext, 0, func() (err error) {
		item, err = s.next(ctx)
		return err
	})
	if b := item.Batch; err == nil && b != nil {
		s.count += b.NumRows()
		k := s.plan.Kill
		if k != nil && k.Call == callNext && k.Step == s.name && k.Read > 0 && s.count >= k.Read {
			s.die()
		}
	}
	return item, err
}

func (s *slicedSource) next(ctx context.Context) (sdk.Item, error) {
	if len(s.pieces) == 0 {
		item, err := s.inner.Next(ctx)
		if errors.Is(err, io.EOF) {
			return item, s.awaitEnd(ctx)
		}
		if err != nil {
			return item, err
		}
		s.pieces = []sdk.Item{item}
		if item.Batch != nil && s.rows > 0 {
			s.pieces = s.slice(item.Batch)
		}
	}
	item := s.pieces[0]
	s.pieces = s.pieces[1:]
	if b := item.Batch; b != nil {
		if err := s.pace(ctx); err != nil {
			return sdk.Item{}, err
		}
		s.own.Lock()
		s.given[b.Partition] = b.Cursor
		s.own.Unlock()
	}
	return item, nil
}

// pace waits until the next batch may be given.
func (s *slicedSource) pace(ctx context.Context) error {
	var pause <-chan time.Time
	var leave <-chan struct{}
	switch {
	case !s.paced:
		return nil
	case s.plan.PerEpoch > 0:
		leave = s.leave
	case s.plan.Pause > 0:
		pause = time.After(s.plan.Pause)
	default:
		return nil
	}
	select {
	case <-leave:
	case <-pause:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// grant gives leave for the batches of one more epoch.
func (s *slicedSource) grant() {
	for range s.plan.PerEpoch {
		select {
		case s.leave <- struct{}{}:
		default: // not all of the epoch before were used
		}
	}
}

// awaitEnd returns the end of the input once nothing is left to be killed for. An
// engine that is to die in its last epoch gets it when all else is committed.
func (s *slicedSource) awaitEnd(ctx context.Context) error {
	s.own.Lock()
	s.ended = true
	s.own.Unlock()
	select {
	case <-s.end:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slice makes pieces of what of a batch no earlier life has given.
func (s *slicedSource) slice(b *sdk.Batch) []sdk.Item {
	n, from := b.NumRows(), s.skip[b.Partition]
	rejected := b.Rejected
	if from > 0 {
		rejected = nil // they went with the first piece
	}
	delete(s.skip, b.Partition)
	var items []sdk.Item
	for {
		to := min(from+int64(s.rows), n)
		piece := &sdk.Batch{Rows: b.Rows.NewSlice(from, to), Partition: b.Partition, Rejected: rejected,
			Cursor: slicedCursor{s.before[b.Partition], to}.encode()}
		if b.Positions != nil {
			piece.Positions = b.Positions[from:to]
		}
		if to == n {
			piece.Cursor = slicedCursor{b.Cursor, 0}.encode()
			s.before[b.Partition] = b.Cursor
		}
		items = append(items, sdk.Item{Batch: piece})
		from, rejected = to, nil
		if from == n {
			return items
		}
	}
}

func (s *slicedSource) Committed(ctx context.Context, epoch uint64, at map[string][]byte) error {
	inner := at
	if s.rows > 0 {
		inner = innerCursors(at)
	}
	err := s.around(callCommitted, epoch, func() error { return s.inner.Committed(ctx, epoch, inner) })
	s.grant()
	k := s.plan.Kill
	if k != nil && k.Last && k.pipeline() == s.pipeline && s.allGiven(at) {
		s.release(epoch + 1)
	}
	return err
}

// allGiven reports whether the whole input is committed.
func (s *slicedSource) allGiven(at map[string][]byte) bool {
	s.own.Lock()
	defer s.own.Unlock()
	all := s.ended
	for name, cursor := range s.given {
		all = all && bytes.Equal(cursor, at[name])
	}
	return all
}

// release makes an epoch the one to die in, and lets the input end in it.
func (s *slicedSource) release(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target == 0 {
		s.target = epoch
		close(s.end)
	}
}

// first gives the signal whose cursors the engine makes durable. It is the last call
// before the pipeline begins: here one can wait for its release.
func (s *slicedSource) first(ctx context.Context) (item sdk.Item, err error) {
	if s.plan.Hold == s.pipeline {
		waitForRelease()
	}
	err = s.around(callPin, 0, func() (err error) {
		item, err = s.next(ctx)
		return err
	})
	if err != nil || item.Signal == nil {
		return item, err
	}
	if s.rows > 0 {
		for name, cursor := range item.Signal.Cursors {
			item.Signal.Cursors[name] = slicedCursor{cursor, s.skip[name]}.encode()
			s.before[name] = cursor
		}
	}
	s.own.Lock()
	defer s.own.Unlock()
	maps.Copy(s.given, item.Signal.Cursors)
	return item, nil
}

func (s *slicedSource) Drain(ctx context.Context) error { return s.inner.Drain(ctx) }

func (s *slicedSource) Lag() int64 { return s.inner.Lag() }
