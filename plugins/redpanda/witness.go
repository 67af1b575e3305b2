package redpanda

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// witness is the last record seen before a position. Where brokers give topics
// no id, it is what tells a topic from one of the same name that was made later
// and has grown past the position. The zero value is none.
type witness struct {
	After int64  `json:"after"` // offset behind the record
	Sum   uint32 `json:"sum"`
}

func witnessOf(r *kgo.Record) witness {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(r.Timestamp.UnixMilli()))
	sum := crc32.ChecksumIEEE(at[:])
	sum = crc32.Update(sum, crc32.IEEETable, r.Key)
	return witness{After: r.Offset + 1, Sum: crc32.Update(sum, crc32.IEEETable, r.Value)}
}

// testify asks for the record at the witness's place, and tells why it cannot
// be the same log if another is there. One that is gone tells nothing.
func (s *source) testify(ctx context.Context, at tp, w witness, leader int32) (why string, err error) {
	if w == (witness{}) {
		return "", nil
	}
	answer, err := s.peek(ctx, at, w.After-1, leader, topicID{}, 0)
	if answer == nil || err != nil {
		return "", err
	}
	fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, Offset: w.After - 1, Topic: at.topic, Partition: at.partition,
	}, answer, s.k.decompressor(), nil)
	if len(fp.Records) == 0 || fp.Records[0].Offset != w.After-1 || witnessOf(fp.Records[0]) == w {
		return "", fp.Err
	}
	return fmt.Sprintf("the record at offset %d is another than the one that was read there "+
		"(the topic was deleted and made again)", w.After-1), nil
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

// remember asks for the witnesses after a time in which the topics may have been
// made again unseen.
func (r *reader) remember(v survey) error {
	if !r.shaken {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	for _, p := range r.partitions {
		e, known := v.limits[p.at]
		if !known || p.id != (topicID{}) || p.witness.After <= e.start {
			continue
		}
		why, err := r.testify(ctx, p.at, p.witness, v.topics[p.at.topic].Partitions[p.at.partition].Leader)
		if err != nil {
			return nil // the next survey comes soon
		}
		if why == "" {
			continue
		}
		if err := r.seek(p, e.start, why); err != nil {
			return err
		}
	}
	r.shaken = false
	return nil
}
