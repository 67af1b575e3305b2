// Command client fills a topic from a file of JSON lines, and reads a topic as
// fast as a consumer does that does nothing with the records: what is left of
// the time when an engine reads the same topic is its own.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	brokers := flag.String("brokers", "", "host:port")
	topic := flag.String("topic", "", "topic")
	fillFrom := flag.String("fill", "", "file of JSON lines to fill the topic from; without, the topic is read")
	partitions := flag.Int("partitions", 4, "partitions of a topic that is filled")
	forget := flag.Bool("delete", false, "delete the topic")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	switch {
	case *forget:
		err = remove(ctx, *brokers, *topic)
	case *fillFrom != "":
		err = fill(ctx, *brokers, *topic, *fillFrom, int32(*partitions))
	default:
		err = consume(ctx, *brokers, *topic)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func remove(ctx context.Context, brokers, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).DeleteTopic(ctx, topic)
	return err
}

// run is how many lines go to a partition before the next one has its turn: a
// partition gets its lines in their order, and all advance together.
const run = 500

func fill(ctx context.Context, brokers, topic, path string, partitions int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(50_000), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		return fmt.Errorf("making the topic: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var mu sync.Mutex
	var failed error
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan(); n++ {
		record := &kgo.Record{Topic: topic, Partition: int32(n/run) % partitions,
			Value: append([]byte(nil), lines.Bytes()...)}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	if err := errors.Join(lines.Err(), client.Flush(ctx)); err != nil {
		return err
	}
	return failed
}

func consume(ctx context.Context, brokers, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return err
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	client.Close()
	if err != nil {
		return fmt.Errorf("listing the ends: %w", err)
	}
	from, left := map[int32]kgo.Offset{}, int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		from[o.Partition] = kgo.NewOffset().AtStart()
		left += o.Offset
	})
	client, err = kgo.NewClient(kgo.SeedBrokers(brokers),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.FetchMaxBytes(32<<20), kgo.FetchMaxPartitionBytes(8<<20))
	if err != nil {
		return err
	}
	defer client.Close()
	records, bytes := int64(0), int64(0)
	for records < left {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			records++
			bytes += int64(len(r.Value))
		})
	}
	fmt.Printf("%d records, %d bytes\n", records, bytes)
	return nil
}
