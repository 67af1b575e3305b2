package redpanda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const watchEvery = 2 * time.Second

// survey is what the cluster says of the topics, as the reader gets it.
type survey struct {
	err     error
	missing bool // a topic is not there
	topics  kadm.TopicDetails
	limits  map[tp]ends
	skips   map[tp]skip
	drain   bool // read to limits.stable and end
}

// skip is a stretch of a log in which nothing is to be read.
type skip struct{ from, to int64 }

// watch asks for what fetches do not tell, every now and then.
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
		v := s.look(s.ctx)
		if v.err == nil && !v.missing {
			s.findSkips(&v, before)
		}
		s.post(v)
	}
}

func (s *source) look(ctx context.Context) survey {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	topics, err := s.k.admin.ListTopics(ctx, s.config.Topic...)
	if err == nil {
		err = unready(topics)
	}
	if errors.Is(err, errMissing) {
		return survey{missing: true}
	}
	if err != nil {
		return survey{err: s.k.explain(err)}
	}
	limits, err := s.k.ends(ctx, s.config.Topic...)
	return survey{err: err, topics: topics, limits: limits}
}

// post hands a survey to the reader and never blocks. One that the reader has
// not seen yet gives way to a newer one, unless it asks for a drain.
func (s *source) post(v survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.inbox); n > 0 && !s.inbox[n-1].drain {
		s.inbox = s.inbox[:n-1]
	}
	s.inbox = append(s.inbox, v)
	if s.stopPoll != nil {
		s.stopPoll()
	}
}

// Drain takes the end of everything decided by now. What an open transaction
// holds is not waited for.
func (s *source) Drain(ctx context.Context) error {
	v := s.look(ctx)
	if v.missing {
		v.err = errMissing
	}
	if v.err != nil {
		return fmt.Errorf("taking the end of %v: %w", s.config.Topic, v.err)
	}
	v.drain = true
	s.post(v)
	return nil
}

// findSkips looks into partitions that stand still before their end. The client
// says nothing of a fetch that holds no record, such as the remains of a
// compacted batch: it goes on, and the position here would stay for ever.
func (s *source) findSkips(v *survey, before map[tp]int64) {
	v.skips = make(map[tp]skip)
	still := make(map[tp]int64)
	s.mu.Lock()
	for _, p := range s.partitions {
		if was, seen := before[p.at]; seen && was == p.read && p.read < v.limits[p.at].stable && len(s.order) == 0 {
			still[p.at] = p.read
		}
		before[p.at] = p.read
	}
	s.mu.Unlock()
	for at, from := range still {
		to, err := s.probe(at, from, v.topics[at.topic])
		if err != nil {
			s.env.Log.Debug("looking into a silent partition", "partition", at.String(), "cause", err)
		}
		if to > from {
			v.skips[at] = skip{from, to}
		}
	}
}

// probe fetches once, by hand, and returns how far there is nothing to read.
func (s *source) probe(at tp, from int64, topic kadm.TopicDetail) (int64, error) {
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.IsolationLevel = partitionBytes, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = at.topic, topic.ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = at.partition, from, partitionBytes
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := s.k.Broker(int(topic.Partitions[at.partition].Leader)).Request(ctx, req)
	if err != nil {
		return from, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return from, nil
	}
	return silence(&resp.Topics[0].Partitions[0], at, from)
}

// silence is how far from an offset on an answer shows that there is no record,
// not even the marker of a transaction: those the client gives.
func silence(answer *kmsg.FetchResponseTopicPartition, at tp, from int64) (int64, error) {
	fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: from, IsolationLevel: kgo.ReadCommitted(),
		Topic: at.topic, Partition: at.partition,
	}, answer, kgo.DefaultDecompressor(), nil)
	if fp.Err != nil || len(fp.Records) > 0 {
		return from, fp.Err
	}
	return next, nil
}
