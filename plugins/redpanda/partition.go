package redpanda

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is what we know of one partition. The reader owns it, but for the
// fields that the source's lock guards.
type partition struct {
	at    tp
	name  string
	id    topicID
	next  int64 // offset after what has been cut into jobs
	epoch int32 // of the leader that wrote the record before next
	high  int64 // end of what is written, as far as we heard
	idle  bool  // we said so, and gave nothing since

	target int64  // where a drain ends; -1 without one
	fails  int    // errors in a row
	told   string // the last of them that was logged

	// Guarded by source.mu:
	cursor []byte // behind what Next has given
	read   int64  // its offset
	end    int64  // high, for Lag
}

func newPartition(at tp, id topicID, e ends) *partition {
	return &partition{at: at, name: at.String(), id: id, epoch: -1, high: e.high, end: e.high, target: -1}
}

func comparePartitions(a, b *partition) int {
	return cmp.Or(strings.Compare(a.at.topic, b.at.topic), cmp.Compare(a.at.partition, b.at.partition))
}

// resume takes a position, if the log still has it.
func (p *partition) resume(s *source, c cursor, e ends) error {
	p.next, p.epoch = c.Offset, c.Epoch
	if to, why := p.gone(c.TopicID, e); why != "" {
		if err := s.lost(p, to, why); err != nil {
			return err
		}
		p.next, p.epoch = to, -1
	}
	p.read, p.cursor = p.next, p.here().bytes()
	return nil
}

// move sets a position that does not follow from the one before. Until we hear
// where the log ends there may be something to come.
func (p *partition) move(to int64) { p.next, p.epoch, p.high = to, -1, to+1 }

// gone tells why a position is not in the log, and where to go on instead.
func (p *partition) gone(topic string, e ends) (to int64, why string) {
	switch {
	case topic != "" && p.id.String() != "" && topic != p.id.String():
		return e.start, fmt.Sprintf("the topic was deleted and made again; its log is %d to %d", e.start, e.high)
	case p.next < e.start:
		return e.start, fmt.Sprintf("the log now begins at offset %d (retention)", e.start)
	case p.next > e.high:
		return e.high, fmt.Sprintf("the log ends at offset %d (records lost, or topic made again)", e.high)
	}
	return 0, ""
}

// here is the position as the engine keeps it.
func (p *partition) here() cursor {
	return cursor{Offset: p.next, Epoch: p.epoch, TopicID: p.id.String()}
}

// consume starts fetching at the partitions' positions. The epoch lets the
// client find out that what we read last has been replaced since.
func (k *cluster) consume(partitions []*partition) {
	offsets := make(map[string]map[int32]kgo.Offset)
	for _, p := range partitions {
		if offsets[p.at.topic] == nil {
			offsets[p.at.topic] = make(map[int32]kgo.Offset)
		}
		offsets[p.at.topic][p.at.partition] = kgo.NewOffset().At(p.next).WithEpoch(p.epoch)
	}
	k.AddConsumePartitions(offsets)
}

// lost decides about a position that no longer exists: nil to go on at to.
func (s *source) lost(p *partition, to int64, why string) error {
	if s.config.OnDataLoss == lossContinue {
		s.env.Log.Warn("records are gone before they were read; going on as on_data_loss says",
			"partition", p.name, "position", p.next, "continues", to, "lost", max(0, to-p.next), "cause", why)
		return nil
	}
	return fmt.Errorf("%s: position %d no longer exists: %s; set on_data_loss: continue to go on at offset %d, "+
		"or, to begin anew, delete the state directory and the outputs", p.name, p.next, why, to)
}
