package redpanda

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// spoolBound is how large a spool grows before its epoch ought to end.
const spoolBound = 64 << 20

// sink is what the engine opens, and its store for tests.
type sink struct {
	*staging.Sink[*spool]
	store *store
}

// store writes one topic. An epoch's records lie in a spool until the epoch has
// been recorded; Commit then writes them in one transaction, together with a
// marker of the epoch.
type store struct {
	config *SinkConfig
	env    sdk.Env
	owner  owner
	shape  shape
	area   staging.Area // of spools
	limits limits

	partitions atomic.Int32 // of the topic
	target     atomic.Pointer[target]
	size       atomic.Int64 // of the spool that fills

	// Of Write, EndEpoch and whoever keeps them out.
	filling *spool // nil: no rows yet
	sealed  *spool // ended by its barrier, and named by no committable yet
	epoch   uint64 // of the rows of filling
	turn    turn

	// Of Prepare, Commit and Recover.
	committer committer
	opening   bool // until Recover has returned
}

// limits are what tests make smaller.
type limits struct {
	stalled  time.Duration // without a word of the broker, in a transaction
	patience time.Duration // between the first failure to commit and giving up
}

func openSink(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	shape, problems := c.shapeOf(in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	if env.StateDir == "" {
		return nil, errors.New("opening the topic's spool: want a state directory, got none")
	}
	s := &store{config: c, env: env, owner: ownerOf(env), shape: shape, epoch: env.Epoch + 1, opening: true,
		area: spoolArea(env.StateDir, ownerOf(env)), limits: limits{stalled: stalledFor, patience: commitWithin}}
	if err := durable.MakeFolder(env.StateDir, s.area.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of spools: %w", err)
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.turn = newTurn(c.Topic)
	out := &sink{staging.NewSink(s), s}
	out.Limit = spoolBound
	return out, nil
}

// connect finds out what Write must know of the topic.
func (s *store) connect(ctx context.Context) error {
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
	s.committer.producer, s.committer.cluster = p, p.id
	return nil
}

// Write encodes the rows into the epoch's spool. All that a row could be
// refused for is found out here.
func (s *store) Write(_ context.Context, b *sdk.Batch) error {
	refused, err := s.spool(b)
	if err != nil {
		return fmt.Errorf("writing to topic %q: %w", s.config.Topic, err)
	}
	return refused.OrNil()
}

// spool encodes rows, but for those that the topic would refuse.
func (s *store) spool(b *sdk.Batch) (refused *sdk.RefusedError, err error) {
	if s.filling == nil {
		if s.filling, err = createSpool(s.area, s.epoch, s.shape.headerNames()); err != nil {
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
func (s *store) overhead() int {
	const batchHead, lengths = 61, 36
	size := batchHead + lengths + s.owner.headerBytes()
	for _, h := range s.shape.headers {
		size += len(h.name) + lengths
	}
	return size
}

// Bytes is the size of the spool.
func (s *store) Bytes() int64 { return s.size.Load() }

// RollDue is false: every epoch appears with its record.
func (s *store) RollDue(time.Time) bool { return false }

// EndEpoch ends the epoch's spool: what is written from now on goes to another file.
func (s *store) EndEpoch(b staging.Barrier) (*spool, error) {
	if s.filling != nil {
		if err := s.filling.flush(); err != nil {
			return nil, err
		}
	}
	s.sealed, s.filling, s.epoch = s.filling, nil, b.Epoch+1
	s.size.Store(0)
	return s.sealed, nil
}

// Close removes what no committable names.
func (s *store) Close() error {
	s.committer.drop()
	var errs []error
	for _, sp := range []*spool{s.filling, s.sealed} {
		if sp != nil {
			errs = append(errs, sp.discard())
		}
	}
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

// next chooses the next partition for records without a key. That it happens
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
