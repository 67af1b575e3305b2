// Package ticketgenerator makes believable support tickets. It is the main
// job's source and the other plugins' test bench: the same seed gives the same
// tickets, a run that was cut goes on with the very next one, and what real
// sources do to event time (disorder, late and malformed tickets) can be asked for.
//
// It owns the sequence of tickets and its event time. It writes columns, never
// JSON: that is up to the step behind it.
package ticketgenerator

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Partition is the only partition of a generator.
const Partition = "tickets"

// Source is the plugin ticket_generator.
var Source = sdk.Spec[Config]{
	Kind:    sdk.KindSource,
	Name:    "ticket_generator",
	Summary: "Makes believable support tickets, in French and English.",
	Example: `ticket_generator:
  count: 100000
  span: 1h
  disorder: 5s
  seed: 1
  types: { support: 3, billing: 1 }
`,
	Defaults: defaults(),
	About: func(c *Config) sdk.Description {
		d := sdk.Description{Bounds: sdk.Bounded{Records: true, Now: true}}
		if c.Count == nil {
			d.Endless = "a ticket_generator without count makes tickets for ever"
		}
		return d
	},
	Columns: func(_ *Config, _ *arrow.Schema, d *sdk.Description) { d.Columns = schema() },
	Open:    open,
}.Plugin()

var errClosed = errors.New("making tickets: the generator is closed")

// source is an open generator. Next owns position, press and pacer.
type source struct {
	position      position
	press         *press
	pacer         pacer
	withPositions bool      // batches have positions: a ticket's index
	announced     bool      // Partitions has been sent
	idleAt        time.Time // when Idle was sent, zero since the last batch

	limit     int64 // tickets until the run is cut; -1: it is not
	left      atomic.Int64
	closeOnce sync.Once
	closed    chan struct{}
	drainOnce sync.Once
	drained   chan struct{}
}

var _ sdk.Source = (*source)(nil)

func open(ctx context.Context, c *Config, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	p, err := resume(env.Resume[Partition], c, env.Run, env.Log)
	if err != nil {
		return nil, err
	}
	f, err := newPress(c, &p)
	if err != nil {
		return nil, err
	}
	s := &source{position: p, press: f, pacer: newPacer(c.Rate), withPositions: env.Positions, limit: -1,
		closed: make(chan struct{}), drained: make(chan struct{})}
	if n := env.Bounds.Records; n != nil {
		s.limit = max(*n, 0)
	}
	s.left.Store(s.owed())
	if env.Bounds.Now {
		return s, s.Drain(ctx)
	}
	return s, nil
}

// Next makes the next tickets, after a wait if they are rationed.
func (s *source) Next(ctx context.Context) (sdk.Item, error) {
	if err := s.stopped(ctx); err != nil && (s.announced || !errors.Is(err, io.EOF)) {
		return sdk.Item{}, err
	}
	if !s.announced {
		s.announced = true
		return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Partitions, Partitions: []string{Partition},
			Cursors: map[string][]byte{Partition: s.position.cursor()}}}, nil // pins the seed and the span
	}
	if s.owed() == 0 {
		return sdk.Item{}, io.EOF
	}
	most := s.most()
	if most == 0 {
		return sdk.Item{}, errNoMoreIDs
	}
	if idle, err := s.await(ctx, most); idle != nil || err != nil {
		return sdk.Item{Signal: idle}, err
	}
	first := s.position.Index
	rows := s.press.print(&s.position, s.pacer.dueTickets(most))
	s.idleAt = time.Time{}
	if s.limit > 0 {
		s.limit -= rows.NumRows()
	}
	s.left.Store(s.owed())
	b := &sdk.Batch{Rows: rows, Partition: Partition, Cursor: s.position.cursor()}
	if s.withPositions {
		b.Positions = make([]int64, rows.NumRows())
		for i := range b.Positions {
			b.Positions[i] = int64(first) + int64(i)
		}
	}
	return sdk.Item{Batch: b}, nil
}

