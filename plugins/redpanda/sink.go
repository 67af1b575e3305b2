package redpanda

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// spoolBound is how large a spool grows before its epoch ought to end. While
// the epoch before is published it may grow to twice that, then Write waits.
const spoolBound = 64 << 20

// sink writes one topic. An epoch's records lie in a spool until the epoch has
// been recorded; Publish then writes them in one transaction, together with a
// note of the epoch.
//
// Write and Signal are called by one goroutine, Prepare and Publish by another,
// while the next epoch's spool fills.
type sink struct {
	config *SinkConfig
	env    sdk.Env
	owner  owner
	shape  shape
	folder string // of spools
	limits limits
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	partitions atomic.Int32 // of the topic
	target     atomic.Pointer[target]
	size       atomic.Int64 // of the spool that fills

	writing sync.Mutex // held by Write and Signal, and by Close to clear up after them
	filling *spool     // nil: no rows yet
	epoch   uint64     // of its rows
	turn    turn

	mu     sync.Mutex
	sealed *spool        // ended by a barrier, not yet prepared
	busy   chan struct{} // closed once the epoch of the last barrier is published; nil: it is
	failed error         // for good: the epoch cannot become whole any more

	publishing sync.Mutex // held by Prepare, Publish and Recover, and by Close after them
	publisher  publisher
	opening    bool // until Recover has returned
}

// limits are what tests make smaller.
type limits struct {
	spool    int64         // spoolBound
	stalled  time.Duration // without a word of the broker, in a transaction
	patience time.Duration // between the first failure to publish and giving up
}

var (
	_ sdk.Sink    = (*sink)(nil)
	_ sdk.TwoStep = (*sink)(nil)
	_ sdk.Fuller  = (*sink)(nil)
)

