package main

import (
	"encoding/json"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

const steadily = `
state_dir: generator
checkpoint_interval: 100ms
pipelines:
  generate:
    input: { ticket_generator: { rate: 1000, seed: 1, disorder: 500ms } }
    output: { redpanda: { brokers: ["127.0.0.1:PORT"], topic: t, partitions: 3 } }
`

const beingStopped = `
state_dir: reader
checkpoint_interval: 100ms
pipelines:
  report:
    input: { redpanda: { brokers: ["127.0.0.1:PORT"], topic: t, schema: { created_at: timestamp } } }
    processors:
      - aggregation: { event_time: created_at, watermark: 2s, window: { tumbling: 2s }, idle_timeout: 3s,
          aggregates: { n: count() } }
    output: { csv: { path: out } }
`

// TestStoppedProcessFindsNoPartitionIdle stops a reader with SIGSTOP for longer than
// its idle_timeout, as a suspended machine does, while the topic is filled. What was
// written meanwhile had not been asked for: nothing is late.
func TestStoppedProcessFindsNoPartitionIdle(t *testing.T) {
	t.Parallel() // it mostly waits
	const attempts = 3
	for range attempts {
		step, silent := stopAndGoOn(t)
		if step.In == 0 || step.Out == 0 {
			t.Fatalf("got %+v, want windows", step)
		}
		if step.Late == 0 {
			return
		}
		// A topic that was silent by itself, on a machine that is busy elsewhere, may have
		// been found at its end for long enough.
		if silent <= 2*time.Second {
			t.Fatalf("got %+v, want no late row: the topic was never silent for more than %v", step, silent)
		}
	}
	t.Errorf("rows were late in each of %d attempts, in which the topic was silent for seconds", attempts)
}

// stopAndGoOn returns what became of the rows at the aggregation, and for how long the topic
// got none at most.
func stopAndGoOn(t *testing.T) (stepSummary, time.Duration) {
	t.Helper()
	dir := t.TempDir()
	_, port, err := net.SplitHostPort(closedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	startBroker(t, dir+"/broker", port)
	write(t, dir+"/generate.yaml", strings.Replace(steadily, "PORT", port, 1))
	write(t, dir+"/report.yaml", strings.Replace(beingStopped, "PORT", port, 1))
	begin := func(config string) *process {
		p, release := launch(t, dir, sabotage{}, "run", config, "--json", "--log-level", "debug")
		release.Close()
		p.until(t, "epoch published")
		return p
	}
	generator := begin("generate.yaml")
	reader := begin("report.yaml")
	signal := func(p *process, s syscall.Signal) {
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	longest, last := time.Duration(0), time.Now()
	filled := func() {
		generator.until(t, "epoch published")
		longest, last = max(longest, time.Since(last)), time.Now()
	}
	for range 2 {
		reader.until(t, "epoch published")
		signal(reader, syscall.SIGSTOP)
		for stopped := time.Now(); time.Since(stopped) < 3500*time.Millisecond; {
			filled()
		}
		signal(reader, syscall.SIGCONT)
		for range 3 { // it works off what has come
			reader.until(t, "epoch published")
			filled()
		}
	}
	signal(reader, syscall.SIGTERM)
	code, messages := reader.end(t)
	signal(generator, syscall.SIGTERM)
	generator.end(t)
	if code != 143 {
		t.Fatalf("exit %d\n%s", code, messages)
	}
	var s summary
	if err := json.Unmarshal(reader.stdout.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, reader.stdout.Bytes())
	}
	if !s.Balanced {
		t.Errorf("the rows do not add up: %+v", s)
	}
	return s.Pipelines[0].Steps[1], longest
}
