package sdktest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

func modelSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
}

// modelRows has a null in each third name and each fifth number.
func modelRows(from, to int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, modelSchema())
	for i := from; i < to; i++ {
		if i%3 == 2 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("row \"%d\"", i))
		}
		if i%5 == 4 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int64Builder).Append(int64(i))
		}
	}
	return b.NewRecordBatch()
}

// modelSource reads two partitions of twelve rows each, turn by turn.
type modelSource struct {
	fault         string
	withPositions bool
	c             *modelConfig
	at            map[string]int
	turn          int
	given         []*sdk.Batch
	said          bool
	announced     int
	limit         int // records still to be given; -1: all
	closed        chan struct{}
}

var modelPartitions = []string{"a", "b"}

func (m *modelSource) Next(ctx context.Context) (sdk.Item, error) {
	if !m.said {
		m.said = true
		if m.fault != "no partitions" {
			return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Partitions, Partitions: modelPartitions,
				Cursors: m.cursors()}}, nil
		}
	}
	if m.c.Wait && m.turn > 0 {
		if m.fault == "deaf to Close" {
			<-ctx.Done()
			return sdk.Item{}, ctx.Err()
		}
		if m.fault == "deaf to its context" {
			ctx = context.Background()
		}
		select {
		case <-m.closed:
			if m.fault == "io.EOF when closed" {
				return sdk.Item{}, io.EOF
			}
			return sdk.Item{}, errors.New("closed")
		case <-ctx.Done():
			return sdk.Item{}, ctx.Err()
		}
	}
	for range modelPartitions {
		name := modelPartitions[m.turn%2]
		m.turn++
		if from := m.at[name]; from < 12 && m.limit != 0 {
			to := m.most(from)
			m.at[name] = to
			return sdk.Item{Batch: m.batch(name, from, to)}, nil
		}
	}
	if m.fault == "no second end" && m.turn > 20 {
		return sdk.Item{}, errors.New("already at the end")
	}
	m.turn = 100
	if m.fault == "limit forgotten at the end" {
		m.limit = -1
	}
	return sdk.Item{}, io.EOF
}

// most is how far the next batch goes.
func (m *modelSource) most(from int) int {
	to := min(from+m.c.Size, 12)
	if m.limit < 0 {
		return to
	}
	if m.fault == "limit in whole batches" {
		m.limit = max(0, m.limit-(to-from))
		return to
	}
	to = min(to, from+m.limit)
	m.limit -= to - from
	return to
}

// limitTo is the bound of a run.
func (m *modelSource) limitTo(records int64) {
	m.limit = int(records)
	if m.fault == "limit one short" {
		m.limit = max(0, m.limit-1)
	}
}

func (m *modelSource) batch(name string, from, to int) *sdk.Batch {
	b := &sdk.Batch{Rows: modelRows(from, to), Partition: name, Cursor: m.cursor(to)}
	for row := from; m.withPositions && row < to; row++ {
		b.Positions = append(b.Positions, int64(row))
	}
	switch m.fault {
	case "no positions":
		b.Positions = nil
	case "positions stand still":
		if !m.withPositions {
			break
		}
		b.Positions[0] = 0
	case "no cursor":
		b.Cursor = nil
	case "cursor one behind":
		b.Cursor = m.cursor(to - 1)
	case "reuses its memory":
		for _, old := range m.given {
			mangle(old.Rows)
		}
	case "limit skips what it cuts":
		if m.limit == 0 {
			b.Cursor = m.cursor(min(from+m.c.Size, 12))
		}
	case "another schema":
		b.Rows = sdk.EmptyRows(arrow.NewSchema(modelSchema().Fields()[:1], nil))
	case "unannounced partition":
		b.Partition = "c"
	case "reads less when told":
		if m.announced > 2 {
			b.Rows = b.Rows.NewSlice(0, 1)
		}
	}
	m.given = append(m.given, b)
	return b
}

func (m *modelSource) cursor(at int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(at)) }

func (m *modelSource) cursors() map[string][]byte {
	if m.fault == "positions further on" {
		return map[string][]byte{"a": m.cursor(3)}
	}
	return map[string][]byte{"a": m.cursor(m.at["a"]), "b": m.cursor(m.at["b"])}
}

func (m *modelSource) Committed(context.Context, uint64, map[string][]byte) error {
	m.announced++
	return nil
}

func (m *modelSource) Drain(context.Context) error { return nil }

