package broker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The topics, each of two partitions.
const (
	plainTopic      = "plain"      // whose records clients delete
	shortTopic      = "short"      // whose records retention removes
	transactedTopic = "transacted" // written in transactions
	passingTopic    = "passing"    // made and deleted

	partitions = 2
)

// model is what clients know of a broker's topics by its answers.
type model struct {
	mu     sync.Mutex
	topics map[string]*topicModel
	txs    []*tx
	count  int
}

// topicModel is a topic. What was asked for and not answered may be or not.
type topicModel struct {
	exists, unsure bool
	partitions     [partitions]*partitionModel
}

// partitionModel is a partition.
type partitionModel struct {
	sent       map[string]bool
	known      map[int64]string // by offset: acknowledged, or seen after a kill
	start, end int64            // end: at least
	asked      int64            // to be deleted up to here, not answered; -1: no
	retained   bool             // retention may remove its beginning
}

// tx is a transaction.
type tx struct {
	values [partitions][]string
	state  txState
	seen   [partitions]*bool // whether its records were there after a kill
}

type txState int

const (
	txOpen txState = iota
	txCommitting
	txAborting
	txCommitted
	txAborted
)

func newModel() *model {
	m := &model{topics: make(map[string]*topicModel)}
	for _, name := range []string{plainTopic, shortTopic, transactedTopic, passingTopic} {
		m.topics[name] = newTopicModel(name)
	}
	return m
}

func newTopicModel(name string) *topicModel {
	t := &topicModel{exists: name != passingTopic}
	for i := range t.partitions {
		t.partitions[i] = &partitionModel{sent: make(map[string]bool), known: make(map[int64]string), asked: -1,
			retained: name == shortTopic}
	}
	return t
}

func (m *model) makeTopics(t *testing.T, s *server) {
	t.Helper()
	cl := s.client()
	defer cl.Close()
	for name, topic := range m.topics {
		if !topic.exists {
			continue
		}
		configs := map[string]*string{"segment.bytes": kadm.StringPtr("4000")}
		if name == shortTopic {
			configs["retention.bytes"] = kadm.StringPtr("20000")
		}
		if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, configs, name); err != nil {
			t.Fatal(err)
		}
	}
}

// sending records what is about to be sent.
func (m *model) sending(topic string, partition int32, size int) (p *partitionModel, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	value = fmt.Sprintf("%s-%d-%d-", topic, partition, m.count) + strings.Repeat("x", size)
	p = m.topics[topic].partitions[partition]
	p.sent[value] = true
	return p, value
}

func (m *model) acknowledged(p *partitionModel, offset int64, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.known[offset] = value
	p.end = max(p.end, offset+1)
}

func (m *model) beginning() *tx {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.txs = append(m.txs, new(tx))
	return m.txs[len(m.txs)-1]
}

func (m *model) partOf(x *tx, partition int32, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x.values[partition] = append(x.values[partition], value)
}

func (m *model) ending(x *tx, commit bool) { m.setTx(x, commit, txCommitting, txAborting) }
func (m *model) ended(x *tx, commit bool)  { m.setTx(x, commit, txCommitted, txAborted) }

func (m *model) setTx(x *tx, commit bool, committed, aborted txState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x.state = aborted; commit {
		x.state = committed
	}
}

// deleting draws up to where records are to be deleted.
func (m *model) deleting(topic string, partition int32, part float64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.topics[topic].partitions[partition]
	p.asked = p.start + int64(part*part*float64(p.end-p.start))
	return p.asked
}

func (m *model) deleted(topic string, partition int32, to int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.topics[topic].partitions[partition]
	p.start, p.asked = max(p.start, to), -1
}

// making reports whether a topic is to be made, and records that it will be.
func (m *model) making(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.topics[name].exists {
		return false
	}
	m.topics[name] = newTopicModel(name)
	m.topics[name].unsure = true
	return true
}

func (m *model) made(name string)     { m.setTopic(name, true, false) }
func (m *model) removing(name string) { m.setTopic(name, true, true) }
func (m *model) removed(name string)  { m.setTopic(name, false, false) }

func (m *model) setTopic(name string, exists, unsure bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topics[name].exists, m.topics[name].unsure = exists, unsure
}

func (m *model) counts() string {
	n := 0
	for _, topic := range m.topics {
		for _, p := range topic.partitions {
			n += len(p.known)
		}
	}
	return fmt.Sprintf("%d records sent, %d there in the end, %d transactions", m.count, n, len(m.txs))
}

// check compares what a broker has after a kill.
func (m *model) check(t *testing.T, s *server) {
	t.Helper()
	cl := s.client()
	defer cl.Close()
	admin := kadm.NewClient(cl)
	starts, err := admin.ListStartOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ends, err := admin.ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, topic := range m.topics {
		_, is := ends[name]
		if !topic.unsure && is != topic.exists {
			t.Errorf("topic %s: there: %v, want %v", name, is, topic.exists)
		}
		if topic.exists, topic.unsure = is, false; !is {
			m.topics[name] = newTopicModel(name)
			m.topics[name].exists = false
			continue
		}
		for i, p := range topic.partitions {
			start, _ := starts.Lookup(name, int32(i))
			end, _ := ends.Lookup(name, int32(i))
			p.checkEnds(t, fmt.Sprintf("%s, partition %d", name, i), start.Offset, end.Offset)
		}
	}
	if !t.Failed() {
		m.checkRecords(t, s, cl)
	}
}

