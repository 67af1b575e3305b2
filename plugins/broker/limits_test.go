package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTopicsThatAreTooManyOrNamedBadlyAreRefused(t *testing.T) {
	b := start(t, Options{Partitions: 2})
	admin := kadm.NewClient(client(t, b))
	create := func(name string, partitions int32) error {
		_, err := admin.CreateTopic(t.Context(), partitions, 1, nil, name)
		return err
	}
	for _, tt := range []struct {
		name       string
		partitions int32
		want       error
	}{
		{"million", 2_000_000, kerr.InvalidPartitions},
		{"a/b", 1, kerr.InvalidTopicException},
		{"..", 1, kerr.InvalidTopicException},
		{strings.Repeat("x", 250), 1, kerr.InvalidTopicException},
		{"large", 20, nil},
		{"larger", maxPartitions + 1, kerr.InvalidPartitions},
		{"standard", -1, nil},
	} {
		if err := create(tt.name, tt.partitions); !errors.Is(err, tt.want) {
			t.Errorf("%s with %d partitions: got %v, want %v", tt.name, tt.partitions, err, tt.want)
		}
	}
	if got := len(b.cluster.PartitionInfos("standard")); got != 2 {
		t.Errorf("a topic without a number has %d partitions, want 2", got)
	}
	if why := checkTopic("t", maxPartitions, maxAllPartitions-maxPartitions+1); why == nil {
		t.Errorf("more than %d partitions of all topics are not refused", maxAllPartitions)
	}
	grown, err := admin.UpdatePartitions(t.Context(), maxPartitions+1, "standard")
	if err == nil {
		err = grown.Error()
	}
	if !errors.Is(err, kerr.InvalidPartitions) {
		t.Errorf("adding partitions beyond the limit: got %v, want %v", err, kerr.InvalidPartitions)
	}
	several, err := admin.CreateTopics(t.Context(), 2, 1, map[string]*string{"retention.ms": kadm.StringPtr("1000")},
		"good", "b/d", "fine")
	if err != nil || several["good"].Err != nil || several["fine"].Err != nil ||
		!errors.Is(several["b/d"].Err, kerr.InvalidTopicException) || several["good"].ID == (kadm.TopicID{}) {
		t.Errorf("three topics of which one has a bad name: got %v, %v", several, err)
	}
	if info := b.cluster.TopicInfo("fine"); info == nil || info.Configs["retention.ms"] == nil {
		t.Errorf("beside the one with a bad name: got %v, want it made as asked for", info)
	}
	if b.cluster.TopicInfo("larger") != nil || len(b.cluster.PartitionInfos("standard")) != 2 {
		t.Error("what was refused is there")
	}
}

func TestTopicsThatClientsNameAreNotMadeBeyondTheLimits(t *testing.T) {
	b := start(t, Options{Partitions: 1})
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("a b")
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), client(t, b))
	if err != nil || len(resp.Topics) != 1 || resp.Topics[0].ErrorCode == 0 {
		t.Errorf("a topic named %q: got %+v, %v, want an error", "a b", resp, err)
	}
}

