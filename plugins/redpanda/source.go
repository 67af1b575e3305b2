package redpanda

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	fetchWait      = 250 * time.Millisecond
	fetchBytes     = 16 << 20
	partitionBytes = 256 << 10 // larger fetches are slower and need more memory
	batchBytes     = 256 << 20 // decompressed: no bomb shall fill the memory
	maxDecoders    = 4
	commitPatience = 2 * time.Second
)

var errClosed = errors.New("the source is closed")

// source reads topics. One goroutine (reader) polls and splits what comes into
// jobs; decoders turn them into batches, at the same time; Next hands them on
// in the order in which the reader made them. A third (watch) asks now and then
// for what no fetch says: new partitions, ends, topics made again. They all begin
// with the first Next, before which the ends of the run can be set.
type source struct {
	config  *SourceConfig
	env     sdk.Env
	k       *cluster
	columns *arrow.Schema
	opened  time.Time // before the cluster was asked where topics end

	ctx    context.Context
	cancel context.CancelFunc
	begun  sync.Once
	ended  sync.WaitGroup
	limit  int64     // records still to be made into jobs; -1: all. The reader's, once it runs
	work   chan *job // to the decoders
	order  chan *job // to Next; its length bounds how far ahead we read

	next   *job // Next's own: the job in hand
	queue  []output
	failed error

	mu         sync.Mutex // guards what follows, and partition's fields below its mark
	partitions []*partition
	inbox      []snapshot
	left       int64 // of the limit, behind what Next has given
	stopPoll   context.CancelFunc

	refused sync.Once    // the first commit that failed has been logged
	unknown atomic.Int64 // keys of objects without a column
	ignored atomic.Int64 // records without a value
}

var _ sdk.Source = (*source)(nil)

func openSource(ctx context.Context, c *SourceConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := openWith(ctx, c, env)
	if err != nil {
		return nil, err // not a nil *source
	}
	return s, nil
}

// openWith opens a source whose client has more options.
func openWith(ctx context.Context, c *SourceConfig, env sdk.Env, more ...kgo.Opt) (*source, error) {
	k, err := c.connect(ctx, env, append([]kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // else a position would stop before the marker of a transaction
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(fetchWait), kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes),
		kgo.WithPools(newPools())}, more...)...)
	if err != nil {
		return nil, err
	}
	s := &source{config: c, env: env, k: k, columns: c.columns(), limit: unlimited, left: unlimited,
		work: make(chan *job, 2*decoders()), order: make(chan *job, 2*decoders())}
	if err := s.assign(ctx); err != nil {
		k.Client.Close()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.bound(ctx, env.Bounds); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func decoders() int { return min(runtime.GOMAXPROCS(0), maxDecoders) }

// start sets everything going, unless the source is closed: who waits for
// goroutines must know that no more of them begin.
func (s *source) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	for range decoders() {
		s.ended.Go(s.decode)
	}
	s.ended.Go(s.read)
	s.ended.Go(s.watch)
}

// assign finds all partitions and where to begin in each, as offsets.
func (s *source) assign(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.opened = time.Now()
	topics := s.config.Topic
	details, err := s.k.describe(ctx, s.env.Filled, topics...)
	if errors.Is(err, errMissing) {
		return s.k.missing(ctx, err, topics)
	}
	if err != nil {
		return err
	}
	limits, err := s.k.ends(ctx, topics...)
	if err != nil {
		return err
	}
	begin, err := s.begin(ctx, limits)
	if err != nil {
		return err
	}
	for at, e := range limits {
		topic := details[at.topic]
		p := newPartition(at, topicID(topic.ID), e)
		if err := p.resume(ctx, s, begin[at], e, topic.Partitions[at.partition].Leader); err != nil {
			return err
		}
		s.partitions = append(s.partitions, p)
	}
	slices.SortFunc(s.partitions, comparePartitions)
	s.k.consume(s.partitions)
	return nil
}

