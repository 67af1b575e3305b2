package redpanda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

const askAgain = 25 * time.Millisecond // while a topic that was just made spreads

// ends are the limits of a partition's log.
type ends struct {
	start  int64 // oldest record
	stable int64 // end of what is decided: an open transaction begins here
	high   int64 // end of what is written
}

// errMissing is a topic that does not exist, or not yet.
var errMissing = errors.New("does not exist")

// describe returns the topics once each exists and all partitions have leaders.
// It waits for that only if wait is set, or if it is a matter of leaders.
func (k *cluster) describe(ctx context.Context, wait bool, topics ...string) (kadm.TopicDetails, error) {
	for {
		details, err := k.admin.ListTopics(ctx, topics...)
		if err == nil {
			err = unready(details)
		}
		if err == nil || errors.Is(err, errMissing) && !wait {
			return details, err
		}
		if kerr.IsRetriable(err) || errors.Is(err, errMissing) {
			select {
			case <-time.After(askAgain):
				continue
			case <-ctx.Done():
			}
		}
		return details, fmt.Errorf("asking %s for topics: %w", k.name, k.explain(err))
	}
}

func unready(details kadm.TopicDetails) error {
	for _, t := range details.Sorted() {
		if errors.Is(t.Err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("topic %q %w", t.Topic, errMissing)
		}
		if t.Err != nil {
			return fmt.Errorf("topic %q: %w", t.Topic, t.Err)
		}
		for _, p := range t.Partitions.Sorted() {
			if p.Leader < 0 {
				return fmt.Errorf("topic %q: partition %d: %w", t.Topic, p.Partition, kerr.LeaderNotAvailable)
			}
		}
	}
	return nil
}

// missing adds what does exist to the error of a topic that does not.
func (k *cluster) missing(ctx context.Context, err error, wanted []string) error {
	details, listErr := k.admin.ListTopics(ctx)
	if listErr != nil {
		return fmt.Errorf("%w at %s", err, k.name)
	}
	isOurs := func(name string) bool { return name == epochsTopic }
	names := slices.DeleteFunc(details.Names(), isOurs)
	for _, topic := range wanted {
		if near := sdk.Nearest(topic, names); near != "" && !slices.Contains(names, topic) {
			return fmt.Errorf("%w at %s, did you mean %s?", err, k.name, near)
		}
	}
	have := "there are no topics"
	if len(names) > 0 {
		const most = 20
		have = "have " + strings.Join(names[:min(len(names), most)], ", ")
		if len(names) > most {
			have += fmt.Sprintf(" and %d more", len(names)-most)
		}
	}
	return fmt.Errorf("%w at %s (%s)", err, k.name, have)
}

// ends asks for the limits of all partitions of the topics.
func (k *cluster) ends(ctx context.Context, topics ...string) (map[tp]ends, error) {
	limits := make(map[tp]ends)
	for _, list := range []struct {
		ask listing
		set func(*ends, int64)
	}{
		{k.admin.ListStartOffsets, func(e *ends, at int64) { e.start = at }},
		{k.admin.ListCommittedOffsets, func(e *ends, at int64) { e.stable = at }},
		{k.admin.ListEndOffsets, func(e *ends, at int64) { e.high = at }},
	} {
		offsets, err := k.offsets(ctx, list.ask, topics)
		if err != nil {
			return nil, err
		}
		for at, offset := range offsets {
			e := limits[at]
			list.set(&e, offset)
			limits[at] = e
		}
	}
	return limits, nil
}

// after asks for the first offsets at or after a time.
func (k *cluster) after(ctx context.Context, t time.Time, topics []string) (map[tp]int64, error) {
	return k.offsets(ctx, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return k.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
	}, topics)
}

// listing is one of kadm's ways to ask for offsets.
type listing func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error)

func (k *cluster) offsets(ctx context.Context, ask listing, topics []string) (map[tp]int64, error) {
	listed, err := ask(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s for offsets: %w", k.name, k.explain(err))
	}
	offsets := make(map[tp]int64)
	listed.Each(func(o kadm.ListedOffset) { offsets[tp{o.Topic, o.Partition}] = o.Offset })
	return offsets, nil
}