// await sleeps until tickets are due. It returns a signal instead, about every
// second, while none is for a long time.
func (s *source) await(ctx context.Context, most int) (*sdk.Signal, error) {
	for {
		wait := s.pacer.wait(most)
		if wait > longWait && s.position.isNow() {
			now := time.Now()
			if s.idleAt.IsZero() || now.Sub(s.idleAt) >= longWait {
				s.idleAt = now
				return &sdk.Signal{Kind: sdk.Idle, Partition: Partition, Time: now}, nil
			}
			wait = longWait - now.Sub(s.idleAt)
		}
		if err := s.sleep(ctx, wait); err != nil {
			return nil, err
		}
		if s.idleAt.IsZero() || s.pacer.wait(most) <= 0 {
			return nil, nil
		}
	}
}

// longWait is how long no ticket is due before the partition counts as read
// to its end. This is for event time "now" only: a span goes on where it was.
const longWait = time.Second

// most is how many tickets the next batch may hold.
func (s *source) most() int {
	most := min(sdk.DefaultBatchRows, maxTickets-s.position.Index)
	if left := s.owed(); left >= 0 {
		most = min(most, uint64(left))
	}
	return int(most)
}

// owed is how many tickets are left of the run, or until it is cut; -1 if it is
// endless.
func (s *source) owed() int64 {
	left := s.position.left()
	if s.limit >= 0 && (left < 0 || s.limit < left) {
		return s.limit
	}
	return left
}

func (s *source) stopped(ctx context.Context) error {
	select {
	case <-s.closed:
		return errClosed
	case <-s.drained:
		return io.EOF
	default:
		return ctx.Err()
	}
}

func (s *source) sleep(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.closed:
		return errClosed
	case <-s.drained:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Lag is how many tickets the run still owes.
func (s *source) Lag() int64 { return s.left.Load() }

// Drain ends a generator that has no count; one that has ends by itself.
func (s *source) Drain(context.Context) error {
	if s.position.Count < 0 {
		s.drainOnce.Do(func() { close(s.drained) })
	}
	return nil
}

// Committed needs nothing done: tickets are made, not read.
func (s *source) Committed(context.Context, uint64, map[string][]byte) error { return nil }

// Close makes a waiting Next return.
func (s *source) Close(context.Context) error {
	s.closeOnce.Do(func() { close(s.closed) })
	return nil
}

// pacer rations tickets by the wall clock. It counts in nanoseconds since the
// first ticket.
type pacer struct {
	each  float64 // between two tickets; 0: no ration
	begin time.Time
	due   float64 // of the next ticket
}

const (
	// paceChunk is for how long tickets are gathered into one batch: a batch
	// for each ticket would cost more than the tickets, and on a machine that is
	// idle in between every one finds its caches cold.
	paceChunk = 250 * time.Millisecond
	// paceDebt bounds the tickets that are caught up on after a standstill.
	paceDebt = time.Second
)

func newPacer(rate float64) pacer {
	if rate == 0 {
		return pacer{}
	}
	return pacer{each: 1e9 / rate}
}

// wait is how long to wait for the next batch of at most so many tickets.
func (p *pacer) wait(most int) time.Duration {
	if p.each == 0 {
		return 0
	}
	if p.begin.IsZero() {
		p.begin = time.Now()
	}
	chunk := min(int(math.Ceil(float64(paceChunk)/p.each)), most)
	return time.Duration(math.Ceil(p.due+float64(chunk-1)*p.each)) - time.Since(p.begin)
}

// take is how many tickets are due after the wait, at least one.
func (p *pacer) dueTickets(most int) int {
	if p.each == 0 {
		return most
	}
	elapsed := float64(time.Since(p.begin))
	p.due = max(p.due, elapsed-float64(paceDebt))
	n := min(max(int((elapsed-p.due)/p.each)+1, 1), most)
	p.due += float64(n) * p.each
	return n
}
