package redpanda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	maxFails  = 20              // of a partition in a row: with the pauses, more than a minute
	maxAbsent = 4 * time.Second // a broker that just started may not know its topics yet
)

// heed acts upon a survey.
func (r *reader) heed(v survey) error {
	if v.err != nil {
		for _, p := range r.partitions {
			r.stir(p) // we cannot know, so no partition is at its end
		}
		return nil
	}
	if err := r.checkTopics(v); err != nil || v.missing {
		return err
	}
	r.adopt(v)
	for _, p := range r.partitions {
		e, known := v.limits[p.at]
		if !known {
			continue
		}
		r.heard(p, e.high)
		if s, ok := v.skips[p.at]; ok && s.from == p.next {
			r.advance(p, s.to)
		}
		if p.next < p.high {
			r.stir(p)
		}
		r.rest(p)
		if v.drain {
			p.target = e.stable
		}
	}
	r.draining = r.draining || v.drain
	return nil
}

// checkTopics stops at topics that are gone, or not the ones we began to read.
func (r *reader) checkTopics(v survey) error {
	if v.missing {
		if r.absent.IsZero() {
			r.absent = time.Now()
		}
		if time.Since(r.absent) > maxAbsent {
			return fmt.Errorf("reading %v: a topic was deleted while it was read", r.config.Topic)
		}
		return nil
	}
	r.absent = time.Time{}
	var anew []*partition
	for _, p := range r.partitions {
		id := topicID(v.topics[p.at.topic].ID)
		if id == p.id || id == (topicID{}) {
			continue
		}
		was := p.id.String()
		p.id = id
		to, why := p.gone(was, v.limits[p.at])
		if err := r.lost(p, to, why); err != nil {
			return err
		}
		p.move(to)
		r.heard(p, v.limits[p.at].high)
		anew = append(anew, p)
	}
	if len(anew) == 0 {
		return nil
	}
	var topics []string
	for _, p := range anew {
		topics = append(topics, p.at.topic)
	}
	r.k.PurgeTopicsFromConsuming(topics...)
	r.k.consume(anew)
	for _, p := range anew {
		r.advance(p, p.next)
	}
	return nil
}

// adopt begins to read partitions that were added, from their beginning.
func (r *reader) adopt(v survey) {
	if r.draining {
		return
	}
	var added []*partition
	for at, e := range v.limits {
		if r.byAt[at] != nil {
			continue
		}
		p := newPartition(at, topicID(v.topics[at.topic].ID), e)
		p.next, p.read = e.start, e.start
		p.cursor = p.here().bytes()
		r.byAt[at] = p
		added = append(added, p)
	}
	if len(added) == 0 {
		return
	}
	r.mu.Lock()
	r.partitions = append(r.partitions, added...)
	r.mu.Unlock()
	r.say(&sdk.Signal{Kind: sdk.Partitions, Partitions: names(r.partitions)})
	r.k.consume(added)
}

// fault decides about an error of a fetch: nil to go on.
func (r *reader) fault(p *partition, err error) error {
	loss, moved := errors.AsType[*kgo.ErrDataLoss](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
		return nil
	case moved:
		why := fmt.Sprintf("records from offset %d on were replaced by others", loss.ResetTo)
		return r.seek(p, loss.ResetTo, why)
	case errors.Is(err, kerr.OffsetOutOfRange):
		return r.outOfRange(p)
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID),
		errors.Is(err, kerr.UnknownTopicOrPartition):
		if lost := r.heed(r.look(r.ctx)); lost != nil {
			return lost
		}
	}
	p.fails++
	if p.told != err.Error() {
		p.told = err.Error()
		r.env.Log.Warn("a fetch failed; trying again", "partition", p.name, "cause", err)
	}
	coded, ok := errors.AsType[*kerr.Error](err)
	if ok && !coded.Retriable && coded != kerr.UnknownServerError {
		return fmt.Errorf("reading %s: %w", p.name, r.k.explain(err))
	}
	if p.fails > maxFails {
		return fmt.Errorf("reading %s: %w: %w", p.name, sdk.ErrDisconnected, err)
	}
	return nil
}

// outOfRange compares a position that the broker refused with what there is.
func (r *reader) outOfRange(p *partition) error {
	v := r.look(r.ctx)
	before := p.next
	if err := r.heed(v); err != nil || v.err != nil || v.missing || p.next != before {
		return err
	}
	to, why := p.gone("", v.limits[p.at])
	if why == "" {
		return nil // in range again: ask once more
	}
	return r.seek(p, to, why)
}

// seek goes on elsewhere, if the user allows.
func (r *reader) seek(p *partition, to int64, why string) error {
	if err := r.lost(p, to, why); err != nil {
		return err
	}
	p.move(to)
	r.k.SetOffsets(map[string]map[int32]kgo.EpochOffset{
		p.at.topic: {p.at.partition: {Epoch: -1, Offset: to}},
	})
	r.advance(p, to)
	return nil
}