func (m *modelSource) Lag() int64 {
	if m.fault == "lag at the end" {
		return 7
	}
	return int64(24 - m.at["a"] - m.at["b"])
}

func (m *modelSource) Close(context.Context) error {
	close(m.closed)
	if m.fault == "overwrites when closed" && len(m.given) > 0 {
		mangle(m.given[0].Rows)
	}
	if m.fault == "fails to close" {
		return errors.New("it is stuck")
	}
	return nil
}

func modelSourceSuite(fault string) *suite {
	spec := faultySpec(fault, sdk.KindSource)
	spec.About = func(*modelConfig) sdk.Description { return sdk.Description{Bounds: sdk.Bounded{Records: true}} }
	spec.Columns = func(_ *modelConfig, _ *arrow.Schema, d *sdk.Description) { d.Columns = modelSchema() }
	spec.Open = func(_ context.Context, c *modelConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		m := &modelSource{fault: fault, withPositions: env.Positions, c: c, at: map[string]int{}, limit: -1,
			closed: make(chan struct{})}
		for name, cursor := range env.Resume {
			if len(cursor) == 4 {
				m.at[name] = int(binary.BigEndian.Uint32(cursor))
			}
		}
		if env.Bounds.Records != nil {
			m.limitTo(*env.Bounds.Records)
		}
		return m, nil
	}
	return &suite{plugin: spoil(spec.Plugin(), fault), config: `{"size": 5}`, patience: time.Second,
		Options: Options{Blocked: `{"size": 5, "wait": true}`}}
}

func TestSourceFaultsAreCaught(t *testing.T) {
	catches(t, append(configFaults(), []broken{
		{"no partitions", "PartitionsComeFirst", "the first item is not"},
		{"unannounced partition", "PartitionsComeFirst", `partition "c" is not among`},
		{"another schema", "BatchesAreAsPlanned", "columns are not as planned"},
		{"no cursor", "BatchesAreAsPlanned", "no cursor"},
		{"fails to close", "BatchesAreAsPlanned", "closing: it is stuck"},
		{"no second end", "EndIsRepeated", "want io.EOF again"},
		{"lag at the end", "EndIsRepeated", "lag of 7"},
		{"cursor one behind", "EveryCursorResumes", "resumed after item"},
		{"positions further on", "PositionsPinTheStart", "resumed from the first positions"},
		{"limit one short", "LimitEndsTheRun", "limited to 1 records: got 0, want 1"},
		{"limit in whole batches", "LimitEndsTheRun", "limited to 1 records: got 5, want 1"},
		{"limit skips what it cuts", "LimitEndsTheRun", `and the rest from there, partition "a"`},
		{"limit forgotten at the end", "LimitEndsTheRun", "asked after the end: got <nil>, want io.EOF again"},
		{"reuses its memory", "HandedOnBatchesAreLeftAlone", "changed by a later Next"},
		{"overwrites when closed", "HandedOnBatchesAreLeftAlone", "changed by Close"},
		{"no positions", "PositionsAreGivenWhenAskedFor", "got 0 positions for 5 rows"},
		{"positions stand still", "PositionsAreGivenWhenAskedFor", "position 0 after 4, want them to grow"},
		{"reads less when told", "CommittedChangesNothing", "with Committed after each batch"},
		{"deaf to Close", "CloseEndsABlockedNext", "still blocked after Close"},
		{"deaf to its context", "CancelEndsABlockedNext", "still blocked after its context"},
		{"io.EOF when closed", "CloseEndsABlockedNext", "would end the input for good"},
	}...), sourceChecks(), modelSourceSuite)
}

// endless is a modelSource whose end is Drain.
type endless struct{ *modelSource }

func (e endless) Drain(context.Context) error {
	e.c.Wait = false
	return nil
}

func TestEndlessSourcesAreDrained(t *testing.T) {
	s := modelSourceSuite("")
	s.config, s.Endless = s.Options.Blocked, true
	plain := s.plugin.Open
	s.plugin.Open = func(ctx context.Context, c []byte, in *arrow.Schema, e sdk.Env) (sdk.Instance, error) {
		instance, err := plain(ctx, c, in, e)
		if err != nil {
			return nil, err
		}
		return endless{instance.(*modelSource)}, nil
	}
	for name, said := range failing(t, s, sourceChecks()) {
		t.Errorf("an endless source fails %s: %s", name, said)
	}
}

func TestSuitePassesASoundSource(t *testing.T) {
	s := modelSourceSuite("")
	Source(t, s.plugin, s.config, s.Options)
}
