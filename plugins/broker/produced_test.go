package broker

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerFrame is an answer as kfake writes it, and what is to be read of it.
func answerFrame(version int16, rnd *rand.Rand) (frame []byte, want []partitionAnswer) {
	resp := kmsg.NewPtrProduceResponse()
	fill(reflect.ValueOf(resp).Elem(), rnd)
	resp.SetVersion(version)
	frame = make([]byte, sizeBytes+4)
	if resp.IsFlexible() {
		frame = append(frame, 0)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			a := partitionAnswer{partition: p.Partition, code: p.ErrorCode, base: p.BaseOffset}
			if version < 13 {
				a.topic = []byte(t.Topic)
			} else {
				a.id = slices.Clone(t.TopicID[:])
			}
			want = append(want, a)
		}
	}
	return resp.AppendTo(frame), want
}

func TestAnswersToProducersAreReadAsTheParserDoes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for version := int16(0); version <= 13; version++ {
		for range 200 {
			frame, want := answerFrame(version, rnd)
			var got []partitionAnswer
			err := readProduced(frame, version, func(a *partitionAnswer) {
				got = append(got, partitionAnswer{slices.Clone(a.topic), slices.Clone(a.id), a.partition, a.code, a.base})
			})
			same := slices.EqualFunc(got, want, func(a, b partitionAnswer) bool {
				return string(a.topic) == string(b.topic) && string(a.id) == string(b.id) && a.partition == b.partition &&
					a.code == b.code && a.base == b.base
			})
			if err != nil || !same {
				t.Fatalf("version %d: got %+v, %v, want %+v", version, got, err, want)
			}
		}
	}
	if err := readProduced([]byte{0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 1, 0}, 3, func(*partitionAnswer) {}); err == nil {
		t.Error("half an answer: want an error")
	}
}

// TestBatchesOfAnAnswerAreFoundInTheirOrder, without a search among all for each.
func TestBatchesOfAnAnswerAreFoundInTheirOrder(t *testing.T) {
	r := request{produced: []produced{{topic: "a", partition: 0, end: 1}, {topic: "a", partition: 1, end: 2},
		{topic: "b", partition: 0, end: 3}, {topic: "a", partition: 0, end: 4}}}
	for _, c := range []struct {
		topic     string
		partition int32
		want      int64
	}{{"a", 0, 1}, {"a", 1, 2}, {"a", 0, 4}, {"b", 0, 3}, {"c", 0, 0}} {
		var got int64
		if p := r.next(&partitionAnswer{topic: []byte(c.topic), partition: c.partition}); p != nil {
			got = p.end
		}
		if got != c.want {
			t.Errorf("%s, partition %d: got the batch of %d records, want %d", c.topic, c.partition, got, c.want)
		}
	}
}
