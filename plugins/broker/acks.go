package broker

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	keyDeleteTopics = 20
	keyEndTxn       = 26
)

// produced is a batch of a request.
type produced struct {
	topic     string
	id        [16]byte
	partition int32
	end       int64 // behind its last record, from its first
	producer  int64 // of its transaction, -1 for none
}

// use calls something of the cluster that waits for its one goroutine, unless the
// broker is being closed: then the call would wait for ever.
func (b *Broker) use(call func()) bool {
	b.using.RLock()
	defer b.using.RUnlock()
	if b.unused {
		return false
	}
	call()
	return true
}

// resolve finds the ids of topics that a request names. It does so when the
// request arrives: an id that is older than the answer belongs to a topic that
// was deleted since, and does no harm.
func (b *Broker) resolve(batches []produced) {
	for i := range batches {
		p := &batches[i]
		if p.topic == "" {
			continue
		}
		id, known := b.marks.id(p.topic)
		if !known {
			b.use(func() {
				if info := b.cluster.TopicInfo(p.topic); info != nil {
					id = info.TopicID
					b.marks.setID(p.topic, id)
				}
			})
		}
		p.id = id
	}
}

// acknowledge stores what an answer says, before it goes out.
func (b *Broker) acknowledge(r request, answer []byte) error {
	switch {
	case r.key == keyEndTxn:
		return b.acknowledgeEnd(r, answer)
	case r.key == keyDeleteTopics:
		return b.acknowledgeDeletion(r, answer)
	case r.key != keyProduce:
		return nil
	}
	var err error
	walkErr := readProduced(answer, r.version, func(t *partitionAnswer) {
		sent := r.next(t)
		if t.code == 0 && sent != nil && err == nil {
			err = b.acknowledgeBatch(*sent, t.base)
		}
	})
	return errors.Join(walkErr, err)
}

func (b *Broker) acknowledgeBatch(sent produced, base int64) error {
	if sent.id == ([16]byte{}) { // the topic did not exist yet when the request came
		one := []produced{sent}
		b.resolve(one)
		sent = one[0]
	}
	name := sent.topic
	b.open.Lock()
	if name == "" {
		name = b.names[sent.id]
	}
	if sent.producer >= 0 && b.transactions[sent.producer] == nil {
		b.transactions[sent.producer] = make(map[string]bool)
	}
	b.open.Unlock()
	if name == "" {
		b.use(func() {
			if info := b.cluster.TopicIDInfo(sent.id); info != nil {
				name = info.Topic
			}
		})
	}
	if name == "" || sent.id == ([16]byte{}) {
		return nil // deleted meanwhile
	}
	b.open.Lock()
	b.names[sent.id] = name
	if sent.producer >= 0 {
		b.transactions[sent.producer][name] = true
	}
	b.open.Unlock()
	return b.marks.reach(logKey{sent.id, sent.partition}, name, base+sent.end)
}

