package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// relay is tickets through two topics into files. Without brokers the embedded
// one runs in the engine's process, and dies with it.
const relay = `
checkpoint_interval: 50ms
defaults:
  redpanda: {brokers: "%[1]s"}
pipelines:
  fill:
    input:
      ticket_generator: {count: 8000, rate: 16000, seed: 5, span: 1h, start: "2026-01-01T00:00:00Z"}
    output:
      redpanda: {topic: first%[2]s, partitions: 3, key: client_id}
  copy:
    input:
      redpanda: {topic: first%[2]s, schema: ticket}
    output:
      redpanda: {topic: second%[2]s, partitions: 2}
  read:
    input:
      redpanda: {topic: second%[2]s, schema: ticket}
    output:
      - csv: {path: raw}
      - parquet: {path: parquet}
schemas:
  ticket: {ticket_id: string, client_id: string, created_at: timestamp, demande: string, type: string,
    priorite: string}
`

// TestCrashesBetweenTopicsChangeNothing kills the engine at random instants
// while it fills a topic, copies it to another and writes that to files: with
// the embedded broker, and with a real one if there is one.
func TestCrashesBetweenTopicsChangeNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	brokers := os.Getenv("ENGINE_TEST_BROKERS")
	write(t, "p.yaml", fmt.Sprintf(relay, brokers, fmt.Sprint(time.Now().UnixNano())))
	random := rand.New(rand.NewPCG(*crashSeed, 1))
	for range max(4, *crashKills/3) {
		p := start(t, "run", "p.yaml", "--log-level", "debug")
		if random.IntN(3) > 0 { // else while it starts
			p.until(t, "epoch published")
		}
		timer := time.AfterFunc(time.Duration(random.IntN(150))*time.Millisecond, func() { p.Process.Kill() })
		code, messages := p.end(t)
		timer.Stop()
		if code > 0 {
			t.Fatalf("exit %d\n%s", code, messages)
		}
	}
	mustRun(t, "p.yaml")
	raw := readCSV(t, "raw", ticketHeader...)
	ids := map[string]bool{}
	for _, row := range raw {
		ids[row[0]] = true
	}
	if len(raw) == 0 || len(raw) != len(ids) || len(raw)%8000 != 0 {
		t.Errorf("got %d rows with %d ids, want each ticket of whole runs of 8000 once", len(raw), len(ids))
	}
	if got := len(readParquet(t, "parquet", ticketColumns)); got != len(raw) {
		t.Errorf("Parquet holds %d rows, CSV %d", got, len(raw))
	}
}
