package redpanda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	linger         = time.Millisecond // throughput does not care, latency does
	bufferRecords  = 50_000
	bufferBytes    = 64 << 20
	deliverWithin  = 2 * time.Minute
	slabRecords    = 512
	slabBytesGuess = 128 << 10
)

// sink writes one topic. Records are on their way as soon as Write has copied
// them; Prepare waits until all replicas have them.
type sink struct {
	topic  string
	shape  shape
	k      *cluster
	ctx    context.Context // of the records: a call's own may end before they arrive
	cancel context.CancelFunc
	slabs  sync.Pool

	mu     sync.Mutex
	failed error // the first record that did not arrive
}

var (
	_ sdk.Sink    = (*sink)(nil)
	_ sdk.TwoStep = (*sink)(nil)
)

func openSink(ctx context.Context, c *SinkConfig, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	shape, problems := c.shapeOf(in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	k, err := c.connect(ctx, env,
		kgo.RequiredAcks(kgo.AllISRAcks()), // with the client's default of idempotent writes
		kgo.ProducerBatchCompression(c.codecs()...),
		kgo.ProducerLinger(linger),
		kgo.MaxBufferedRecords(bufferRecords), kgo.MaxBufferedBytes(bufferBytes),
		kgo.RecordDeliveryTimeout(deliverWithin),
		// The client's partitioner: Kafka's murmur2 of the key, and for
		// records without one a partition at a time.
	)
	if err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := k.describe(ready, false, c.Topic); err != nil {
		k.Client.Close()
		return nil, err
	}
	s := &sink{topic: c.Topic, shape: shape, k: k}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
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
		if len(c.Brokers) > 0 {
			return []kgo.CompressionCodec{kgo.SnappyCompression(), kgo.NoCompression()}
		}
	}
	return []kgo.CompressionCodec{kgo.NoCompression()}
}

// Write copies the rows into records and sends them off. It blocks while too
// many are on their way, and fails as soon as one before it has.
func (s *sink) Write(ctx context.Context, b *sdk.Batch) error {
	stop := context.AfterFunc(ctx, s.cancel) // else a full buffer blocks a run that is over
	defer stop()
	now := time.Now()
	encoder := s.shape.encoder(b.Rows)
	for from, rows := 0, int(b.NumRows()); from < rows; from += slabRecords {
		if err := s.failure(); err != nil {
			return err
		}
		slab := s.slab()
		slab.fill(encoder, from, min(from+slabRecords, rows))
		slab.left = len(slab.records)
		arrived := slab.arrived // a method value is an allocation
		for i := range slab.records {
			r := &slab.records[i]
			r.Topic, r.Timestamp = s.topic, now
			s.k.Produce(s.ctx, r, arrived)
		}
	}
	return ctx.Err()
}

// failure is the first error of any record, for good: the epoch cannot become
// whole any more.
func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *sink) fail(r *kgo.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("writing to topic %q at %s: %w", s.topic, s.k.name, s.reason(r, err))
	}
}

func (s *sink) reason(r *kgo.Record, err error) error {
	switch {
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("a record of %d bytes is larger than the topic takes (its max.message.bytes): %w",
			len(r.Key)+len(r.Value), err)
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries):
		if last := s.k.dials.last(); last != nil {
			return fmt.Errorf("%w: no acknowledgement within %s, last: %w", sdk.ErrDisconnected, deliverWithin, last)
		}
		return fmt.Errorf("%w: no acknowledgement within %s: %w", sdk.ErrDisconnected, deliverWithin, err)
	}
	return s.k.explain(err)
}

// Signal has nothing to note.
func (s *sink) Signal(context.Context, sdk.Signal, sdk.Emitter) error { return nil }

// Prepare waits until every record has arrived. There is nothing to publish:
// records are visible as they arrive.
func (s *sink) Prepare(ctx context.Context, _ uint64) ([]byte, error) {
	if err := s.k.Flush(ctx); err != nil {
		return nil, fmt.Errorf("writing to topic %q at %s: %w", s.topic, s.k.name, err)
	}
	return nil, s.failure()
}

// Publish has nothing to do.
func (s *sink) Publish(context.Context, uint64, []byte) error { return nil }

// Recover has nothing to forget.
func (s *sink) Recover(context.Context, []byte) error { return nil }

// Close drops what no Prepare has waited for. It unblocks Write.
func (s *sink) Close(context.Context) error {
	s.cancel()
	s.k.Client.Close()
	return nil
}

// slab is the memory of some records: one allocation instead of three a record.
type slab struct {
	sink    *sink
	bytes   []byte
	cuts    []cut
	records []kgo.Record
	headers []kgo.RecordHeader

	mu     sync.Mutex
	left   int // records on their way
	broken bool
}

func (s *sink) slab() *slab {
	if used, ok := s.slabs.Get().(*slab); ok {
		used.bytes, used.cuts = used.bytes[:0], used.cuts[:0]
		used.records, used.headers = used.records[:0], used.headers[:0]
		return used
	}
	return &slab{sink: s, bytes: make([]byte, 0, slabBytesGuess), records: make([]kgo.Record, 0, slabRecords)}
}

// arrived is the client's promise. After the last of a slab the client holds
// none of its memory; after an error it might, so such a slab is not used again.
func (s *slab) arrived(r *kgo.Record, err error) {
	if err != nil {
		s.sink.fail(r, err)
	}
	s.mu.Lock()
	s.left--
	free := s.left == 0
	s.broken = s.broken || err != nil
	free = free && !s.broken
	s.mu.Unlock()
	if free {
		s.sink.slabs.Put(s)
	}
}