// acknowledgeEnd stores where the topics of a transaction end, behind the
// markers that its answer speaks for.
func (b *Broker) acknowledgeEnd(r request, answer []byte) error {
	resp := kmsg.NewPtrEndTxnResponse()
	if err := readAnswer(resp, r.version, answer); err != nil || resp.ErrorCode != 0 {
		return err
	}
	b.open.Lock()
	topics := b.transactions[r.producer]
	delete(b.transactions, r.producer)
	b.open.Unlock()
	var err error
	for name := range topics {
		open := b.use(func() { err = b.measure(name) })
		if !open {
			return errClosing
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// acknowledgeDeletion stores which topics stay, whose deletion was refused.
func (b *Broker) acknowledgeDeletion(r request, answer []byte) error {
	resp := kmsg.NewPtrDeleteTopicsResponse()
	if err := readAnswer(resp, r.version, answer); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		id := t.TopicID
		if t.ErrorCode == 0 {
			continue
		}
		if t.Topic != nil {
			b.use(func() {
				if info := b.cluster.TopicInfo(*t.Topic); info != nil {
					id = info.TopicID
				}
			})
		}
		if err := b.marks.stays(id); err != nil {
			return err
		}
	}
	return nil
}

// measure stores where the partitions of a topic begin and end now.
func (b *Broker) measure(name string) error {
	info := b.cluster.TopicInfo(name)
	if info == nil {
		return nil
	}
	for _, p := range b.cluster.PartitionInfos(name) {
		if p.HighWatermark == 0 {
			continue
		}
		key := logKey{info.TopicID, p.Partition}
		if err := b.marks.set(key, name, p.LogStartOffset, p.HighWatermark); err != nil {
			return err
		}
	}
	return nil
}

// measureAll does it for all topics, and forgets those that are gone.
func (b *Broker) measureAll() error {
	gone := b.marks.topics() // first: what is made from here on is not among them
	topics, err := storedTopics(b.dir)
	if err != nil {
		return err
	}
	for _, t := range topics {
		delete(gone, t.ID)
		if err := b.measure(t.Name); err != nil {
			return err
		}
	}
	return b.marks.forget(gone)
}

// readAnswer parses a response behind the head of its frame.
func readAnswer(resp kmsg.Response, version int16, answer []byte) error {
	resp.SetVersion(version)
	body := answer[sizeBytes+4:]
	if resp.IsFlexible() {
		if len(body) == 0 || body[0] != 0 {
			return fmt.Errorf("want an answer without tags in its head, got % x", body[:min(len(body), 8)])
		}
		body = body[1:]
	}
	return resp.ReadFrom(body)
}

// watchDeletions stores what is about to be deleted before it is: a kill amid
// that leaves less than was acknowledged, and no loss.
func (b *Broker) watchDeletions() {
	b.intercept(kmsg.DeleteTopics, func(req kmsg.Request) kmsg.Response {
		r := req.(*kmsg.DeleteTopicsRequest)
		for _, t := range r.Topics {
			if t.Topic != nil && t.TopicID != ([16]byte{}) {
				return nil // kfake refuses all of it
			}
		}
		for _, name := range r.TopicNames {
			b.beforeTopic(name, [16]byte{})
		}
		for _, t := range r.Topics {
			if t.Topic != nil {
				b.beforeTopic(*t.Topic, [16]byte{})
			} else {
				b.beforeTopic("", t.TopicID)
			}
		}
		return nil
	})
	b.intercept(kmsg.DeleteRecords, func(req kmsg.Request) kmsg.Response {
		for _, t := range req.(*kmsg.DeleteRecordsRequest).Topics {
			for _, p := range t.Partitions {
				b.beforeRecords(t.Topic, p.Partition, p.Offset)
			}
		}
		return nil
	})
}

func (b *Broker) beforeTopic(name string, id [16]byte) {
	info := b.cluster.TopicIDInfo(id)
	if name != "" {
		info = b.cluster.TopicInfo(name)
	}
	if info == nil {
		return
	}
	b.open.Lock()
	delete(b.names, info.TopicID)
	b.open.Unlock()
	b.mustStore(b.marks.remove(info.TopicID))
}

func (b *Broker) beforeRecords(name string, partition int32, to int64) {
	info, p := b.cluster.TopicInfo(name), b.cluster.PartitionInfo(name, partition)
	if info == nil || p == nil {
		return
	}
	if to == -1 {
		to = p.HighWatermark
	}
	if to >= p.LogStartOffset && to <= p.HighWatermark {
		err := b.marks.set(logKey{info.TopicID, partition}, name, to, p.HighWatermark)
		if err == nil {
			err = b.marks.sync()
		}
		b.mustStore(err)
	}
}

// mustStore ends the service of a broker that cannot store what it must know.
func (b *Broker) mustStore(err error) {
	if err != nil {
		b.fail(err)
	}
}

// closeMarks stores where the logs end, as kfake has left them.
func (b *Broker) closeMarks() error {
	gone := b.marks.topics()
	topics, err := storedTopics(b.dir)
	for _, t := range topics {
		delete(gone, t.ID)
		err = errors.Join(err, b.marks.stays(t.ID))
		for p := range int32(t.Partitions) {
			s := readSnapshot(partitionFolder(b.dir, t.Name, p))
			if s != nil && s.High > 0 && err == nil {
				err = b.marks.set(logKey{t.ID, p}, t.Name, s.Start, s.High)
			}
		}
	}
	if err == nil {
		err = b.marks.forget(gone)
	}
	return errors.Join(err, b.marks.Close())
}
