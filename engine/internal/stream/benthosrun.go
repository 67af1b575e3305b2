package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/jsonrows"
)

// benthosRun is a run of Benthos processors as one transform: a batch becomes
// messages, and what the last of them gives becomes rows.
type benthosRun struct {
	host *host
	*hosted
	rows    *rowsOf
	columns *arrow.Schema
}

func (h *host) openRun(ctx context.Context, _ []byte, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := h.open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &benthosRun{host: h, hosted: s, rows: newRowsOf(s.schema), columns: plan.Columns(s.schema, in)}, nil
}

// Close frees the processors.
func (r *benthosRun) Close(ctx context.Context) error {
	var all []error
	for _, p := range r.processors {
		all = append(all, p.Close(ctx))
	}
	return errors.Join(append(all, r.host.release(ctx))...)
}

// Apply runs the processors over a batch. Rows that do not come out are
// dropped; what comes out beyond the rows that went in is created.
func (r *benthosRun) Apply(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	if b.NumRows() == 0 {
		return nil
	}
	results, err := service.ExecuteProcessors(ctx, r.processors, r.messages(b))
	if err != nil {
		return fmt.Errorf("running the processors: %w", err)
	}
	t := &taking{benthosRun: r, batch: b, out: out, seen: make([]bool, b.NumRows())}
	for _, batch := range results {
		for _, m := range batch {
			if err := t.message(m); err != nil {
				return err
			}
		}
	}
	if err := t.emit(); err != nil {
		return err
	}
	out.Count(sdk.Counts{Dropped: b.NumRows() - t.distinct, Created: t.total - t.distinct})
	return nil
}

// messages makes a message of every row. Benthos's jq cannot read an int64 and
// most other values of ours, only what it parses itself.
func (r *benthosRun) messages(b *sdk.Batch) service.MessageBatch {
	if names := r.config.names(); names[0] == "jq" {
		return encoded(b)
	}
	return structured(b)
}

// taking is one batch on its way back to rows.
type taking struct {
	*benthosRun
	batch           *sdk.Batch
	out             sdk.Emitter
	from            []int  // by row that was made: the row it was, or -1
	seen            []bool // by row that went in: it came out, or was rejected
	distinct, total int64
	encoder         *jsonrows.Encoder // of the batch; made for the first reject
}

func (t *taking) message(m *service.Message) error {
	row := t.rowOf(m)
	t.total++
	if row >= 0 && !t.seen[row] {
		t.seen[row] = true
		t.distinct++
	}
	err := m.GetError()
	if err == nil {
		err = t.rows.add(m)
	}
	if err != nil {
		return t.reject(m, row, err)
	}
	t.from = append(t.from, row)
	if t.rows.Rows() < sdk.DefaultBatchRows && t.rows.Bytes() < sdk.MaxBatchBytes/2 {
		return nil
	}
	return t.emit()
}

// rowOf is the row that a message was, or -1 if nothing tells.
func (t *taking) rowOf(m *service.Message) int {
	v, ok := m.MetaGetMut(rowKey)
	if !ok {
		return -1
	}
	row := int64(-1)
	switch v := v.(type) {
	case int64:
		row = v
	case float64:
		if v == math.Trunc(v) {
			row = int64(v)
		}
	case json.Number, string: // it went through a processor that writes JSON or text
		if n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64); err == nil {
			row = n
		}
	}
	if row < 0 || row >= t.batch.NumRows() {
		return -1
	}
	return int(row)
}

// reject names the row that went in; of a message that came from none it keeps
// what the message holds.
func (t *taking) reject(m *service.Message, row int, cause error) error {
	r := sdk.Reject{Reason: strings.TrimSpace(cause.Error()), Partition: t.batch.Partition, Position: -1}
	if row < 0 {
		r.Raw, _ = m.AsBytes() // what cannot be written is told by its reason
		return t.out.Reject(r)
	}
	if t.encoder == nil {
		t.encoder = jsonrows.NewEncoder(ownColumns(t.batch.Rows))
	}
	r.Row = t.encoder.Append(nil, row)
	at := t.batch.Rows.Schema().FieldIndices(sdk.PositionColumn)
	if len(at) > 0 {
		if p, ok := t.batch.Rows.Column(at[0]).(*array.Int64); ok && p.IsValid(row) {
			r.Position = p.Value(row)
		}
	}
	return t.out.Reject(r)
}

// emit hands on the rows made so far, with the engine's columns of the rows
// that they come from.
func (t *taking) emit() error {
	if t.rows.Rows() == 0 {
		return nil
	}
	rows := t.rows.Take()
	made := append([]arrow.Array(nil), rows.Columns()...)
	for _, f := range t.columns.Fields()[len(made):] {
		column := t.batch.Rows.Column(t.batch.Rows.Schema().FieldIndices(f.Name)[0])
		taken, err := gather(column, t.from)
		if err != nil {
			return fmt.Errorf("taking the column %s along: %w", f.Name, err)
		}
		made = append(made, taken)
	}
	t.from = nil
	return t.out.Emit(&sdk.Batch{Rows: array.NewRecordBatch(t.columns, made, rows.NumRows()),
		Partition: t.batch.Partition, Time: t.batch.Time})
}
