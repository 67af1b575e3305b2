package redpanda

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitMarker is the type in a control record's key.
const commitMarker = 1

// log is a partition as it stands.
type log struct {
	ends
	at     tp
	id     [16]byte
	leader int32
}

// logs are all partitions of a topic.
func (k *cluster) logs(ctx context.Context, topic string) (map[int32]log, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	details, err := k.describe(ctx, false, topic)
	if err != nil {
		return nil, err
	}
	limits, err := k.ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	logs := make(map[int32]log)
	for _, p := range details[topic].Partitions {
		at := tp{topic, p.Partition}
		logs[p.Partition] = log{ends: limits[at], at: at, id: [16]byte(details[topic].ID), leader: p.Leader}
	}
	return logs, nil
}

// committed returns the last record from an offset on that matches and whose
// transaction was committed; nil if there is none.
//
// It reads past the transactions of others that are still open, where
// read_committed would stop: a marker of ours may lie behind one that stays open
// for minutes. It needs all of our own to have ended, which fencing sees to:
// what has no marker then never gets one.
func (k *cluster) committed(ctx context.Context, l log, from int64,
	match func(*kgo.Record) bool) (*kgo.Record, error) {
	var last *kgo.Record
	open := make(map[int64]*kgo.Record) // the last match of a producer whose marker is yet to come
	err := k.scan(ctx, l, from, func(r *kgo.Record) {
		before := open[r.ProducerID]
		switch {
		case r.Attrs.IsControl():
			if before != nil && isCommit(r) {
				last = before
			}
			delete(open, r.ProducerID)
			return
		case before != nil && before.ProducerEpoch != r.ProducerEpoch:
			delete(open, r.ProducerID) // fenced without a marker
		}
		if !match(r) {
			return
		}
		if r.Attrs.IsTransactional() {
			open[r.ProducerID] = r
		} else {
			last = r
		}
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", l.at, k.explain(err))
	}
	return last, nil
}

func isCommit(r *kgo.Record) bool {
	return len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == commitMarker
}

// scan shows all records from an offset to the end that the log has, those of
// aborted transactions and the markers too.
func (k *cluster) scan(ctx context.Context, l log, from int64, see func(*kgo.Record)) error {
	from = max(from, l.start)
	for from < l.high {
		answer, err := k.fetch(ctx, l, from)
		if err != nil {
			return err
		}
		fp, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			KeepControlRecords: true, Offset: from, IsolationLevel: kgo.ReadUncommitted(),
			Topic: l.at.topic, Partition: l.at.partition,
		}, answer, k.decompressor(), nil)
		if fp.Err != nil {
			return fp.Err
		}
		for _, r := range fp.Records {
			see(r)
		}
		if next <= from {
			return fmt.Errorf("nothing at offset %d, before the end at %d: %w", from, l.high, kerr.UnknownServerError)
		}
		from = next
	}
	return nil
}

// fetch asks for what is at an offset.
func (k *cluster) fetch(ctx context.Context, l log, from int64) (*kmsg.FetchResponseTopicPartition, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.MaxWaitMillis, req.MinBytes = fetchBytes, int32(fetchWait.Milliseconds()), 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = l.at.topic, l.id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = l.at.partition, from, partitionBytes
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := k.Broker(int(l.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return nil, fmt.Errorf("want the answer to a fetch, got a %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("want one partition, got %d topics: %w", len(resp.Topics), kerr.UnknownServerError)
	}
	return &resp.Topics[0].Partitions[0], nil
}

// isEmbedded reports whether a broker is an embedded one, ours or another engine's that
// was named by its address: it says so by the name of its cluster.
func isEmbedded(metadata kadm.Metadata) bool { return metadata.Cluster == "kfake" }