func (p *partitionModel) checkEnds(t *testing.T, name string, start, end int64) {
	t.Helper()
	if end < p.end {
		t.Errorf("%s: it ends at %d, and was acknowledged up to %d", name, end, p.end)
	}
	asked := p.asked >= p.start && start == p.asked
	if start != p.start && !asked && !(p.retained && start > p.start) || start > end {
		t.Errorf("%s: it begins at %d and ends at %d, want a begin of %d (asked for: %d)", name, start, end, p.start,
			p.asked)
	}
	p.start, p.end, p.asked = start, end, -1
}

// checkRecords reads all topics up to a last record, for which it writes one. Its
// offset is where the partition had ended.
func (m *model) checkRecords(t *testing.T, s *server, cl *kgo.Client) {
	t.Helper()
	lasts := make(map[string][partitions]string)
	for name, topic := range m.topics {
		if !topic.exists {
			continue
		}
		var last [partitions]string
		for i := range last {
			p, value := m.sending(name, int32(i), 0)
			r, err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: name, Partition: int32(i), Value: []byte(value)}).First()
			if err != nil {
				t.Fatalf("writing to %s: %v", name, err)
			}
			if r.Offset != p.end {
				t.Errorf("%s, partition %d ended at %d, and its next record is at %d", name, i, p.end, r.Offset)
			}
			m.acknowledged(p, r.Offset, value)
			last[i] = value
		}
		lasts[name] = last
	}
	all := readUntil(t, s, lasts, kgo.ReadUncommitted())
	for name := range lasts {
		for i, p := range m.topics[name].partitions {
			p.checkKnown(t, fmt.Sprintf("%s, partition %d", name, i), all[logName{name, int32(i)}])
		}
	}
	one := map[string][partitions]string{transactedTopic: lasts[transactedTopic]}
	visible := readUntil(t, s, one, kgo.ReadCommitted())
	for i := range partitions {
		m.checkTransactions(t, i, visible[logName{transactedTopic, int32(i)}])
	}
}

type logName struct {
	topic     string
	partition int32
}

func readUntil(t *testing.T, s *server, lasts map[string][partitions]string, isolation kgo.IsolationLevel,
) map[logName]map[int64]string {
	t.Helper()
	from := make(map[string]map[int32]kgo.Offset)
	found, waiting := make(map[logName]map[int64]string), 0
	for name := range lasts {
		from[name] = make(map[int32]kgo.Offset)
		for i := range int32(partitions) {
			from[name][i] = kgo.NewOffset().AtStart()
			found[logName{name, i}] = make(map[int64]string)
			waiting++
		}
	}
	cl := s.client(kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(isolation))
	defer cl.Close()
	for waiting > 0 {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatalf("reading: %v", err)
		}
		for _, r := range fetches.Records() {
			found[logName{r.Topic, r.Partition}][r.Offset] = string(r.Value)
			if string(r.Value) == lasts[r.Topic][r.Partition] {
				waiting--
			}
		}
	}
	return found
}

// checkKnown makes sure that all that is known is there, and nothing twice or from
// nowhere. From here on what is there is known.
func (p *partitionModel) checkKnown(t *testing.T, name string, found map[int64]string) {
	t.Helper()
	if p.retained { // what went while this was read
		p.start = max(p.start, slices.Min(slices.Collect(maps.Keys(found))))
	}
	for offset, value := range p.known {
		if got, there := found[offset]; offset >= p.start && (!there || got != value) {
			t.Errorf("%s, offset %d: got %.40q, want %.40q", name, offset, got, value)
		}
	}
	seen := make(map[string]bool)
	for offset, value := range found {
		if !p.sent[value] || seen[value] {
			t.Errorf("%s, offset %d: %.40q was not sent, or is there twice", name, offset, value)
		}
		seen[value] = true
	}
	p.known = found
}

// checkTransactions makes sure that each is there in a partition with all of its
// records or with none, as its end says, and as it was after the kill before.
func (m *model) checkTransactions(t *testing.T, partition int, found map[int64]string) {
	t.Helper()
	visible := make(map[string]bool)
	for _, value := range found {
		visible[value] = true
	}
	for _, x := range m.txs {
		values := x.values[partition]
		if len(values) == 0 {
			continue
		}
		is := visible[values[0]]
		sometimes := slices.ContainsFunc(values, func(v string) bool { return visible[v] != is })
		mayBe := x.state != txAborted && x.state != txAborting && x.state != txOpen
		mayNot := x.state != txCommitted
		if sometimes || is && !mayBe || !is && !mayNot || x.seen[partition] != nil && *x.seen[partition] != is {
			t.Errorf("partition %d: a transaction in state %d is there: %v, in parts: %v", partition, x.state, is, sometimes)
		}
		x.seen[partition] = &is
	}
}
