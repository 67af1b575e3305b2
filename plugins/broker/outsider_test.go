package broker

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestWrongChecksumIsAnsweredAsKafkaDoes, and nothing is stored.
func TestWrongChecksumIsAnsweredAsKafkaDoes(t *testing.T) {
	b := start(t, Options{Partitions: 1})
	if err := b.cluster.CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
	batch := batchWith(func(*kmsg.RecordBatch) {})
	batch[len(batch)-1] ^= 1
	if got := produceRaw(t, client(t, b), batch); got != kerr.CorruptMessage.Code {
		t.Errorf("got error code %d, want %d", got, kerr.CorruptMessage.Code)
	}
	if end := b.cluster.PartitionInfo("t", 0).HighWatermark; end != 0 {
		t.Errorf("the log ends at %d, want 0", end)
	}
}

// TestOneOfManyWhoMakeATopicMakesIt, the others hear that it is there.
func TestOneOfManyWhoMakeATopicMakesIt(t *testing.T) {
	b := start(t, Options{})
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		admin := kadm.NewClient(client(t, b))
		all.Go(func() {
			answer, err := admin.CreateTopic(t.Context(), int32(i+1), 1, nil, "t")
			errs[i] = errors.Join(err, answer.Err)
		})
	}
	all.Wait()
	made := 0
	for i, err := range errs {
		switch {
		case err == nil:
			made++
			if n := len(b.cluster.PartitionInfos("t")); n != i+1 {
				t.Errorf("it has %d partitions, and was made with %d", n, i+1)
			}
		case !errors.Is(err, kerr.TopicAlreadyExists):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d made it, want 1", made)
	}
}

// TestRequestWithThousandsOfPartitionsIsAnsweredForEach: those that there are not, too.
func TestRequestWithThousandsOfPartitionsIsAnsweredForEach(t *testing.T) {
	b := start(t, Options{})
	if err := b.cluster.CreateTopic("t", 2, nil); err != nil {
		t.Fatal(err)
	}
	const many = 10_000
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 8, -1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "t"
	for i := range int32(many) {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = i, batchWith(func(*kmsg.RecordBatch) {})
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	cl := client(t, b, kgo.RetryTimeout(0))
	resp, err := cl.Broker(0).Request(t.Context(), fixed{req})
	if err != nil {
		t.Fatal(err)
	}
	good, unknown := 0, 0
	for _, p := range resp.(*kmsg.ProduceResponse).Topics[0].Partitions {
		switch p.ErrorCode {
		case 0:
			good++
		case kerr.UnknownTopicOrPartition.Code:
			unknown++
		}
	}
	if got, want := fmt.Sprint(good, unknown), fmt.Sprint(2, many-2); got != want {
		t.Errorf("got %s good and unknown ones, want %s", got, want)
	}
	if err := ask(dial(t, b)); err != nil {
		t.Errorf("it does not serve others: %v", err)
	}
}