func openSink(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	shape, problems := c.shapeOf(in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	if env.StateDir == "" {
		return nil, errors.New("opening the topic's spool: want a state directory, got none")
	}
	s := &sink{config: c, env: env, owner: ownerOf(env), shape: shape, epoch: env.Epoch + 1, opening: true,
		limits: limits{spool: spoolBound, stalled: stalledFor, patience: publishWithin}}
	s.folder = spoolFolder(env.StateDir, s.owner)
	if err := durable.MakeFolder(env.StateDir, s.folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of spools: %w", err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.turn = newTurn(c.Topic)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// connect finds out what Write must know of the topic.
func (s *sink) connect(ctx context.Context) error {
	p, err := connectProducer(ctx, s.config, s.env, time.Duration(s.config.Timeout))
	if err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t, err := p.target(ready, s.config.Topic)
	if err == nil {
		err = t.check(s.config, p.cluster)
	}
	if err != nil {
		p.close()
		return err
	}
	s.partitions.Store(t.partitions)
	s.target.Store(t)
	p.limit.Store(int32(t.limit))
	s.publisher.producer, s.publisher.cluster = p, p.id
	return nil
}

// Write encodes the rows into the epoch's spool. All that a row could be
// refused for is found out here.
func (s *sink) Write(ctx context.Context, b *sdk.Batch) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.room(ctx); err != nil || b.NumRows() == 0 {
		return err
	}
	refused, err := s.spool(b)
	if err != nil {
		err = fmt.Errorf("writing to topic %q: %w", s.config.Topic, err)
		s.fail(err)
		return err
	}
	return refused.OrNil()
}

// room waits while the spool is too large to grow and the one before it is
// still being published.
func (s *sink) room(ctx context.Context) error {
	for s.size.Load() >= 2*s.limits.spool {
		s.mu.Lock()
		busy := s.busy
		s.mu.Unlock()
		if busy == nil {
			break // nobody to wait for: the barrier is late
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errSinkClosed
		}
	}
	return s.failure()
}

// spool encodes rows, but for those that the topic would refuse.
func (s *sink) spool(b *sdk.Batch) (refused *sdk.RefusedError, err error) {
	if s.filling == nil {
		if s.filling, err = createSpool(s.folder, s.epoch, s.shape.headerNames()); err != nil {
			return nil, err
		}
	}
	topic := s.target.Load()
	now, partitions := time.Now().UnixMilli(), s.partitions.Load()
	e := s.shape.encoder(b.Rows)
	most := topic.limit - s.overhead()
	s.turn.next()
	for row := range int(b.NumRows()) {
		at, key := s.filling.put(e, row, now)
		size := len(s.filling.block) - at
		switch {
		case size > most:
			refused = refused.Refuse(row, fmt.Sprintf("a record of %d bytes is larger than topic %q takes "+
				"(its max.message.bytes is %d)", size-recordHead, s.config.Topic, topic.limit))
			s.filling.undo(at)
			continue
		case key == nil && topic.compacted:
			refused = refused.Refuse(row, topic.whyNoKey(s.config))
			s.filling.undo(at)
			continue
		case key == nil:
			s.filling.keyless++
		}
		s.filling.largest = max(s.filling.largest, size)
		if err := s.filling.end(at, s.turn.partition(key, size, partitions)); err != nil {
			return refused, err
		}
	}
	s.size.Store(s.filling.bytes())
	return refused, nil
}

// overhead is what Kafka's format and our header add to a record, at most, and
// the spool's own does not.
func (s *sink) overhead() int {
	const batchHead, lengths = 61, 36
	size := batchHead + lengths + s.owner.headerBytes()
	for _, h := range s.shape.headers {
		size += len(h.name) + lengths
	}
	return size
}

// Full tells that the spool has reached its bound.
func (s *sink) Full() bool { return s.size.Load() >= s.limits.spool }

// Signal ends the epoch at a barrier: what is written from now on goes to
// another file.
func (s *sink) Signal(_ context.Context, signal sdk.Signal, _ sdk.Emitter) error {
	if signal.Kind != sdk.Barrier {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.filling != nil {
		if err := s.filling.flush(); err != nil {
			s.fail(err)
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy != nil {
		return fmt.Errorf("ending epoch %d: the one before it is not published yet", signal.Epoch)
	}
	s.sealed, s.filling, s.busy = s.filling, nil, make(chan struct{})
	s.epoch = signal.Epoch + 1
	s.size.Store(0)
	return s.failed
}

// failure is the first error for good.
func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

// released lets Write go on: the sealed epoch is published, or never will be.
func (s *sink) released(err error) {
	if err != nil {
		s.fail(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy != nil {
		close(s.busy)
		s.busy = nil
	}
}

// Close forgets what no Prepare has named. It unblocks Write and Publish; a
// transaction that is open is aborted, if the broker answers soon.
func (s *sink) Close(context.Context) error {
	s.cancel()
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	forgotten := []*spool{s.filling, s.sealed}
	s.filling, s.sealed = nil, nil
	s.mu.Unlock()
	var errs []error
	for _, sp := range forgotten {
		if sp != nil {
			errs = append(errs, sp.discard())
		}
	}
	s.publisher.hurry(closePatience)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.publisher.drop()
	return errors.Join(errs...)
}

// turn chooses partitions: by key as Kafka does, and for records without one a
// partition at a time, so that batches fill.
type turn struct {
	pick  kgo.TopicPartitioner
	keyed kgo.Record
	at    uint32
	bytes int
}

const turnBytes = 1 << 20 // about a batch

func newTurn(topic string) turn {
	return turn{pick: kgo.StickyKeyPartitioner(nil).ForTopic(topic), at: rand.Uint32()}
}

// next takes the next partition for records without a key. That it happens
// with each batch of rows keeps all partitions moving where rows are few.
func (t *turn) next() { t.at, t.bytes = t.at+1, 0 }

func (t *turn) partition(key []byte, size int, of int32) int32 {
	if key != nil {
		t.keyed.Key = key
		return int32(t.pick.Partition(&t.keyed, int(of)))
	}
	if t.bytes >= turnBytes {
		t.next()
	}
	t.bytes += size
	return int32(t.at % uint32(of))
}
