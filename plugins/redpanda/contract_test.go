package redpanda_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

const contractKeys = `{"topic": "t", "schema": {"id": "string", "n": "int64", "at": "timestamp"}}`

// contractInput is batches with nulls, quotes and accents.
func contractInput(t testing.TB, batches, rows int) []*sdk.Batch {
	t.Helper()
	schema, problems := sdktest.Plan(redpanda.Source, []byte(contractKeys), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var input []*sdk.Batch
	for at := range batches {
		b := builder(schema)
		for i := range rows {
			b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("é \"%d\"\n", at*rows+i))
			if i%3 == 0 {
				b.Field(1).AppendNull()
				b.Field(2).AppendNull()
				continue
			}
			b.Field(1).(*array.Int64Builder).Append(int64(i))
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(1e15 + i))
		}
		input = append(input, &sdk.Batch{Rows: b.NewRecordBatch(), Partition: "p"})
	}
	return input
}

// withBroker gives a world a broker of its own.
func withBroker(t testing.TB, env *sdk.Env) {
	t.Helper()
	b, err := broker.Start(broker.Options{Port: new(int), Dir: t.TempDir(), Partitions: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	env.Services = map[string]string{"broker": b.Address()}
}

// fill writes the input to the topic.
func fill(t testing.TB, env sdk.Env, input []*sdk.Batch) {
	t.Helper()
	config, in := []byte(`{"topic": "t"}`), input[0].Rows.Schema()
	if err := redpanda.Sink.Setup(t.Context(), config, env); err != nil {
		t.Fatal(err)
	}
	instance, err := redpanda.Sink.Open(t.Context(), config, in, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := instance.(sdk.Sink).Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, b := range input {
		if err := instance.(sdk.Sink).Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := endEpoch(t.Context(), instance.(sdk.Sink), 1); err != nil {
		t.Fatal(err)
	}
	if err := instance.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSourceKeepsTheContract(t *testing.T) {
	t.Parallel() // it mostly waits
	sdktest.Source(t, redpanda.Source, contractKeys, sdktest.Options{
		Prepare: func(t testing.TB, env *sdk.Env) {
			withBroker(t, env)
			fill(t, *env, contractInput(t, 3, 1000))
		},
		Endless: true,
		Blocked: contractKeys,
	})
}

func TestSinkKeepsTheContract(t *testing.T) {
	t.Parallel() // it mostly waits
	sdktest.Sink(t, redpanda.Sink, `{"topic": "t"}`, sdktest.Options{
		Prepare:   withBroker,
		Input:     contractInput(t, 3, 100),
		Read:      readTopic,
		Unordered: true, // rows without a key go to any partition
	})
}

// readTopic is the rows in the topic, as the source reads them.
func readTopic(t testing.TB, env sdk.Env) (rows []string) {
	t.Helper()
	instance, err := redpanda.Source.Open(t.Context(), []byte(contractKeys), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	defer instance.Close(context.Background())
	if err := instance.(sdk.Source).Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for {
		item, err := instance.(sdk.Source).Next(t.Context())
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch != nil {
			rows = append(rows, sdktest.Text(item.Batch.Rows)...)
		}
	}
}
