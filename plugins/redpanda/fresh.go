package redpanda

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"etlengine/plugins/sdk"
)

// inspect lists what forget removes, and the topic that it leaves.
func inspect(ctx context.Context, c *SinkConfig, env sdk.Env) (sdk.Report, error) {
	list, err := leftovers(ctx, c, env)
	return sdk.Report{Leftovers: list}, err
}

func leftovers(ctx context.Context, c *SinkConfig, env sdk.Env) ([]string, error) {
	var list []string
	spools, err := spoolArea(env.StateDir, ownerOf(env)).List()
	if err != nil {
		return nil, err
	}
	if len(spools) > 0 {
		list = append(list, fmt.Sprintf("%d spool files of topic %s", len(spools), c.Topic))
	}
	p, err := visit(ctx, c, env)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if c.isOurs() {
		logs, err := p.logs(ctx, c.Topic)
		if errors.Is(err, errMissing) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		records := int64(0)
		for _, l := range logs {
			records += l.high - l.start
		}
		return append(list, fmt.Sprintf("topic %s of the embedded broker, about %d records", c.Topic, records)), nil
	}
	newest, err := p.newestMarker(ctx, ownerOf(env))
	if err == nil && newest.Epoch > 0 {
		list = append(list, fmt.Sprintf("the note in topic %s at %s that epoch %d is in topic %s, "+
			"which stays as it is", epochsTopic, p.name, newest.Epoch, c.Topic))
	}
	return list, err
}

// forget removes the spools, the marker of what was committed and, on the
// embedded broker, the topic.
func forget(ctx context.Context, c *SinkConfig, env sdk.Env) error {
	p, err := visit(ctx, c, env)
	if err != nil {
		return err
	}
	defer p.close()
	o := ownerOf(env)
	newest, err := p.newestMarker(ctx, o)
	if err != nil {
		return err
	}
	if newest.Epoch > 0 {
		if err := p.removeMarker(ctx, o); err != nil {
			return err
		}
	}
	if c.isOurs() {
		_, err := p.admin.DeleteTopic(ctx, c.Topic)
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("deleting topic %q: %w", c.Topic, p.explain(err))
		}
	}
	// Last: while there are spools there is something to forget.
	return spoolArea(env.StateDir, o).Forget(ctx)
}

func visit(ctx context.Context, c *SinkConfig, env sdk.Env) (*producer, error) {
	return connectProducer(ctx, c, env, min(shortTransaction, time.Duration(c.Timeout)))
}

// newestMarker ends what an engine before left open, and reads its newest marker.
func (p *producer) newestMarker(ctx context.Context, o owner) (markerRef, error) {
	err := p.fence(ctx, o, 0)
	if errors.Is(err, errMissing) {
		return markerRef{}, nil
	}
	return p.newest, err
}

// removeMarker writes a tombstone for the markers of an output.
func (p *producer) removeMarker(ctx context.Context, o owner) error {
	_, err := p.writeMarker(ctx, o, nil)
	if err != nil {
		return fmt.Errorf("removing the note of %s from topic %s: %w", o.key(), epochsTopic,
			err)
	}
	return nil
}
