package redpanda

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fingerprint is of the last record before a position. Where brokers give topics no
// id, it distinguishes a topic from one of the same name that was made later and has
// grown past the position. The zero value is none.
type fingerprint struct {
	After int64  `json:"after"` // offset behind the record
	Sum   uint32 `json:"sum"`
}

func fingerprintOf(r *kgo.Record) fingerprint {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(r.Timestamp.UnixMilli()))
	sum := crc32.ChecksumIEEE(at[:])
	sum = crc32.Update(sum, crc32.IEEETable, r.Key)
	return fingerprint{After: r.Offset + 1, Sum: crc32.Update(sum, crc32.IEEETable, r.Value)}
}

// verifyFingerprint fetches the record at the fingerprint's offset, and returns why it
// cannot be the same log if another is there. One that is gone proves nothing.
func (s *source) verifyFingerprint(ctx context.Context, at tp, want fingerprint, leader int32) (
	why string, err error,
) {
	if want == (fingerprint{}) {
		return "", nil
	}
	answer, err := s.peek(ctx, at, want.After-1, leader, topicID{}, 0)
	if answer == nil || err != nil {
		return "", err
	}
	fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: want.After - 1, Topic: at.topic, Partition: at.partition,
	}, answer, s.k.decompressor(), nil)
	if len(fp.Records) == 0 || fp.Records[0].Offset != want.After-1 || fingerprintOf(fp.Records[0]) == want {
		return "", fp.Err
	}
	return fmt.Sprintf("the record at offset %d is another than the one that was read there "+
		"(the topic was deleted and made again)", want.After-1), nil
}

// peek fetches once, by hand; nil if the answer says nothing of the partition.
func (s *source) peek(ctx context.Context, at tp, from int64, leader int32, id topicID, isolation int8) (
	*kmsg.FetchResponseTopicPartition, error,
) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.IsolationLevel = partitionBytes, isolation
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = at.topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = at.partition, from, partitionBytes
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := s.k.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, nil
	}
	return &resp.Topics[0].Partitions[0], nil
}

// verifyFingerprints verifies those of all partitions after a time in which the topics
// may have been made again unseen.
func (r *reader) verifyFingerprints(snap snapshot) error {
	if !r.suspect {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	for _, p := range r.partitions {
		e, known := snap.limits[p.at]
		if !known || p.id != (topicID{}) || p.fingerprint.After <= e.start {
			continue
		}
		leader := snap.topics[p.at.topic].Partitions[p.at.partition].Leader
		why, err := r.verifyFingerprint(ctx, p.at, p.fingerprint, leader)
		if err != nil {
			return nil // the next snapshot comes soon
		}
		if why == "" {
			continue
		}
		if err := r.seek(p, e.start, why); err != nil {
			return err
		}
	}
	r.suspect = false
	return nil
}
