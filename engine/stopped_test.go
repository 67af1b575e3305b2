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
	if longest > 2*time.Second {
		t.Skipf("the topic was silent for %v itself", longest)
	}
	var s summary
	if err := json.Unmarshal(reader.stdout.Bytes(), &s); err != nil {
		t.Fatalf("%v: %s", err, reader.stdout.Bytes())
	}
	if step := s.Pipelines[0].Steps[1]; step.Late > 0 || step.In == 0 || step.Out == 0 || !s.Balanced {
		t.Errorf("got %+v, want windows and no late row", step)
	}
}
