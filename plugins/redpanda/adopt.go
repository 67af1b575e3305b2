package redpanda

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
)

// elsewhere reports whether a handle is about another cluster than the producer's.
func (h *handle) elsewhere(p *producer) bool {
	return h.Cluster != "" && p.id != "" && h.Cluster != p.id
}

// adopts reports whether the user accepts that the topic of epochs has lost the notes of an
// output that a handle is about. Once open the sink has notes of its own.
func (s *store) adopts(p *producer, h *handle) bool {
	return s.env.Adopt && s.opening && p.noted.Epoch == 0 && h.note().Epoch > 0
}

// noteAgain writes the note that the topic of epochs has lost: of the handle's epoch if the
// engine knows that it was published or if the topic has it, else of the one before.
func (s *store) noteAgain(ctx context.Context, p *producer, h *handle) error {
	m := marker{Version: markerVersion, Epoch: h.Previous.Epoch, ID: h.Previous.ID, Topic: h.Topic}
	published := h.Spool == nil || s.env.Published
	if h.Spool != nil && !published {
		found, err := p.find(ctx, s.owner, h)
		if err != nil {
			return err
		}
		if published = len(found) == len(h.Spool.Shares); published {
			m.Last = found
		}
	}
	if n := h.note(); published && h.Spool != nil {
		m.Epoch, m.ID, m.Records = n.Epoch, n.ID, h.Spool.Records
	}
	if m.Epoch == 0 {
		return nil // nothing was published before: nothing to note
	}
	value, err := json.Marshal(m)
	if err == nil {
		m.at, err = p.writeNote(ctx, s.owner, value)
	}
	if err != nil {
		return fmt.Errorf("noting epoch %d of %s again in topic %s: %w", m.Epoch, s.owner.key(), epochsTopic, err)
	}
	p.marker, p.noted = m, note{staging.Committed{Epoch: m.Epoch, ID: m.ID}, m.at}
	s.env.Log.Warn("the topic of epochs had no note of this output; it has one again, as --adopt says",
		"topic", h.Topic, "epoch", m.Epoch, "published", published)
	return nil
}

// find looks for an epoch's last records in the whole topic.
func (p *producer) find(ctx context.Context, o owner, h *handle) (map[int32]int64, error) {
	logs, err := p.logs(ctx, h.Topic)
	if err != nil {
		return nil, err
	}
	whole, spool := *h, *h.Spool
	whole.Spool = &spool
	spool.Shares = nil
	for _, sh := range h.Spool.Shares {
		if l, exists := logs[sh.Partition]; exists {
			sh.From = max(sh.From, l.start)
			spool.Shares = append(spool.Shares, sh)
		}
	}
	return p.look(ctx, o, &whole, false)
}

// writeNote writes a record of the topic of epochs in a transaction of its own; a nil value
// removes the notes before it.
func (p *producer) writeNote(ctx context.Context, o owner, value []byte) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	record := &kgo.Record{Topic: epochsTopic, Key: []byte(o.key()), Value: value, Timestamp: time.Now()}
	if err = p.BeginTransaction(); err == nil {
		err = p.ProduceSync(ctx, record).FirstErr()
	}
	if err == nil {
		err = p.EndTransaction(ctx, kgo.TryCommit)
	}
	if err != nil {
		return 0, withRights(p.explain(err), o)
	}
	return record.Offset, nil
}

// intact is an error if the topic ends before the last record that was noted of it: then it
// was made again unseen, or the broker has lost what it had acknowledged.
func (s *store) intact(ctx context.Context, p *producer) error {
	if s.env.Adopt || p.marker.Topic != s.config.Topic || len(p.marker.Last) == 0 {
		return nil
	}
	logs, err := p.logs(ctx, s.config.Topic)
	if err != nil {
		return err
	}
	for partition, at := range p.marker.Last {
		if l, exists := logs[partition]; exists && l.high > at {
			continue
		}
		return goneTopic(s.config.Topic, p.name, fmt.Sprintf("ends at offset %d in partition %d, where epoch %d "+
			"had its "+
			"last record at %d (it was made again, or the broker has lost records)", logs[partition].high, partition,
			p.marker.Epoch, at))
	}
	return nil
}

// takesStill is an error if the topic would refuse what a recorded epoch holds, since its
// settings have changed.
func (t *target) takesStill(h *handle, overhead int, broker string) error {
	const way = "; set it back for one run, which writes the epoch, or run with --fresh to begin anew"
	switch {
	case t.compacted && h.Spool.Keyless > 0:
		return lastingf("topic %q at %s is compacted by now (cleanup.policy %s) and takes no record without a "+
			"key, of which "+
			"epoch %d has %d%s", h.Topic, broker, t.policy, h.Epoch, h.Spool.Keyless, way)
	case h.Spool.Largest > t.limit-overhead:
		return lastingf("topic %q at %s takes records of %d bytes by now (max.message.bytes), and epoch %d has "+
			"one of %d%s",
			h.Topic, broker, t.limit, h.Epoch, h.Spool.Largest, way)
	}
	return nil
}

// moved is the error for rows that only another cluster can show.
func (h *handle) moved(p *producer) error {
	return lastingf("epoch %d is not yet written, and is for topic %q of another cluster than %s: run once "+
		"with brokers as "+
		"they were, until it ends or Ctrl-C stops it, or with --fresh to begin anew", h.Epoch, h.Topic, p.name)
}