// begin is where each partition starts: at its cursor; at its beginning if it
// is new in a topic that we have read before; or where start says.
func (s *source) begin(ctx context.Context, limits map[tp]ends) (map[tp]cursor, error) {
	begin, known := make(map[tp]cursor), make(map[string]bool)
	for name, raw := range s.env.Resume {
		at, err := parseTP(name)
		if err != nil {
			return nil, err
		}
		c, err := parseCursor(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		begin[at], known[at.topic] = c, true
		if _, exists := limits[at]; !exists && slices.Contains(s.config.Topic, at.topic) {
			if err := s.vanished(name, c.Offset); err != nil {
				return nil, err
			}
		}
	}
	from := s.config.Start.From
	if s.env.AtEnd && len(s.env.Resume) == 0 {
		from = startLatest
	}
	var after map[tp]int64
	if from == startTimestamp {
		var err error
		if after, err = s.k.after(ctx, s.config.Start.At, s.config.Topic); err != nil {
			return nil, err
		}
	}
	for at, e := range limits {
		if _, resumed := begin[at]; resumed {
			continue
		}
		c := cursor{Offset: e.start, Epoch: -1}
		switch {
		case known[at.topic], from == startEarliest:
		case from == startLatest:
			c.Offset = e.stable // what an open transaction holds is yet to come
		default:
			c.Offset = after[at]
		}
		begin[at] = c
	}
	return begin, nil
}

// Next returns the items in order. It is called by one goroutine.
func (s *source) Next(ctx context.Context) (sdk.Item, error) {
	s.begun.Do(s.start)
	for {
		if len(s.queue) > 0 {
			out := s.queue[0]
			s.queue = s.queue[1:]
			s.given(out)
			return out.item, nil
		}
		if s.failed != nil {
			return sdk.Item{}, s.failed
		}
		if err := s.await(ctx); err != nil {
			return sdk.Item{}, err
		}
	}
}

// await waits for the next job and for its decoder. A job stays in hand when
// the caller gives up, so that nothing is skipped.
func (s *source) await(ctx context.Context) error {
	if s.next == nil {
		select {
		case s.next = <-s.order:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errClosed
		}
	}
	select {
	case <-s.next.done:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return errClosed
	}
	s.queue, s.failed = s.next.out, s.next.err
	s.next = nil
	return nil
}

func (s *source) given(out output) {
	if out.item.Batch == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := out.item.Batch
	out.partition.cursor = b.Cursor
	out.partition.read = out.next
	if s.left != unlimited {
		s.left -= b.NumRows() + int64(len(b.Rejected))
	}
}

// cursors are those behind what Next has given.
func (s *source) cursors() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	positions := make(map[string][]byte, len(s.partitions))
	for _, p := range s.partitions {
		positions[p.name] = p.cursor
	}
	return positions
}

// Lag counts offsets, of which markers of transactions are some.
func (s *source) Lag() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lag int64
	for _, p := range s.partitions {
		lag += max(0, p.end-p.read)
	}
	if s.left != unlimited {
		return min(lag, s.left)
	}
	return lag
}

// Committed commits the positions to the consumer group, for tools that show lag. Nothing
// reads them back, so a refusal is worth one line and no more.
func (s *source) Committed(ctx context.Context, _ uint64, at map[string][]byte) error {
	if s.config.Group == "" || len(at) == 0 {
		return nil
	}
	offsets := make(kadm.Offsets)
	for name, raw := range at {
		where, err := parseTP(name)
		if err != nil {
			return err
		}
		c, err := parseCursor(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		offsets.AddOffset(where.topic, where.partition, c.Offset, c.Epoch)
	}
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	answers, err := s.k.admin.CommitOffsets(ctx, s.config.Group, offsets)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		s.refused.Do(func() {
			s.env.Log.Warn("lag tools will not see our position; reading goes on, from positions of our own",
				"consumer_group", s.config.Group, "cause", err)
		})
	}
	return nil
}

// Close stops everything and waits for it. It unblocks Next.
func (s *source) Close(context.Context) error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.k.Client.Close()
	s.ended.Wait()
	if n := s.unknown.Load(); n > 0 {
		s.env.Log.Info("keys without a column were dropped", "topic", s.config.Topic, "keys", n)
	}
	if n := s.ignored.Load(); n > 0 {
		s.env.Log.Info("records without a value were left out, as tombstones says", "topic", s.config.Topic,
			"records", n)
	}
	return nil
}

func names(partitions []*partition) []string {
	list := make([]string, len(partitions))
	for i, p := range partitions {
		list[i] = p.name
	}
	return list
}
