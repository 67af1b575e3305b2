package benthos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
)

// quietAfter is how long an input gives nothing until its partition counts as
// read to its end. Benthos does not report that an input has reached its end for now.
const quietAfter = time.Second

// readMessages is how many message batches an input may be ahead of Next. Many
// inputs give one message at a time: what waits here becomes one batch.
const readMessages = 64

// source is a Benthos input as a source. Its one partition has no
// positions to resume from: a batch's cursor is its number, by which Committed
// finds what to acknowledge.
type source struct {
	sdk.PlainSource
	host *host
	*hosted
	rows      *rowsOf
	partition string
	read      chan received // filled by pump
	failed    chan error    // the first attempt to connect was in vain
	stop      context.CancelFunc
	pumping   sync.WaitGroup
	announced bool
	number    int64 // of the next message
	batches   uint64
	several   int64    // batches of the input that had several messages
	left      []string // of the rows in rows: their values of the MessageColumn

	mu    sync.Mutex // guards what follows
	unack []pending  // in order
}

// received is what ReadBatch returned.
type received struct {
	messages service.MessageBatch
	ack      service.AckFunc
}

// pending is a message batch that went into the engine's batch of a number.
type pending struct {
	batch uint64
	ack   service.AckFunc
}

func (h *host) openInput(ctx context.Context, _ []byte, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := h.open(ctx, env)
	if err != nil {
		return nil, err
	}
	b := &source{host: h, hosted: s, rows: newRowsOf(s.schema, env.Survey), partition: env.Step,
		read: make(chan received, readMessages), failed: make(chan error, 1)}
	if last := env.Resume[b.partition]; len(last) == 16 {
		b.batches, b.number = binary.BigEndian.Uint64(last), int64(binary.BigEndian.Uint64(last[8:]))
	}
	if s.traits.local {
		if err := connected(s.input.ConnectionTest(ctx)); err != nil {
			// The input has not begun to run, so it would never say that it has stopped.
			return nil, errors.Join(err, h.release(ctx))
		}
	}
	s.connection.watch(func(cause string) { b.failed <- fmt.Errorf("connecting: %s", cause) })
	pumping, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.pumping.Go(func() { b.pump(pumping) })
	return b, nil
}

// connected is the first reason why a component cannot connect.
func connected(results service.ConnectionTestResults) error {
	for _, r := range results {
		if r.Err != nil && !errors.Is(r.Err, service.ErrConnectionTestNotSupported) {
			return fmt.Errorf("connecting: %w", r.Err)
		}
	}
	return nil
}

// pump reads ahead of Next.
func (b *source) pump(ctx context.Context) {
	defer close(b.read)
	for {
		messages, ack, err := b.input.ReadBatch(ctx)
		if err != nil {
			return // the end of the input, or the end of reading
		}
		select {
		case b.read <- received{messages, ack}:
		case <-ctx.Done():
			_ = ack(context.WithoutCancel(ctx), errStopped) // nothing to do about a refused refusal
			return
		}
	}
}

// errStopped is what an input gets for a message that was not written.
var errStopped = errors.New("the pipeline has stopped before the message was written")

// Next waits for a message and collects all that follow it at once.
func (b *source) Next(ctx context.Context) (sdk.Item, error) {
	if !b.announced {
		b.announced = true
		return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Partitions, Partitions: []string{b.partition}}}, nil
	}
	asked := time.Now() // the process may be stopped before the wait is over
	first, ok, err := b.wait(ctx)
	if err != nil {
		return sdk.Item{}, err
	}
	if !ok {
		return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: b.partition, Time: asked}}, nil
	}
	return sdk.Item{Batch: b.collect(first)}, nil
}

