package main

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// outside is the embedded broker in a process of its own.
type outside struct {
	*exec.Cmd
	address string
}

// startBroker runs `engine broker` on a port and waits until it listens.
func startBroker(t *testing.T, dir, port string) *outside {
	t.Helper()
	p := command(t, "broker", "--state-dir", dir, "--port", port)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "broker on 127.0.0.1:"+port) {
		t.Fatalf("the broker said %q, %v", line, err)
	}
	go io.Copy(io.Discard, out) // ends with the process
	return &outside{p, "127.0.0.1:" + port}
}

// kill ends the broker's process as a crash does.
func (b *outside) kill(t *testing.T) {
	t.Helper()
	if err := b.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = b.Wait() // it was killed
}

const throughTopic = `
checkpoint_interval: 100ms
defaults:
  redpanda: {brokers: ["127.0.0.1:PORT"]}
pipelines:
  fill:
    input:
      ticket_generator: {count: 20000, rate: 10000, seed: 3}
    output:
      redpanda: {topic: tickets, partitions: 3}
  read:
    input:
      redpanda: {topic: tickets, schema: {ticket_id: {type: string, required: true}}}
    output:
      csv: {path: out}
`

// TestBrokerThatCrashesAndComesBackLosesNothing kills the broker's process while
// one pipeline fills a topic and another reads it, and starts it again. The
// engine waits, writes what is unsure again or finds it written, and goes on.
func TestBrokerThatCrashesAndComesBackLosesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	_, port, err := net.SplitHostPort(closedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	broker := startBroker(t, "broker", port)
	write(t, "p.yaml", strings.Replace(throughTopic, "PORT", port, 1))
	p := start(t, "run", "p.yaml", "--log-level", "debug")
	for range 3 {
		p.until(t, "epoch published")
		p.until(t, "epoch published")
		broker.kill(t)
		broker = startBroker(t, "broker", port)
	}
	ended := time.AfterFunc(time.Minute, func() { p.Process.Kill() })
	defer ended.Stop()
	if code, messages := p.end(t); code != 0 {
		t.Fatalf("exit %d\n%s", code, messages)
	}
	ids := map[string]bool{}
	rows := readCSV(t, "out", "ticket_id")
	for _, row := range rows {
		ids[row[0]] = true
	}
	if len(rows) != 20_000 || len(ids) != 20_000 {
		t.Errorf("got %d rows with %d ids, want 20000", len(rows), len(ids))
	}
}
