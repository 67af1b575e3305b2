package benthos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/plan"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// transform is a run of Benthos processors as one transform: rows become
// messages, and what the last of them gives becomes rows.
type transform struct {
	host *host
	*hosted
	rows    *rowsOf
	columns *arrow.Schema
	encoded bool       // messages are made as JSON
	traced  bool       // metadata says which row each message of a batch was
	batches int64      // that came out with several messages
	waiting *sdk.Batch // rows that are not yet a batch of the size that the step asks for
}

var _ sdk.Transform = (*transform)(nil)

func (h *host) openRun(ctx context.Context, _ []byte, in *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
	s, err := h.open(ctx, env)
	if err != nil {
		return nil, err
	}
	r := &transform{host: h, hosted: s, rows: newRowsOf(s.schema, env.Survey),
		columns: plan.Columns(s.schema, in),
		encoded: slices.Contains(wantBytes, s.config.names()[0]), traced: !s.config.listsMeta()}
	if s.config.Messages {
		r.columns = plan.WithMessages(r.columns)
	}
	return r, nil
}

// wantBytes are processors that work on the text of a message. It is written
// once, with its keys in the order of the columns. Benthos's jq cannot read an
// int64 and most other values of ours, only what it parses itself.
var wantBytes = []string{"archive", "command", "compress", "http", "jq", "subprocess"}

// Close frees the processors.
func (r *transform) Close(ctx context.Context) error {
	var all []error
	for _, p := range r.processors {
		all = append(all, p.Close(ctx))
	}
	return errors.Join(append(all, r.host.release(ctx))...)
}

// Apply runs the processors over a batch. Rows that do not come out are
// dropped; what comes out beyond the rows that went in is created.
func (r *transform) Apply(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	switch {
	case b.NumRows() == 0:
		return nil
	case r.config.Batch > 1:
		return r.collect(ctx, b, out)
	}
	return r.process(ctx, b, out)
}

func (r *transform) process(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	m := messagesOf(b.Rows, r.traits.reads || r.traits.alone || r.config.Messages, r.encoded)
	t := &conversion{transform: r, batch: b, out: out}
	begin := 0
	for _, end := range r.groups(m) {
		if err := t.group(ctx, m, begin, end); err != nil {
			return err
		}
		begin = end
	}
	if err := t.emit(); err != nil {
		return err
	}
	out.Count(sdk.Counts{Dropped: t.dropped, Created: t.created})
	return nil
}

// conversion is one batch on its way back to rows.
type conversion struct {
	*transform
	batch            *sdk.Batch
	out              sdk.Emitter
	from             []int    // by row that was made: the row it was, or -1
	left             []string // by row that was made: its value of the MessageColumn
	dropped, created int64
	encoder          *jsonrows.Encoder // of the batch; made for the first reject

	begin  int     // of the group that is processed
	seen   []bool  // by row of the group: it came out, or was rejected
	before []int64 // by row of the group: the number of its batch
	got    int64   // messages that came of the group
}

// group sends rows through the processors as one batch.
func (t *conversion) group(ctx context.Context, m *messages, begin, end int) error {
	batch := make(service.MessageBatch, 0, end-begin)
	t.before = t.before[:0]
	for row := begin; row < end; row++ {
		made, number := m.of(row)
		t.before = append(t.before, number)
		if end-begin > 1 && t.traced {
			made.MetaSetMut(rowKey, int64(row))
		}
		batch = append(batch, made)
	}
	t.begin, t.seen, t.got = begin, append(t.seen[:0], make([]bool, end-begin)...), 0
	t.lines.begin()
	results, err := service.ExecuteProcessors(ctx, t.processors, batch)
	unsaid := t.lines.end(ctx)
	if err != nil {
		return fmt.Errorf("running the processors: %w", err)
	}
	for _, made := range results {
		if err := t.results(made); err != nil {
			return err
		}
	}
	if err := t.vanished(ctx, unsaid); err != nil {
		return err
	}
	t.count()
	return t.emitFull()
}

// results are a batch of messages behind the last processor.
func (t *conversion) results(made service.MessageBatch) error {
	var number int64
	if len(made) > 1 && t.traits.alone {
		t.batches++
		number = t.batches
	}
	for _, m := range made {
		row := t.rowOf(m)
		if !t.traits.alone && row >= 0 && t.config.Messages {
			number = t.before[row-t.begin]
		}
		if err := t.message(m, row, number); err != nil {
			return err
		}
	}
	return nil
}

