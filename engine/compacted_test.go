package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// makeCompacted makes a compacted topic of one partition by a CreateTopics request.
func makeCompacted(t *testing.T, address, topic string) {
	t.Helper()
	text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...) }
	list := func(b []byte, n uint32) []byte { return binary.BigEndian.AppendUint32(b, n) }
	b := []byte{0, 19, 0, 2, 0, 0, 0, 7, 0xff, 0xff} // key, version, correlation, no client
	b = text(list(b, 1), topic)
	b = binary.BigEndian.AppendUint16(list(b, 1), 1) // partitions, replicas
	b = list(list(b, 0), 1)                          // no assignments, one setting
	b = list(text(text(b, "cleanup.policy"), "compact"), 10_000)
	b = append(b, 0) // not only to validate
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(append(list(nil, uint32(len(b))), b...)); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if code := binary.BigEndian.Uint16(answer[4+4+4+2+len(topic):]); code != 0 {
		t.Fatalf("making topic %s: error %d", topic, code)
	}
}

const intoCompacted = `
checkpoint_interval: 10ms
defaults:
  redpanda: {brokers: ["ADDRESS"]}
pipelines:
  fill:
    input:
      jsonl: {path: in, schema: {id: int64, k: string}}
    output:
      - redpanda: {topic: newest, key: k}
      - csv: {path: all}
    dead_letters:
      csv: {path: dead}
`

const outOfCompacted = `
state_dir: .reader
pipelines:
  read:
    input:
      redpanda: {brokers: ["ADDRESS"], topic: newest, schema: {id: {type: int64, required: true}}}
    output:
      csv: {path: read}
`

// TestRowsThatATopicRefusesAreDeadLettersThroughKills: a compacted topic takes no record
// without a key. Such rows are dead letters of that output, once, wherever the engine is
// killed; the topic has all others, and the output beside it has all.
func TestRowsThatATopicRefusesAreDeadLettersThroughKills(t *testing.T) {
	t.Chdir(t.TempDir())
	_, port, err := net.SplitHostPort(closedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	broker := startBroker(t, "broker", port)
	makeCompacted(t, broker.address, "newest")
	const files, each = 12, 400
	for f := range files {
		var rows strings.Builder
		for i := f * each; i < (f+1)*each; i++ {
			key := fmt.Sprintf(`"k%d"`, i)
			if i%3 == 0 {
				key = "null"
			}
			fmt.Fprintf(&rows, `{"id":%d,"k":%s}`+"\n", i, key)
		}
		write(t, fmt.Sprintf("in/%02d.jsonl", f), rows.String())
	}
	write(t, "p.yaml", strings.Replace(intoCompacted, "ADDRESS", broker.address, 1))
	write(t, "q.yaml", strings.Replace(outOfCompacted, "ADDRESS", broker.address, 1))
	random := rand.New(rand.NewPCG(*crashSeed, 8))
	for range 3 {
		p := start(t, "run", "p.yaml", "--log-level", "debug")
		p.until(t, "epoch published")
		timer := time.AfterFunc(time.Duration(random.IntN(20))*time.Millisecond, func() { p.Process.Kill() })
		code, messages := p.end(t)
		timer.Stop()
		if code > 0 {
			t.Fatalf("exit %d\n%s", code, messages)
		}
	}
	mustRun(t, "p.yaml")
	mustRun(t, "q.yaml", "--until", "now")
	all, read := readCSV(t, "all", "id", "k"), readCSV(t, "read", "id")
	dead := readCSV(t, "dead", "at", "pipeline", "step", "reason", "partition", "position", "raw", "row", "key",
		"raw_bytes")
	if len(all) != files*each || len(dead) != len(all)/3 || len(read) != len(all)-len(dead) {
		t.Errorf("got %d rows in files, %d dead letters, %d records, want %d, %d, %d", len(all), len(dead), len(read),
			files*each, files*each/3, files*each*2/3)
	}
	for _, row := range read {
		if id, err := strconv.Atoi(row[0]); err != nil || id%3 == 0 {
			t.Errorf("record %s is in the topic, %v", row[0], err)
		}
	}
	for _, row := range dead {
		if row[2] != "redpanda" || !strings.Contains(row[3], "compacted") {
			t.Fatalf("got a dead letter of %s: %s", row[2], row[3])
		}
	}
}