// closes reports whether the other side ends a connection.
func closes(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := conn.Read(make([]byte, 100)); n > 0 || isTimeout(err) || err == nil {
		t.Errorf("got %d bytes and %v, want a closed connection", n, err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestMalformedRequestsCloseTheirConnectionAtOnce(t *testing.T) {
	b := start(t, Options{})
	body := append(head(3, 12), 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0) // four billion tagged fields
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	for range 20 {
		conn := dial(t, b)
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		closes(t, conn)
	}
	if err := ask(dial(t, b)); err != nil {
		t.Errorf("another connection: %v", err)
	}
}

// limited starts a listener with limits, without a broker behind it.
func limited(t *testing.T, l limits) *listener {
	t.Helper()
	listen, err := listenOn(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	listen.limits = l
	t.Cleanup(func() { listen.Close() })
	return listen
}

func dialListener(t *testing.T, l *listener) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestConnectionsThatSayNothingEnd(t *testing.T) {
	tests := map[string]struct {
		limits limits
		sent   []byte
	}{
		"idle":         {limits{idle: time.Millisecond, frame: time.Hour}, nil},
		"half a frame": {limits{idle: time.Hour, frame: time.Millisecond}, []byte{0, 0, 0, 20, 0, 3}},
	}
	for name, tt := range tests {
		l := limited(t, tt.limits)
		conn := dialListener(t, l)
		if _, err := conn.Write(tt.sent); err != nil {
			t.Fatal(err)
		}
		served, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(served); !isTimeout(err) {
			t.Errorf("%s: got %v, want a timeout", name, err)
		}
		served.Close()
		closes(t, conn)
	}
}

// A long poll may last longer than a connection may be idle.
func TestWhoWaitsForAnAnswerIsNotIdle(t *testing.T) {
	l := limited(t, limits{idle: time.Millisecond, frame: time.Hour})
	conn := dialListener(t, l)
	request := frame(3, 1, 0xff, 0xff, 0, 0, 0, 0)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	if _, err := io.ReadFull(served, make([]byte, len(request))); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := served.Read(make([]byte, 4))
		ended <- err
	}()
	answer := []byte{0, 0, 0, 4, 0, 0, 0, 7}
	if _, err := served.Write(answer); err != nil { // however late
		t.Errorf("answering: %v", err)
	}
	if err := <-ended; !isTimeout(err) {
		t.Errorf("after the answer: got %v, want a timeout", err)
	}
}

func TestConnectionsBeyondTheLimitAreClosed(t *testing.T) {
	l := limited(t, limits{connections: 1})
	first := dialListener(t, l)
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := dialListener(t, l)
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := l.Accept()
		accepted <- conn
	}()
	closes(t, second)
	served.Close()
	closes(t, first)
	dialListener(t, l)
	if conn := <-accepted; conn == nil {
		t.Error("there is one place, and a connection is refused")
	} else {
		conn.Close()
	}
}

// batchWith is a batch of one record that a change is made to.
func batchWith(change func(*kmsg.RecordBatch)) []byte {
	record := kmsg.Record{Value: []byte("v")}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	b := kmsg.RecordBatch{PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: 1, Records: record.AppendTo(nil)}
	change(&b)
	b.Length = int32(len(b.AppendTo(nil)) - batchLead)
	b.CRC = int32(castagnoli(b.AppendTo(nil)[21:]))
	return b.AppendTo(nil)
}

func TestBatchesThatCannotBeReadLaterAreRefused(t *testing.T) {
	b := start(t, Options{Partitions: 1})
	cl := client(t, b)
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "t"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*kmsg.RecordBatch){
		"timestamps of the broker": func(b *kmsg.RecordBatch) { b.Attributes = logAppendTime },
		"fewer records than none":  func(b *kmsg.RecordBatch) { b.NumRecords, b.LastOffsetDelta = -5, -6 },
		"more records than it has": func(b *kmsg.RecordBatch) { b.NumRecords, b.LastOffsetDelta = 9, 8 },
		"bytes behind its records": func(b *kmsg.RecordBatch) { b.Records = append(b.Records, 0) },
		"billions, compressed": func(b *kmsg.RecordBatch) {
			b.Attributes, b.NumRecords, b.LastOffsetDelta = 1, 1<<31-1, 1<<31-2
		},
	} {
		if got := produceRaw(t, cl, batchWith(change)); got != kerr.InvalidRecord.Code {
			t.Errorf("%s: got error code %d, want %d", name, got, kerr.InvalidRecord.Code)
		}
	}
	if got := produceRaw(t, cl, batchWith(func(*kmsg.RecordBatch) {})); got != 0 {
		t.Errorf("a good batch: got error code %d", got)
	}
	if info := b.cluster.PartitionInfo("t", 0); info.HighWatermark != 1 {
		t.Errorf("the log ends at %d, want 1", info.HighWatermark)
	}
}

func produceRaw(t *testing.T, cl *kgo.Client, batch []byte) int16 {
	t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 8, -1, 1000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = "t", append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	resp, err := cl.Broker(0).Request(t.Context(), fixed{req})
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
}

// fixed is a request that keeps its version.
type fixed struct{ *kmsg.ProduceRequest }

func (f fixed) MaxVersion() int16 { return 8 }
func (f fixed) SetVersion(int16)  { f.ProduceRequest.SetVersion(8) }
func (f fixed) IsFlexible() bool  { return false }
