package redpanda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	linger        = time.Millisecond // throughput does not care, latency does
	bufferRecords = 20_000
	bufferBytes   = 64 << 20
	batchBytesMax = 1_000_012 // somewhat less than what brokers accept by default

	// transactionTimeout is how long readers of the topic wait behind an
	// engine that died in a transaction and does not come back; a large epoch
	// must fit in. Brokers that allow less get shortTransaction.
	transactionTimeout = 5 * time.Minute
	shortTransaction   = time.Minute
	longestTransaction = 24 * time.Hour
	fenceWithin        = 30 * time.Second // the transaction before may have to be ended first
)

// producer is a client with the output's transactional id. Once fenced, all
// clients with that id before it can do no more, what they left open has been
// ended, and newest is the newest marker that they left.
type producer struct {
	*cluster
	timeout  time.Duration
	limit    atomic.Int32 // bytes of a batch of the topic
	fenced   bool
	embedded bool
	marker   marker
	newest   markerRef
	slabs    slabs
	closing  sync.Once
}

func (p *producer) close() { p.closing.Do(p.Client.Close) }

// connectProducer makes a client that has not fenced anybody yet.
func connectProducer(ctx context.Context, c *SinkConfig, env sdk.Env,
	timeout time.Duration) (*producer, error) {
	p := &producer{timeout: timeout}
	p.limit.Store(batchBytesMax)
	k, err := c.connect(ctx, env,
		kgo.TransactionalID(ownerOf(env).transactional()),
		kgo.TransactionTimeout(timeout),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), // chosen when they were spooled
		kgo.ProducerBatchCompression(c.codecs()...),
		kgo.ProducerBatchMaxBytesFn(func(string) int32 { return p.limit.Load() }),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(bufferRecords), kgo.MaxBufferedBytes(bufferBytes),
	)
	if err != nil {
		return nil, err
	}
	p.cluster = k
	metadata, err := k.admin.BrokerMetadata(ctx)
	if err != nil {
		k.Client.Close()
		return nil, fmt.Errorf("asking %s who it is: %w", k.name, k.explain(err))
	}
	p.embedded, k.id = isEmbedded(metadata), metadata.Cluster
	return p, nil
}

// codecs is what to compress with, by preference. Between processes of one
// machine compression is the largest cost there is.
func (c *SinkConfig) codecs() []kgo.CompressionCodec {
	switch c.Compression {
	case "snappy":
		return []kgo.CompressionCodec{kgo.SnappyCompression()}
	case "lz4":
		return []kgo.CompressionCodec{kgo.Lz4Compression()}
	case "zstd":
		return []kgo.CompressionCodec{kgo.ZstdCompression()}
	case "gzip":
		return []kgo.CompressionCodec{kgo.GzipCompression()}
	case "":
		if !c.isOurs() {
			return []kgo.CompressionCodec{kgo.SnappyCompression(), kgo.NoCompression()}
		}
	}
	return []kgo.CompressionCodec{kgo.NoCompression()}
}

// fence takes over from all clients before and reads their newest marker. That
// was at an offset, or is behind it.
func (p *producer) fence(ctx context.Context, o owner, from int64) error {
	within, cancel := context.WithTimeout(ctx, fenceWithin)
	defer cancel()
	_, _, err := p.ProducerID(within)
	if errors.Is(err, kerr.InvalidTransactionTimeout) {
		return fmt.Errorf("taking over the transactions of %s: %s allows no transactions of %s: set "+
			"transaction_timeout "+
			"to what its transaction.max.timeout.ms allows: %w", o.transactional(), p.name, p.timeout, err)
	}
	if err != nil {
		return fmt.Errorf("taking over the transactions of %s at %s: %w", o.transactional(), p.name,
			withRights(p.explain(err), o))
	}
	logs, err := p.logs(ctx, epochsTopic)
	if err != nil {
		return withRights(err, o)
	}
	mine := func(r *kgo.Record) bool { return string(r.Key) == o.key() }
	found, err := p.committed(ctx, logs[0], from, mine)
	if err == nil && found == nil && from > logs[0].start {
		found, err = p.committed(ctx, logs[0], 0, mine)
	}
	if err == nil {
		p.marker, p.newest, err = parseMarker(found)
	}
	if err != nil {
		return withRights(err, o)
	}
	p.fenced = true
	return nil
}

// withRights adds to a refusal which rights are needed.
func withRights(err error, o owner) error {
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return fmt.Errorf("%w; the user needs the rights Write and Describe on the transactional id %s",
			err, o.transactional())
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Errorf("%w; the user needs the rights Read and Write on topic %s, which notes "+
			"what was published", err, epochsTopic)
	}
	return err
}