// vanished rejects rows that a processor has dropped because of an error, as
// dedupe does with a cache that fails: Benthos only logs it. If it is not clear
// which rows those are, the log is all that says it.
func (t *conversion) vanished(ctx context.Context, unsaid []line) error {
	var gone []int
	for i, seen := range t.seen {
		if !seen && (t.traced || len(t.seen) == 1) {
			gone = append(gone, i)
		}
	}
	if len(gone) != len(unsaid) && len(gone) != 1 || len(unsaid) == 0 {
		for _, l := range unsaid {
			_ = l.log.emit(ctx, l.record) // there is nothing to do about a log that fails
		}
		return nil
	}
	for i, row := range gone {
		t.seen[row] = true
		t.got++
		if err := t.reject(nil, t.begin+row, errors.New(unsaid[i].record.Message)); err != nil {
			return err
		}
	}
	return nil
}

// count adds what has become of a group. Of messages whose rows are not known
// as many as can be are rows that went in.
func (t *conversion) count() {
	in, kept := int64(len(t.seen)), int64(0)
	for _, seen := range t.seen {
		if seen {
			kept++
		}
	}
	if !t.traced && in > 1 {
		kept = min(in, t.got)
	}
	t.dropped += in - kept
	t.created += t.got - kept
}

func (t *conversion) message(m *service.Message, row int, batch int64) error {
	t.got++
	if row >= 0 {
		t.seen[row-t.begin] = true
	}
	err := m.GetError()
	var left string
	if err == nil && t.config.Messages {
		left, err = leftoverOf(m, batch)
	}
	if err == nil {
		err = t.rows.add(m)
	}
	if err != nil {
		return t.reject(m, row, err)
	}
	t.from = append(t.from, row)
	if t.config.Messages {
		t.left = append(t.left, left)
	}
	return nil
}

// rowOf is the row that a message was, or -1 if that is not known.
func (t *conversion) rowOf(m *service.Message) int {
	if len(t.seen) == 1 {
		return t.begin
	}
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
	if row < int64(t.begin) || row >= int64(t.begin+len(t.seen)) {
		return -1
	}
	return int(row)
}

// reject names the row that went in; of a message that came from none it keeps
// what the message holds.
func (t *conversion) reject(m *service.Message, row int, cause error) error {
	r := sdk.Reject{Reason: strings.TrimSpace(cause.Error()), Partition: t.batch.Partition, Position: -1}
	if row < 0 {
		r.Raw, _ = m.AsBytes() // its reason says it if it cannot be written
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

// emitFull hands on the rows made so far if they are many. It is called behind a
// batch, so that all its rows are handed on together.
func (t *conversion) emitFull() error {
	if t.rows.Rows() < sdk.DefaultBatchRows && t.rows.Bytes() < sdk.MaxBatchBytes/2 {
		return nil
	}
	return t.emit()
}

// emit hands on the rows made so far, with the engine's columns of the rows
// that they come from.
func (t *conversion) emit() error {
	if t.rows.Rows() == 0 {
		return nil
	}
	rows := t.rows.NewRecordBatch()
	made := append([]arrow.Array(nil), rows.Columns()...)
	for _, f := range t.columns.Fields()[len(made):] {
		if f.Name == sdk.MessageColumn {
			made = append(made, t.messageColumn())
			continue
		}
		column := t.batch.Rows.Column(t.batch.Rows.Schema().FieldIndices(f.Name)[0])
		gathered, err := gather(column, t.from)
		if err != nil {
			return fmt.Errorf("taking the column %s along: %w", f.Name, err)
		}
		made = append(made, gathered)
	}
	t.from, t.left = nil, nil
	return t.out.Emit(&sdk.Batch{Rows: array.NewRecordBatch(t.columns, made, rows.NumRows()),
		Partition: t.batch.Partition, Time: t.batch.Time})
}

func (t *conversion) messageColumn() arrow.Array {
	if !t.config.Messages { // of a step before; what it says has been changed here
		return array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.String, len(t.from))
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendStringValues(t.left, nil)
	return b.NewArray()
}
