package redpanda_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/aggregation"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
	"etlengine/plugins/ticketgenerator"
)

const benchTickets = 400_000

// generated fills a topic with tickets as the generator makes them.
func generated(b *testing.B) sdk.Env {
	b.Helper()
	env := sdk.Env{EngineID: "id", Pipeline: "p", Step: "s", Run: 1, Log: slog.New(slog.DiscardHandler),
		StateDir: b.TempDir()}
	withBroker(b, &env)
	config := []byte(`{"topic": "t", "partitions": 4}`)
	tickets, err := ticketgenerator.Source.Open(b.Context(), []byte(`{"count": 400000, "span": "1h", "seed": 1}`),
		nil, env)
	if err != nil {
		b.Fatal(err)
	}
	columns, _ := sdktest.Plan(ticketgenerator.Source, []byte(`{}`), nil)
	if err := redpanda.Sink.Setup(b.Context(), config, env); err != nil {
		b.Fatal(err)
	}
	out, err := redpanda.Sink.Open(b.Context(), config, columns, env)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close(context.Background())
	if err := out.(sdk.Sink).Recover(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	for {
		item, err := tickets.(sdk.Source).Next(b.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && item.Batch != nil {
			err = out.(sdk.Sink).Write(b.Context(), item.Batch)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := endEpoch(b.Context(), out.(sdk.Sink), 1); err != nil {
		b.Fatal(err)
	}
	return env
}

// readBare reads the topic as a program that does nothing else would.
func readBare(b *testing.B, env sdk.Env) {
	b.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(env.Services["broker"]), kgo.ConsumeTopics("t"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		b.Fatal(err)
	}
	defer cl.Close()
	for n := 0; n < benchTickets; {
		fetches := cl.PollFetches(b.Context())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		n += fetches.NumRecords()
	}
}

// readSource hands what it reads to a step, or to nobody.
func readSource(b *testing.B, env sdk.Env, step sdk.Transform) {
	b.Helper()
	inst, err := redpanda.Source.Open(b.Context(), []byte(ticketKeys), nil, env)
	if err != nil {
		b.Fatal(err)
	}
	defer inst.Close(context.Background())
	for n := int64(0); n < benchTickets; {
		item, err := inst.(sdk.Source).Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		switch {
		case item.Batch != nil && step != nil:
			err = step.Apply(b.Context(), item.Batch, nowhere{})
			n += item.Batch.NumRows()
		case item.Batch != nil:
			n += item.Batch.NumRows()
		case step != nil:
			_, err = step.Signal(b.Context(), *item.Signal, nowhere{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere takes what a step emits and forgets it.
type nowhere struct{}

func (nowhere) Emit(*sdk.Batch) error      { return nil }
func (nowhere) Late(sdk.Late) error        { return nil }
func (nowhere) Reject(...sdk.Reject) error { return nil }
func (nowhere) Watermark(time.Time) error  { return nil }
func (nowhere) Count(sdk.Counts)           {}

// perMinute is the main job's step over the tickets.
func perMinute(b *testing.B, env sdk.Env) sdk.Transform {
	b.Helper()
	columns, _ := sdktest.Plan(redpanda.Source, []byte(ticketKeys), nil)
	inst, err := aggregation.Transform.Open(b.Context(), []byte(`{"event_time": "created_at", "watermark": "10s",
		"window": {"tumbling": "1m"}, "group_by": ["type", "priorite"],
		"aggregates": {"tickets": "count()", "clients": "approx_count_distinct(client_id)"}}`), columns, env)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { inst.Close(context.Background()) })
	return inst.(sdk.Transform)
}

// cost is what a piece of work takes, of time and of all cores.
type cost struct{ wall, cpu time.Duration }

func (c *cost) of(work func()) {
	begin, before := time.Now(), usage()
	work()
	c.wall += time.Since(begin)
	c.cpu += usage() - before
}

func usage() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReadBesideABareClient reads the same topic by turns with the source,
// which makes columns of JSON, and with a client that only counts. The embedded
// broker shares the cores with both. A machine that has other work to do spoils
// the rates; the CPU time of a ticket it hardly does.
func BenchmarkReadBesideABareClient(b *testing.B) {
	env := generated(b)
	readBare(b, env) // from the disk's cache, from here on
	b.ResetTimer()
	var bare, source cost
	for range b.N {
		bare.of(func() { readBare(b, env) })
		source.of(func() { readSource(b, env, nil) })
	}
	tickets := float64(b.N) * benchTickets
	b.ReportMetric(tickets/bare.wall.Seconds(), "bare/s")
	b.ReportMetric(tickets/source.wall.Seconds(), "tickets/s")
	b.ReportMetric(100*bare.wall.Seconds()/source.wall.Seconds(), "%-of-bare")
	b.ReportMetric(float64(bare.cpu.Nanoseconds())/tickets, "bare-cpu-ns/ticket")
	b.ReportMetric(float64(source.cpu.Nanoseconds())/tickets, "cpu-ns/ticket")
}

// BenchmarkReadAndAggregate reads tickets and counts them by minute, type and
// priority, as the main job does, without the engine between.
func BenchmarkReadAndAggregate(b *testing.B) {
	env := generated(b)
	readBare(b, env)
	b.ResetTimer()
	var both cost
	for range b.N {
		step := perMinute(b, env)
		both.of(func() { readSource(b, env, step) })
	}
	tickets := float64(b.N) * benchTickets
	b.ReportMetric(tickets/both.wall.Seconds(), "tickets/s")
	b.ReportMetric(float64(both.cpu.Nanoseconds())/tickets, "cpu-ns/ticket")
}
