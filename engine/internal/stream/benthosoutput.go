package stream

import (
	"context"
	"errors"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// benthosSink is a Benthos output as a sink. A batch is written when Write
// returns: there is nothing to prepare, and nothing to take back.
type benthosSink struct {
	host *host
	*hosted
}

func (h *host) openOutput(ctx context.Context, _ []byte, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := h.open(ctx, env)
	if err != nil {
		return nil, err
	}
	b := &benthosSink{host: h, hosted: s}
	err = connected(s.output.ConnectionTest(ctx))
	if err == nil {
		err = s.output.Prime()
	}
	if err != nil {
		// The output has not begun to run, so it would never say that it has stopped.
		return nil, errors.Join(err, h.release(ctx))
	}
	return b, nil
}

// Write sends every row as a message: a JSON object, its keys in the order of
// the columns.
func (b *benthosSink) Write(ctx context.Context, batch *sdk.Batch) error {
	if batch.NumRows() == 0 {
		return nil
	}
	return b.output.WriteBatch(ctx, encoded(batch))
}

// ownColumns leaves out the engine's.
func ownColumns(rows arrow.RecordBatch) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for i, f := range rows.Schema().Fields() {
		if !strings.HasPrefix(f.Name, "_") {
			fields, columns = append(fields, f), append(columns, rows.Column(i))
		}
	}
	if len(fields) == int(rows.NumCols()) {
		return rows
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rows.NumRows())
}

// Close waits until the output has written what it was given.
func (b *benthosSink) Close(ctx context.Context) error {
	return errors.Join(b.output.Close(ctx), b.host.release(ctx))
}