// makeTopics makes the sink's topic before any reader of it is opened, and the
// one that has the markers of committed epochs.
func makeTopics(ctx context.Context, c *SinkConfig, env sdk.Env) error {
	// Else answers are as old as the client allows.
	k, err := c.connect(ctx, env, kgo.MetadataMinAge(askAgain))
	if err != nil {
		return err
	}
	defer k.Client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if len(env.Committable) > 0 {
		if metadata, err := k.admin.BrokerMetadata(ctx); err == nil {
			k.id = metadata.Cluster
		}
	}
	if err := k.known(ctx, c, env); err != nil {
		return err
	}
	details, err := k.makeTopic(ctx, c.Topic, c.Partitions, nil)
	if err != nil {
		return err
	}
	if have := len(details.Partitions); c.Partitions > 0 && have != int(c.Partitions) {
		env.Log.Warn("the topic exists; partitions is for topics that are made",
			"topic", c.Topic, "has", have, "partitions", c.Partitions)
	}
	if err := k.makeEpochs(ctx, c.isOurs()); err != nil {
		return withRights(err, ownerOf(env))
	}
	return nil
}

// makeTopic makes a topic unless it exists, and waits until it is there.
func (k *cluster) makeTopic(ctx context.Context, topic string, partitions int32,
	configs map[string]*string) (kadm.TopicDetail, error) {
	details, err := k.describe(ctx, false, topic)
	if !errors.Is(err, errMissing) {
		return details[topic], err
	}
	if partitions == 0 {
		partitions = -1 // the broker's default
	}
	made, err := k.admin.CreateTopic(ctx, partitions, -1, configs, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		if made.ErrMessage != "" {
			err = fmt.Errorf("%s: %w", made.ErrMessage, err)
		}
		return kadm.TopicDetail{}, fmt.Errorf("making topic %q at %s: %w", topic, k.name, k.explain(err))
	}
	details, err = k.describe(ctx, true, topic)
	return details[topic], err
}

// makeEpochs makes the topic of epochs. Whatever the cluster's defaults: a marker
// stays until the next one of its output, however long that takes.
func (k *cluster) makeEpochs(ctx context.Context, ours bool) error {
	compact := map[string]*string{"cleanup.policy": kadm.StringPtr("compact"),
		"retention.ms": kadm.StringPtr("-1"), "retention.bytes": kadm.StringPtr("-1"),
		// The newest segment is not compacted, and may be read at a start.
		"segment.bytes": kadm.StringPtr("16777216")}
	if _, err := k.makeTopic(ctx, epochsTopic, 1, compact); err != nil {
		return err
	}
	configs, err := k.admin.DescribeTopicConfigs(ctx, epochsTopic)
	if err != nil || len(configs) != 1 || configs[0].Err != nil {
		return nil // who may not ask this cannot have made it otherwise
	}
	for _, c := range configs[0].Configs {
		policy := c.MaybeValue()
		switch {
		case c.Key != "cleanup.policy" || policy == "compact":
		case ours:
			return k.setCompact(ctx, compact) // nobody else can set it there
		default:
			return fmt.Errorf("topic %q at %s has cleanup.policy %s: want compact, or notes of what was published "+
				"get lost; set cleanup.policy=compact, retention.ms=-1 and retention.bytes=-1 for it, with "+
				"kafka-configs or rpk topic alter-config", epochsTopic, k.name, policy)
		}
	}
	return nil
}

// setCompact gives the topic of epochs the settings that it is made with.
func (k *cluster) setCompact(ctx context.Context, configs map[string]*string) error {
	var alter []kadm.AlterConfig
	for name, value := range configs {
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value})
	}
	answers, err := k.admin.AlterTopicConfigs(ctx, alter, epochsTopic)
	for _, a := range answers {
		err = errors.Join(err, a.Err)
	}
	if err != nil {
		return fmt.Errorf("setting cleanup.policy of topic %q at %s to compact: "+
			"%w", epochsTopic, k.name, k.explain(err))
	}
	return nil
}
