package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	maxPartitions    = 1000 // of a topic
	maxAllPartitions = 4000 // of all topics: each takes memory, a folder, and a thread while it is closed
	maxTopicName     = 249  // characters
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// intercept lets fn answer the requests of a kind, or change them, before kfake
// handles them; nil leaves the answer to kfake. It is registered anew each time:
// kfake keeps each client's last request for as long as a function stays.
func (b *Broker) intercept(key kmsg.Key, fn func(kmsg.Request) kmsg.Response) {
	b.cluster.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.DropControl()
		b.intercept(key, fn)
		resp := fn(req)
		return resp, nil, resp != nil
	})
}

// limitTopics refuses topics that kfake would make whatever their number, size
// and name.
func (b *Broker) limitTopics(partitions int) {
	b.intercept(kmsg.CreateTopics, func(req kmsg.Request) kmsg.Response {
		return b.checkCreate(req.(*kmsg.CreateTopicsRequest), partitions)
	})
	b.intercept(kmsg.CreatePartitions, func(req kmsg.Request) kmsg.Response {
		return b.checkGrow(req.(*kmsg.CreatePartitionsRequest))
	})
	b.intercept(kmsg.Metadata, func(req kmsg.Request) kmsg.Response {
		b.autoCreate(req.(*kmsg.MetadataRequest), partitions)
		return nil
	})
}

// refusal is why a topic is not made.
type refusal struct {
	code *kerr.Error
	text string
}

// checkTopic returns why a topic with a number of new partitions is not made;
// nil if it may be.
func checkTopic(name string, wanted, existing int) *refusal {
	switch {
	case len(name) > maxTopicName || name == "." || name == ".." || !topicName.MatchString(name):
		return &refusal{kerr.InvalidTopicException,
			fmt.Sprintf("want a name of 1 to %d letters, digits, dots, dashes and underscores", maxTopicName)}
	case wanted > maxPartitions:
		return &refusal{kerr.InvalidPartitions,
			fmt.Sprintf("want at most %d partitions, got %d", maxPartitions, wanted)}
	case existing+wanted > maxAllPartitions:
		return &refusal{kerr.InvalidPartitions, fmt.Sprintf("the embedded broker has %d partitions, "+
			"and takes %d in all: %d more are too many", existing, maxAllPartitions, wanted)}
	}
	return nil
}

// checkCreate returns an answer if a topic of a request cannot be made; then it has
// made the others.
func (b *Broker) checkCreate(req *kmsg.CreateTopicsRequest, partitions int) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	existing, refused := countPartitions(b.dir), false
	for i := range req.Topics {
		t := &req.Topics[i]
		wanted := int(t.NumPartitions)
		if wanted < 0 {
			wanted = max(partitions, len(t.ReplicaAssignment))
		}
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic = t.Topic
		why := checkTopic(t.Topic, wanted, existing)
		if why != nil {
			refused = true
			answer.ErrorCode, answer.ErrorMessage = why.code.Code, &why.text
		} else {
			existing += wanted
		}
		answer.NumPartitions = int32(wanted)
		resp.Topics = append(resp.Topics, answer)
	}
	if !refused {
		return nil
	}
	for i := range resp.Topics {
		if resp.Topics[i].ErrorCode == 0 && !req.ValidateOnly {
			b.createOne(&req.Topics[i], &resp.Topics[i])
		}
	}
	return resp
}

// createOne makes a topic of a request that holds others which are refused.
func (b *Broker) createOne(t *kmsg.CreateTopicsRequestTopic, answer *kmsg.CreateTopicsResponseTopic) {
	switch {
	case t.ReplicationFactor > 1:
		answer.ErrorCode = kerr.InvalidReplicationFactor.Code
		return
	case answer.NumPartitions == 0:
		answer.ErrorCode = kerr.InvalidPartitions.Code
		return
	}
	configs := map[string]string{}
	for _, c := range t.Configs {
		if c.Value != nil {
			configs[c.Name] = *c.Value
		}
	}
	err := b.cluster.CreateTopic(t.Topic, answer.NumPartitions, configs)
	if refused, ok := errors.AsType[*kerr.Error](err); ok {
		answer.ErrorCode = refused.Code
		return
	}
	answer.ReplicationFactor = 1
	answer.TopicID = b.cluster.TopicInfo(t.Topic).TopicID
}

// checkGrow does the same for partitions that are added.
func (b *Broker) checkGrow(req *kmsg.CreatePartitionsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	existing, refused := countPartitions(b.dir), false
	for i := range req.Topics {
		t := &req.Topics[i]
		have := len(b.cluster.PartitionInfos(t.Topic))
		answer := kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic = t.Topic
		answer.ErrorCode = kerr.InvalidRequest.Code
		answer.ErrorMessage = kmsg.StringPtr("another topic of the request cannot grow")
		if why := checkTopic("t", int(t.Count), existing-have); have > 0 && why != nil {
			refused = true
			answer.ErrorCode, answer.ErrorMessage = why.code.Code, &why.text
		}
		existing += max(0, int(t.Count)-have)
		resp.Topics = append(resp.Topics, answer)
	}
	if !refused {
		return nil
	}
	return resp
}

// autoCreate makes the unknown topics of a request that wishes it. kfake would,
// and writes such topics down when it is closed: after a kill they were gone.
func (b *Broker) autoCreate(req *kmsg.MetadataRequest, partitions int) {
	if !req.AllowAutoTopicCreation {
		return
	}
	req.AllowAutoTopicCreation = false
	existing := -1
	for _, t := range req.Topics {
		if t.Topic == nil || b.cluster.TopicInfo(*t.Topic) != nil {
			continue
		}
		if existing < 0 {
			existing = countPartitions(b.dir)
		}
		if checkTopic(*t.Topic, partitions, existing) != nil {
			continue // kfake answers that it does not exist
		}
		if err := b.cluster.CreateTopic(*t.Topic, int32(partitions), nil); err == nil {
			existing += partitions
		}
	}
}

// storedTopic is what kfake stores of a topic, all of which it does not list.
type storedTopic struct {
	Name       string            `json:"name"`
	ID         [16]byte          `json:"-"`
	Encoded    []byte            `json:"id"`
	Partitions int               `json:"partitions"`
	Configs    map[string]string `json:"configs"`
}

// storedTopics reads kfake's file of topics. It writes that before it answers
// who made or deleted one.
func storedTopics(dir string) ([]storedTopic, error) {
	var stored struct {
		Topics []storedTopic `json:"topics"`
	}
	raw, err := os.ReadFile(filepath.Join(dir, "topics.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &stored); err != nil {
		return nil, err
	}
	for i := range stored.Topics {
		copy(stored.Topics[i].ID[:], stored.Topics[i].Encoded)
	}
	return stored.Topics, nil
}

func countPartitions(dir string) (n int) {
	topics, _ := storedTopics(dir)
	for _, t := range topics {
		n += t.Partitions
	}
	return n
}
