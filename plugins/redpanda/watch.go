package redpanda

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const watchEvery = 2 * time.Second

// snapshot is what the cluster says of the topics at one time, as the reader gets it.
type snapshot struct {
	asked   time.Time // before any request of it was sent
	err     error
	missing bool // a topic is not there
	topics  kadm.TopicDetails
	limits  map[tp]ends
	skips   map[tp]skip
	faults  map[tp]error // of a partition that stands still
	drain   bool         // read to limits.stable and end
	bounds  map[tp]int64 // instead of limits.stable
}

// skip is a stretch of a log in which nothing is to be read.
type skip struct{ from, to int64 }

// watch asks every now and then for what fetches do not say.
func (s *source) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	before := make(map[tp]int64)
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		snap := s.snapshot(s.ctx)
		if snap.err == nil && !snap.missing {
			s.findSkips(&snap, before)
		}
		s.post(snap)
	}
}

func (s *source) snapshot(ctx context.Context) snapshot {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := time.Now()
	topics, err := s.k.admin.ListTopics(ctx, s.config.Topic...)
	if err == nil {
		err = unready(topics)
	}
	if errors.Is(err, errMissing) {
		return snapshot{missing: true}
	}
	if err != nil {
		return snapshot{err: s.k.explain(err)}
	}
	limits, err := s.k.ends(ctx, s.config.Topic...)
	return snapshot{asked: asked, err: err, topics: topics, limits: limits}
}

// post hands a snapshot to the reader and never blocks. One that the reader has
// not seen yet gives way to a newer one, unless it asks for a drain.
func (s *source) post(snap snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.inbox); n > 0 && !s.inbox[n-1].drain {
		s.inbox = s.inbox[:n-1]
	}
	s.inbox = append(s.inbox, snap)
	if s.stopPoll != nil {
		s.stopPoll()
	}
}

// findSkips probes partitions that stand still before their end. The client
// does not report a fetch that holds no record, such as the remains of a
// compacted batch: it goes on, and the position here would stay for ever. Nor
// does it report errors that it hopes will pass.
func (s *source) findSkips(snap *snapshot, before map[tp]int64) {
	snap.skips, snap.faults = make(map[tp]skip), make(map[tp]error)
	still := make(map[tp]int64)
	s.mu.Lock()
	for _, p := range s.partitions {
		was, seen := before[p.at]
		if seen && was == p.read && p.read < snap.limits[p.at].stable && len(s.order) == 0 {
			still[p.at] = p.read
		}
		before[p.at] = p.read
	}
	s.mu.Unlock()
	for at, from := range still {
		to, err := s.probe(at, from, snap.topics[at.topic])
		if _, answered := errors.AsType[*kerr.Error](err); answered {
			snap.faults[at] = err
		}
		if to > from {
			snap.skips[at] = skip{from, to}
		}
	}
}

// probe fetches once, by hand, and returns how far there is nothing to read.
func (s *source) probe(at tp, from int64, topic kadm.TopicDetail) (int64, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	leader := topic.Partitions[at.partition].Leader
	answer, err := s.peek(ctx, at, from, leader, topicID(topic.ID), 1)
	if answer == nil || err != nil {
		return from, err
	}
	return silence(answer, at, from, s.k.decompressor())
}

// silence is how far from an offset on an answer shows that there is no record,
// not even the marker of a transaction: those the client gives.
func silence(answer *kmsg.FetchResponseTopicPartition, at tp, from int64, decompressor kgo.Decompressor) (
	int64, error,
) {
	fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: from, IsolationLevel: kgo.ReadCommitted(),
		Topic: at.topic, Partition: at.partition,
	}, answer, decompressor, nil)
	if fp.Err != nil || len(fp.Records) > 0 {
		return from, fp.Err
	}
	return next, nil
}