// wait returns false when the input has been silent for some time.
func (b *source) wait(ctx context.Context) (first received, ok bool, err error) {
	var quiet <-chan time.Time
	if b.number > 0 {
		timer := time.NewTimer(quietAfter)
		defer timer.Stop()
		quiet = timer.C
	}
	select {
	case first, open := <-b.read:
		if !open {
			return received{}, false, io.EOF
		}
		return first, true, nil
	case <-quiet:
		return received{}, false, nil
	case err := <-b.failed:
		return received{}, false, err
	case <-ctx.Done():
		return received{}, false, ctx.Err()
	}
}

// collect makes a batch of what has been read, up to what a batch may hold.
func (b *source) collect(next received) *sdk.Batch {
	b.batches++
	batch := &sdk.Batch{Partition: b.partition}
	for more := true; more; {
		b.add(next, batch)
		b.mu.Lock()
		b.unack = append(b.unack, pending{b.batches, next.ack})
		b.mu.Unlock()
		if b.rows.Rows() >= sdk.DefaultBatchRows || b.rows.Bytes() >= sdk.MaxBatchBytes/2 {
			break
		}
		select {
		case next, more = <-b.read:
		default:
			more = false
		}
	}
	batch.Rows = b.carried(b.rows.NewRecordBatch())
	batch.Cursor = binary.BigEndian.AppendUint64(nil, b.batches)
	batch.Cursor = binary.BigEndian.AppendUint64(batch.Cursor, uint64(b.number))
	return batch
}

// carried adds the MessageColumn, if it is planned, to rows that were collected.
func (b *source) carried(rows arrow.RecordBatch) arrow.RecordBatch {
	if !b.config.Messages {
		return rows
	}
	column := array.NewStringBuilder(memory.DefaultAllocator)
	column.AppendStringValues(b.left, nil)
	b.left = nil
	return array.NewRecordBatch(plan.WithMessages(rows.Schema()), append(slices.Clone(rows.Columns()),
		column.NewArray()), rows.NumRows())
}

func (b *source) add(r received, batch *sdk.Batch) {
	var several int64
	if len(r.messages) > 1 {
		b.several++
		several = b.several
	}
	for _, m := range r.messages {
		var left string
		err := m.GetError()
		if err == nil && b.config.Messages {
			left, err = leftoverOf(m, several)
		}
		if err == nil {
			err = b.rows.add(m)
		}
		if err == nil {
			if b.config.Messages {
				b.left = append(b.left, left)
			}
			batch.Positions = append(batch.Positions, b.number)
		} else {
			raw, _ := m.AsBytes() // its reason says it if it cannot be written
			batch.Rejected = append(batch.Rejected, sdk.Reject{Reason: err.Error(), Partition: b.partition,
				Position: b.number, Raw: raw})
		}
		b.number++
	}
}

// patience is short: a server answers a request when it is acknowledged, and
// would let each wait for a whole epoch.
const patience = 50 * time.Millisecond

// Committed acknowledges what the record covers.
func (b *source) Committed(ctx context.Context, _ uint64, at map[string][]byte) error {
	cursor := at[b.partition]
	if len(cursor) != 16 {
		return nil
	}
	upTo := binary.BigEndian.Uint64(cursor)
	var covered []pending
	b.mu.Lock()
	for len(b.unack) > 0 && b.unack[0].batch <= upTo {
		covered, b.unack = append(covered, b.unack[0]), b.unack[1:]
	}
	b.mu.Unlock()
	var all []error
	for _, p := range covered {
		all = append(all, p.ack(ctx, nil))
	}
	return errors.Join(all...)
}

// Close refuses what no record covers, so that the input gives it again to the
// next run if it can, and frees the input.
func (b *source) Close(ctx context.Context) error {
	b.stop()
	b.pumping.Wait()
	var left []pending
	for r := range b.read {
		left = append(left, pending{ack: r.ack})
	}
	b.mu.Lock()
	left, b.unack = append(b.unack, left...), nil
	b.mu.Unlock()
	for _, p := range left {
		_ = p.ack(ctx, errStopped) // nothing to do about a refused refusal
	}
	return errors.Join(b.input.Close(ctx), b.host.release(ctx))
}
