package redpanda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"etlengine/plugins/sdk"
)

// describeWithin bounds the question before an epoch's record: a broker that is away
// then is waited for by Commit.
const describeWithin = 3 * time.Second

// leastBehind is how old a record must be allowed to be: it is on its way for some time.
const leastBehind = time.Second

// target is an output's topic as the broker describes it. What the broker would refuse
// is found out by it before an epoch is recorded: afterwards nothing can be undone.
type target struct {
	id         topicID
	partitions int32
	limit      int           // bytes of a batch
	compacted  bool          // records need a key
	policy     string        // its cleanup.policy
	dated      bool          // the broker gives records their time
	ageLimited bool          // it takes no record whose time is too far behind the broker's clock:
	behind     time.Duration // by more than that
	replicas   int
	insync     int // min.insync.replicas
	writable   bool
}

// target asks what the topic is; errMissing if it is not there. Who may write a topic may
// not always ask for its settings: the broker's defaults hold then.
func (k *cluster) target(ctx context.Context, topic string) (*target, error) {
	details, err := k.describe(kadm.WithAuthorizedOps(ctx), false, topic)
	if err != nil {
		return nil, err
	}
	d := details[topic]
	t := &target{id: topicID(d.ID), partitions: int32(len(d.Partitions)), replicas: d.Partitions.NumReplicas(),
		limit: batchBytesMax, writable: len(d.AuthorizedOperations) == 0}
	for _, op := range d.AuthorizedOperations { // none: the broker does not say
		t.writable = t.writable || op == kadm.OpWrite || op == kadm.OpAll
	}
	configs, err := k.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return t, nil
	}
	for _, resource := range configs {
		for _, c := range resource.Configs {
			t.set(c.Key, c.MaybeValue())
		}
	}
	return t, nil
}

func (t *target) set(key, value string) {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case key == "cleanup.policy":
		t.policy = value
		t.compacted = slices.Contains(strings.Split(strings.ReplaceAll(value, " ", ""), ","), "compact")
	case key == "message.timestamp.type":
		t.dated = value == "LogAppendTime"
	case err != nil:
	case key == "max.message.bytes":
		t.limit = int(min(n, bufferBytes))
	case key == "min.insync.replicas":
		t.insync = int(n)
	case key == "message.timestamp.before.max.ms", key == "message.timestamp.difference.max.ms":
		if n >= 0 && n < int64(1<<62)/int64(time.Millisecond) {
			t.behind, t.ageLimited = time.Duration(n)*time.Millisecond, true
		}
	}
}

// check is an error if the topic would refuse whatever the output writes.
func (t *target) check(c *SinkConfig, k *cluster) error {
	switch {
	case !t.writable:
		who := "the user"
		if k.user != "" {
			who = fmt.Sprintf("user %q", k.user)
		}
		return permanentf("topic %q at %s: %s has no right to write to it; give it the right "+
			"Write", c.Topic, k.name, who)
	case t.compacted && c.Key == "":
		return permanentf("topic %q at %s is compacted (cleanup.policy %s), so it takes no record without a key: "+
			"name the column of the key, with key", c.Topic, k.name, t.policy)
	case t.insync > t.replicas && t.replicas > 0:
		return permanentf("topic %q at %s has %d replicas and min.insync.replicas %d, so it takes no record at "+
			"all: set min.insync.replicas to %d or less", c.Topic, k.name, t.replicas, t.insync, t.replicas)
	case t.ageLimited && !t.dated && t.behind < leastBehind:
		return permanentf("topic %q at %s takes no record whose time is more than %s behind its clock "+
			"(message.timestamp.before.max.ms), which is less than sending takes: set it to %d or more, or "+
			"message.timestamp.type to LogAppendTime", c.Topic, k.name, t.behind, leastBehind.Milliseconds())
	}
	return nil
}

// whyNoKey is the reason for refusing a row without a key.
func (t *target) whyNoKey(c *SinkConfig) string {
	return fmt.Sprintf("%s: want a key, got null: topic %q is compacted (cleanup.policy %s) and takes no "+
		"record without one",
		c.Key, c.Topic, t.policy)
}

// oldest is the time before which a record's time is replaced when it is sent: a spool may
// be committed long after it was written. Half of what the topic allows is left for the
// sending. The zero time stands for none.
func (t *target) oldest(now time.Time) time.Time {
	if !t.ageLimited || t.dated {
		return time.Time{}
	}
	return now.Add(-t.behind / 2)
}

// recheckTarget asks before an epoch's record whether the topic is the one that the rows
// were checked for, and still accepts them. Where its settings have become stricter the
// rows are read again, and checked by those.
func (s *store) recheckTarget(ctx context.Context, sp *spool) error {
	p := s.committer.producer
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, describeWithin)
	defer cancel()
	now, err := p.target(ctx, s.config.Topic)
	for errors.Is(err, errMissing) && ctx.Err() == nil {
		// A broker that has just started may not know its topics yet.
		select {
		case <-time.After(minBackoff):
		case <-ctx.Done():
		}
		var again *target
		var failed error
		if again, failed = p.target(ctx, s.config.Topic); failed == nil || errors.Is(failed, errMissing) {
			now, err = again, failed
		}
	}
	was := s.target.Load()
	switch {
	case errors.Is(err, errMissing):
		return goneTopic(s.config.Topic, p.name, "was deleted while it was written")
	case err != nil:
		return nil // Commit waits for the broker
	case now.id != was.id && now.id != topicID{} && was.id != topicID{}:
		return goneTopic(s.config.Topic, p.name, "was deleted and made again while it was written")
	}
	if err := now.check(s.config, p.cluster); err != nil {
		return err
	}
	s.target.Store(now)
	s.partitions.Store(now.partitions)
	if now.limit != was.limit {
		s.committer.drop() // a client keeps the largest batch of a partition that it has written
	}
	if now.compacted && sp.keyless > 0 || sp.largest > now.limit-s.overhead() {
		return fmt.Errorf("%w: the settings of topic %q at %s have changed, and it would refuse some rows of the "+
			"epoch: "+
			"they are read again", sdk.ErrDisconnected, s.config.Topic, p.name)
	}
	return nil
}

// goneTopic is the error for a topic that is not the one which was written.
func goneTopic(topic, broker, what string) error {
	return permanentf("topic %q at %s %s: what it held is gone with it; run with --adopt to go on with a topic "+
		"that lacks "+
		"that, or with --fresh to begin anew", topic, broker, what)
}

// known refuses to go on with another topic than the record is about, unless the user has
// accepted it. It comes before the topic would be made again.
func (k *cluster) known(ctx context.Context, c *SinkConfig, env sdk.Env) error {
	if len(env.Committable) == 0 || env.Adopt {
		return nil
	}
	live, err := decodeCommittable(env.Committable)
	if err != nil || live.Topic != c.Topic || live.TopicID == "" || live.Cluster != "" && live.Cluster != k.id {
		return nil // Recover reports what is wrong with a committable
	}
	details, err := k.describe(ctx, false, c.Topic)
	epoch := live.ref()
	since := fmt.Sprintf("since %s was written to it", epoch)
	if epoch.Epoch == 0 {
		since = "since the last run"
	}
	switch id := topicID(details[c.Topic].ID).String(); {
	case errors.Is(err, errMissing):
		return goneTopic(c.Topic, k.name, "was deleted "+since)
	case err == nil && id != "" && id != live.TopicID:
		return goneTopic(c.Topic, k.name, "was deleted and made again "+since)
	}
	return err
}
