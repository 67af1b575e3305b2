package redpanda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// endedWithin is how long the ends of transactions are waited for, which a broker writes
// to their partitions after it has answered.
const endedWithin = 10 * time.Second

// noneOpen waits until no transaction of this output is open where it writes.
func (s *store) noneOpen(ctx context.Context, p *producer, c *committable) error {
	id, _, err := p.ProducerID(ctx)
	if err != nil {
		return err
	}
	topics := []string{s.config.Topic, epochsTopic}
	if c.Topic != s.config.Topic {
		topics = append(topics, c.Topic)
	}
	return p.ended(ctx, id, endedWithin, topics...)
}

// ended waits until no transaction of a producer is open in the topics. Fencing has ended
// all of this output; but a broker that was killed may have lost an end without having
// written it to a partition (seen with Apache Kafka 4.4), and whatever is written behind
// such records would show them to readers with its own commit. As long as the broker does
// not say, nothing is written.
func (p *producer) ended(ctx context.Context, id int64, within time.Duration, topics ...string) error {
	deadline := time.Now().Add(within)
	for {
		at, from, err := p.openTransaction(ctx, id, topics...)
		if from < 0 && err == nil {
			return nil
		}
		switch late := time.Now().After(deadline); {
		case err != nil && late:
			return fmt.Errorf("asking %s for open transactions: %w", p.name, p.explain(err))
		case late:
			return permanentf("%s at %s: a transaction of this output (producer id %d) is open from offset %d on, "+
				"though the broker says that it has ended: the next epoch would show what it holds; end it with "+
				"kafka-transactions.sh --bootstrap-server %s abort --topic %s --partition %d --start-offset %d, "+
				"and run again", at, p.name, id, from, p.name, at.topic, at.partition, from)
		}
		select {
		case <-time.After(minBackoff):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openTransaction finds a partition in which a producer has a transaction open, and the
// offset where it begins, -1 if there is none. Only partitions whose read-committed end is
// not their end are asked for producers; of brokers that never say who those are, and of
// topics that are gone, nothing is known.
func (p *producer) openTransaction(ctx context.Context, id int64, topics ...string) (
	at tp, from int64, err error,
) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	behind := make(kadm.TopicsSet)
	for _, topic := range topics {
		limits, err := p.ends(ctx, topic)
		if err != nil && passing(err) {
			return tp{}, -1, err
		}
		for at, e := range limits {
			if e.stable < e.high {
				behind.Add(at.topic, at.partition)
			}
		}
	}
	if len(behind) == 0 {
		return tp{}, -1, nil
	}
	producers, err := p.admin.DescribeProducers(ctx, behind)
	for _, partitions := range producers {
		for _, one := range partitions.Partitions {
			if err == nil {
				err = one.Err
			}
			for _, active := range one.ActiveProducers {
				if active.ProducerID == id && active.CurrentTxnStartOffset >= 0 {
					return tp{one.Topic, one.Partition}, active.CurrentTxnStartOffset, nil
				}
			}
		}
	}
	if err != nil && !passing(err) {
		err = nil
	}
	return tp{}, -1, err
}

// passing reports whether the same question may be answered later.
func passing(err error) bool {
	_, isNet := errors.AsType[net.Error](err)
	return isNet || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) ||
		kerr.IsRetriable(err) && !errors.Is(err, kerr.UnknownTopicOrPartition)
}
