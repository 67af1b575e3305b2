package redpanda

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partition is what we know of one partition. The reader owns it, but for the
// fields that the source's lock guards.
type partition struct {
	at    tp
	name  string
	id    topicID
	next  int64 // offset after what has been made into jobs
	epoch int32 // of the leader that wrote the record before next
	high  int64 // end of what is written, as far as we know

	fingerprint fingerprint // of a topic without an id

	idle       bool      // an Idle signal was sent, and no job since
	target     int64     // where reading ends; -1: nowhere
	moved      bool      // records were lost
	failing    time.Time // since when there are only errors
	lastLogged string    // the last of them that was logged
	absent     time.Time // since when it does not exist

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

// resume sets the position, if the log still has it.
func (p *partition) resume(ctx context.Context, s *source, c cursor, e ends, leader int32) error {
	if err := p.prove(s, c); err != nil {
		return err
	}
	p.next, p.epoch, p.fingerprint = c.Offset, c.Epoch, c.Fingerprint
	to, why := p.gone(c.TopicID, e)
	if why == "" && p.fingerprint.After > e.start && (c.TopicID == "" || p.id == topicID{}) {
		var err error
		if why, err = s.verifyFingerprint(ctx, p.at, p.fingerprint, leader); err != nil {
			return fmt.Errorf("reading the record before offset %d of %s: %w", p.next, p.name, s.k.explain(err))
		}
		to = e.start
	}
	if why != "" {
		if err := s.lost(p, to, why); err != nil {
			return err
		}
		p.next, p.epoch, p.fingerprint = to, -1, fingerprint{}
	}
	p.read, p.cursor = p.next, p.here().bytes()
	return nil
}

// move sets a position that does not follow from the one before. Until we know
// where the log ends there may be something to come.
func (p *partition) move(to int64) {
	p.next, p.epoch, p.fingerprint = to, -1, fingerprint{}
	p.high, p.moved = to+1, true
}

// gone returns why a position is not in the log ("" if it is), and where to go on instead.
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
	return cursor{Offset: p.next, Epoch: p.epoch, TopicID: p.id.String(), Fingerprint: p.fingerprint}
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
		"or run with --fresh to begin anew", p.name, p.next, why, to)
}

// vanished decides about a partition that no longer exists: nil to go on
// without it.
func (s *source) vanished(name string, position int64) error {
	const why = "the topic was deleted and made again with fewer partitions"
	if s.config.OnDataLoss == lossContinue {
		s.env.Log.Warn("a partition does not exist any more; going on without it as on_data_loss says",
			"partition", name, "position", position, "cause", why)
		return nil
	}
	return fmt.Errorf("%s: the partition was read to offset %d and does not exist any more: %s; "+
		"set on_data_loss: continue to go on without it, or run with --fresh to begin anew", name, position, why)
}
