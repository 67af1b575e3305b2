package benthos

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// sink is a Benthos output as a sink. A batch is written when Write
// returns: there is nothing to prepare, and nothing to take back.
type sink struct {
	sdk.PlainSink
	host *host
	*hosted
	failed context.Context         // ends when the output cannot connect
	fail   context.CancelCauseFunc // ends it
}

func (h *host) openOutput(ctx context.Context, _ []byte, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := h.open(ctx, env)
	if err != nil {
		return nil, err
	}
	b := &sink{host: h, hosted: s}
	b.failed, b.fail = context.WithCancelCause(context.Background())
	s.connection.watch(func(cause string) { b.fail(fmt.Errorf("connecting: %s", cause)) })
	if err = s.output.PrimeBuffered(mostUnanswered); err != nil {
		// The output has not begun to run, so it would never say that it has stopped.
		return nil, errors.Join(err, h.release(ctx))
	}
	return b, nil
}

// mostUnanswered is how many batches an output is given before the first of them
// is written. An output with max_in_flight, or one that gathers batches of its
// own, needs several; the rows of one of our batches are never more.
const mostUnanswered = sdk.DefaultBatchRows

// Write sends every row as a message: a JSON object, its keys in the order of
// the columns.
func (b *sink) Write(ctx context.Context, batch *sdk.Batch) error {
	if batch.NumRows() == 0 {
		return nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(b.failed, func() { stop(context.Cause(b.failed)) })()
	m := messagesOf(batch.Rows, b.traits.reads || b.traits.alone, true)
	size := b.config.Batch
	if size == 0 && !b.traits.alone {
		size = int(batch.NumRows())
	}
	if err := b.write(ctx, m, groupsOf(m, size)); err != nil {
		return cmpCause(ctx, err)
	}
	return nil
}

// cmpCause is why a context has ended, if it has.
func cmpCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		return cause
	}
	return err
}

// write gives the output all batches in order, and waits until each is written.
func (b *sink) write(ctx context.Context, m *messages, ends []int) error {
	answers := make(chan error, len(ends)) // so that no answer ever waits
	begin, asked := 0, 0
	var first error
	answered := func() {
		select {
		case err := <-answers:
			asked--
			first = errors.Join(first, err)
		case <-ctx.Done():
			first = errors.Join(first, ctx.Err())
		}
	}
	for _, end := range ends {
		made := make(service.MessageBatch, 0, end-begin)
		for row := begin; row < end; row++ {
			message, _ := m.of(row)
			made = append(made, message)
		}
		begin = end
		for asked >= mostUnanswered && first == nil {
			answered()
		}
		if first != nil {
			return first
		}
		err := b.output.WriteBatchNonBlocking(made, func(_ context.Context, err error) error {
			answers <- err
			return nil
		})
		if err != nil {
			return err
		}
		asked++
	}
	for asked > 0 && first == nil {
		answered()
	}
	return first
}

// ownColumns leaves out the engine's.
func ownColumns(rows arrow.RecordBatch) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for i, f := range rows.Schema().Fields() {
		if !sdk.IsEngines(f) {
			fields, columns = append(fields, f), append(columns, rows.Column(i))
		}
	}
	if len(fields) == int(rows.NumCols()) {
		return rows
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rows.NumRows())
}

// Close waits until the output has written what it was given. An output that
// never got a row may have failed to connect all the same.
func (b *sink) Close(ctx context.Context) error {
	failed := context.Cause(b.failed)
	closing, stop := context.WithCancel(ctx)
	defer stop()
	if failed != nil {
		stop() // it still tries to connect, and would not end
	}
	return errors.Join(failed, b.output.Close(closing), b.host.release(ctx))
}
