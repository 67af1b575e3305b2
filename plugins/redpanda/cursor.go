package redpanda

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// topicID distinguishes a topic from a later one of the same name. Brokers before
// Kafka 2.8 give none.
type topicID [16]byte

func (id topicID) String() string {
	if id == (topicID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// cursor is a position in a partition as the engine keeps it.
type cursor struct {
	Offset  int64  `json:"offset"` // of the next record
	Epoch   int32  `json:"epoch"`  // of the leader that wrote the record before it; -1 if unknown
	TopicID string `json:"topic_id"`
	// Fingerprint is kept where there is no topic id.
	Fingerprint fingerprint `json:"witness"`
}

func (c cursor) bytes() []byte {
	const form, more = `{"offset":%d,"epoch":%d,"topic_id":"%s"`, `,"witness":{"after":%d,"sum":%d}`
	b := fmt.Appendf(make([]byte, 0, 128), form, c.Offset, c.Epoch, c.TopicID)
	if c.Fingerprint != (fingerprint{}) {
		b = fmt.Appendf(b, more, c.Fingerprint.After, c.Fingerprint.Sum)
	}
	return append(b, '}')
}

func parseCursor(raw []byte) (cursor, error) {
	c := cursor{Offset: -1, Epoch: -1}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("reading a position: %w", err)
	}
	if c.Offset < 0 {
		return c, fmt.Errorf("reading a position: want an offset, got %q", raw)
	}
	return c, nil
}

// tp is a partition of a topic.
type tp struct {
	topic     string
	partition int32
}

func (t tp) String() string { return t.topic + "/" + strconv.Itoa(int(t.partition)) }

func parseTP(name string) (tp, error) {
	topic, number, _ := strings.Cut(name, "/")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 || topic == "" {
		return tp{}, fmt.Errorf("reading the name of a partition: want topic/number, got %q", name)
	}
	return tp{topic, int32(n)}, nil
}
