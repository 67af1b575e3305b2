package redpanda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const (
	maxAbsent  = 4 * time.Second // a broker that just started may not know its topics yet
	maxTrouble = time.Minute     // for whoever waits for an end; others wait for ever
)

// handle acts upon a snapshot.
func (r *reader) handle(snap snapshot) error {
	if snap.err != nil || snap.missing {
		r.suspect = true
		for _, p := range r.partitions {
			r.wake(p) // we cannot know, so no partition is at its end
		}
	}
	if snap.err != nil {
		return r.unanswered(snap.err)
	}
	r.away = time.Time{}
	if err := r.checkTopics(snap); err != nil || snap.missing {
		return err
	}
	if err := r.checkPartitions(snap); err != nil {
		return err
	}
	if err := r.verifyFingerprints(snap); err != nil {
		return err
	}
	r.addPartitions(snap)
	r.draining = r.draining || snap.drain
	for _, p := range r.partitions {
		if err := r.update(p, snap); err != nil {
			return err
		}
	}
	return nil
}

// update acts upon what a snapshot says of one partition.
func (r *reader) update(p *partition, snap snapshot) error {
	e, known := snap.limits[p.at]
	if !known {
		return nil
	}
	if snap.drain {
		r.setTarget(p, snap)
	}
	r.setHigh(p, e.high)
	if p.moved && p.target > e.high {
		p.target = e.high // what was to be read up to there is lost
		r.updateEnd(p)
	}
	if s, ok := snap.skips[p.at]; ok && s.from == p.next {
		p.failing = time.Time{}
		r.advance(p, s.to)
	}
	if p.next < p.high {
		r.wake(p)
	}
	r.markIdle(p, snap.asked)
	if err := snap.faults[p.at]; err != nil {
		return r.fault(p, err)
	}
	return nil
}

// unanswered decides about a cluster that is away. Who follows a topic wants to
// go on when it is back, whenever that is; who reads up to an end waits for the
// end, so that an error is better than silence.
func (r *reader) unanswered(err error) error {
	if r.away.IsZero() {
		r.away = time.Now()
	}
	if r.bounded() && time.Since(r.away) > maxTrouble {
		return fmt.Errorf("reading %s from %s: %w for %s: %w", strings.Join(r.config.Topic, ", "), r.k.name,
			sdk.ErrDisconnected, maxTrouble, err)
	}
	return nil
}

// bounded reports whether reading has an end.
func (r *reader) bounded() bool { return r.draining || r.limit != unlimited }

// checkTopics stops at topics that are gone, or not the ones we began to read.
func (r *reader) checkTopics(snap snapshot) error {
	if snap.missing {
		if r.absent.IsZero() {
			r.absent = time.Now()
		}
		if time.Since(r.absent) > maxAbsent {
			return fmt.Errorf("reading %s: a topic was deleted while it was read",
				strings.Join(r.config.Topic, ", "))
		}
		return nil
	}
	r.absent = time.Time{}
	var anew []*partition
	for _, p := range r.partitions {
		id := topicID(snap.topics[p.at.topic].ID)
		if _, exists := snap.limits[p.at]; id == p.id || id == (topicID{}) || !exists {
			continue
		}
		was := p.id.String()
		p.id = id
		to, why := p.gone(was, snap.limits[p.at])
		if err := r.lost(p, to, why); err != nil {
			return err
		}
		p.move(to)
		r.setHigh(p, snap.limits[p.at].high)
		anew = append(anew, p)
	}
	r.reread(anew)
	return nil
}

// reread begins to fetch again where the partitions now are, from topics made
// again.
func (r *reader) reread(anew []*partition) {
	if len(anew) == 0 {
		return
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
}

// checkPartitions stops at partitions that are gone. A broker that has not heard
// of a new one yet may have answered, so they must stay away.
func (r *reader) checkPartitions(snap snapshot) error {
	var gone []*partition
	for _, p := range r.partitions {
		if _, exists := snap.limits[p.at]; exists {
			p.absent = time.Time{}
			continue
		}
		if p.absent.IsZero() {
			p.absent = time.Now()
		}
		if time.Since(p.absent) <= maxAbsent {
			continue
		}
		if err := r.vanished(p.name, p.next); err != nil {
			return err
		}
		gone = append(gone, p)
	}
	if len(gone) == 0 {
		return nil
	}
	remove := make(map[string][]int32)
	for _, p := range gone {
		remove[p.at.topic] = append(remove[p.at.topic], p.at.partition)
		delete(r.byAt, p.at)
	}
	r.k.RemoveConsumePartitions(remove)
	r.mu.Lock()
	r.partitions = slices.DeleteFunc(slices.Clone(r.partitions), func(p *partition) bool {
		return slices.Contains(gone, p)
	})
	r.mu.Unlock()
	r.pushSignal(&sdk.Signal{Kind: sdk.Partitions, Partitions: names(r.partitions)})
	return nil
}

// addPartitions begins to read partitions that were added, from their beginning.
func (r *reader) addPartitions(snap snapshot) {
	if r.draining {
		return
	}
	var added []*partition
	for at, e := range snap.limits {
		if r.byAt[at] != nil {
			continue
		}
		p := newPartition(at, topicID(snap.topics[at.topic].ID), e)
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
	r.pushSignal(&sdk.Signal{Kind: sdk.Partitions, Partitions: names(r.partitions)})
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
		r.suspect = true
		if lost := r.handle(r.snapshot(r.ctx)); lost != nil {
			return lost
		}
	}
	coded, ok := errors.AsType[*kerr.Error](err)
	if ok && !coded.Retriable && coded != kerr.UnknownServerError {
		return fmt.Errorf("reading %s: %w", p.name, r.k.explain(err))
	}
	if p.lastLogged != err.Error() {
		p.lastLogged = err.Error()
		r.env.Log.Warn("a fetch failed; trying again", "partition", p.name, "cause", err)
	}
	if p.failing.IsZero() {
		p.failing = time.Now()
	}
	heals := ok && coded.Retriable && coded != kerr.CorruptMessage
	if (!heals || r.bounded()) && time.Since(p.failing) > maxTrouble {
		return fmt.Errorf("reading %s from %s: %w, nothing but this for %s: %w", p.name, r.k.name,
			sdk.ErrDisconnected, maxTrouble, err)
	}
	return nil
}

// outOfRange compares a position that the broker refused with what there is.
func (r *reader) outOfRange(p *partition) error {
	snap := r.snapshot(r.ctx)
	before := p.next
	if err := r.handle(snap); err != nil || snap.err != nil || snap.missing || p.next != before {
		return err
	}
	to, why := p.gone("", snap.limits[p.at])
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
