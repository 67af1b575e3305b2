package redpanda_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// embeddedEnv is the world's as the engine gives it to a sink of the embedded
// broker.
func (w *world) embeddedEnv() (config []byte, env sdk.Env) {
	env = w.env()
	env.Services = map[string]string{"broker": w.address}
	return fmt.Appendf(nil, `{"topic": %q}`, w.topic), env
}

func TestFreshStartOnTheEmbeddedBrokerForgetsTheTopic(t *testing.T) {
	w := ownWorld(t, 2)
	l := w.live(nil)
	l.write(5, 2)
	l.mustCommit()
	l.write(5, 2)
	l.record()
	l.Close(t.Context())
	config, env := w.embeddedEnv()
	report, err := redpanda.Sink.Inspect(w.ctx(), config, env)
	want := []string{"2 spool files of topic " + w.topic,
		"topic " + w.topic + " of the embedded broker, about 12 records"} // with the ends of transactions
	if err != nil || !slices.Equal(report.Leftovers, want) {
		t.Errorf("leftovers: got %q, %v, want %q", report.Leftovers, err, want)
	}
	for range 2 { // the second time there is nothing left
		if err := redpanda.Sink.Forget(w.ctx(), config, env); err != nil {
			t.Fatal(err)
		}
		if report, err := redpanda.Sink.Inspect(w.ctx(), config, env); err != nil || len(report.Leftovers) != 0 {
			t.Errorf("leftovers: got %q, %v, want none", report.Leftovers, err)
		}
	}
	l = w.live(nil)
	l.write(3, 4)
	l.mustCommit()
	w.exactly(12)
}

func TestFreshStartOnAClusterKeepsTheTopic(t *testing.T) {
	w := newWorld(t, 2)
	l := w.live(nil)
	l.write(5, 2)
	l.mustCommit()
	l.Close(t.Context())
	report, err := redpanda.Sink.Inspect(w.ctx(), w.config(`{}`), w.env())
	says := "epoch 1 is in topic " + w.topic + ", which stays"
	if err != nil || len(report.Leftovers) != 2 || !strings.Contains(report.Leftovers[1], says) {
		t.Errorf("leftovers: got %q, %v", report.Leftovers, err)
	}
	for range 2 {
		if err := redpanda.Sink.Forget(w.ctx(), w.config(`{}`), w.env()); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := redpanda.Sink.Inspect(w.ctx(), w.config(`{}`), w.env()); err != nil || len(report.Leftovers) != 0 {
		t.Errorf("leftovers: got %q, %v, want none", report.Leftovers, err)
	}
	again := w.live(nil)
	again.next = l.next
	again.write(5, 2)
	again.mustCommit()
	w.exactly(20)
}

func TestNothingToForgetIsNoError(t *testing.T) {
	w := ownWorld(t, 1)
	w.topic += ".never"
	config, env := w.embeddedEnv()
	if err := redpanda.Sink.Forget(w.ctx(), config, env); err != nil {
		t.Error(err)
	}
	if report, err := redpanda.Sink.Inspect(w.ctx(), config, env); err != nil || len(report.Leftovers) != 0 {
		t.Errorf("leftovers: got %q, %v, want none", report.Leftovers, err)
	}
}

func TestSetupMakesTheTopicOfEpochs(t *testing.T) {
	w := newWorld(t, 1)
	configs, err := w.admin.DescribeTopicConfigs(w.ctx(), redpanda.EpochsTopic)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1"}
	for _, c := range configs[0].Configs {
		if value, asked := want[c.Key]; asked && c.MaybeValue() != value {
			t.Errorf("%s: got %s, want %s", c.Key, c.MaybeValue(), value)
		}
	}
	details, err := w.admin.ListTopics(w.ctx(), redpanda.EpochsTopic)
	if err != nil || len(details[redpanda.EpochsTopic].Partitions) != 1 {
		t.Errorf("got %+v, %v, want one partition", details, err)
	}
	_, err = w.tryOpen(`{"topic": "nothing-like-it"}`, nil)
	if err == nil || strings.Contains(err.Error(), redpanda.EpochsTopic) {
		t.Errorf("a reader of another topic: got %v, want our own topic left out", err)
	}
}

func TestTopicOfEpochsThatForgetsIsRefused(t *testing.T) {
	w := ownWorld(t, 1)
	set := kadm.AlterConfig{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")}
	if _, err := w.admin.AlterTopicConfigs(w.ctx(), []kadm.AlterConfig{set}, redpanda.EpochsTopic); err != nil {
		t.Fatal(err)
	}
	err := redpanda.Sink.Setup(w.ctx(), w.config(`{}`), w.env())
	wantError(t, "delete", err, redpanda.EpochsTopic, "cleanup.policy delete", "want compact",
		"set cleanup.policy=compact")

	// On the embedded broker nobody but the engine can set it.
	env := w.env()
	env.Services = map[string]string{"broker": w.address}
	if err := redpanda.Sink.Setup(w.ctx(), w.config(`{"brokers": []}`), env); err != nil {
		t.Fatal(err)
	}
	if err := redpanda.Sink.Setup(w.ctx(), w.config(`{}`), w.env()); err != nil {
		t.Errorf("after the engine has set it: %v", err)
	}
}

func TestMissingRightsAreNamed(t *testing.T) {
	const rights = "the rights Read and Write on topic _engine.epochs"
	w := ownWorld(t, 1)
	if _, err := w.admin.DeleteTopic(w.ctx(), redpanda.EpochsTopic); err != nil {
		t.Fatal(err)
	}
	failing := w.broker.Fail(int16(kmsg.CreateTopics), kerr.TopicAuthorizationFailed.Code, -1)
	err := redpanda.Sink.Setup(w.ctx(), w.config(`{}`), w.env())
	wantError(t, "making it", err, `making topic "_engine.epochs"`, rights)
	failing.Remove()

	failing = w.broker.Fail(int16(kmsg.Fetch), kerr.TopicAuthorizationFailed.Code, -1)
	l := w.live(nil)
	l.write(1, 1)
	l.mustCommit() // there is no marker: nothing to read
	l.Close(t.Context())
	_, err = w.tryLive(l)
	wantError(t, "reading it", err, rights)
	failing.Remove()

	failing = w.broker.Fail(int16(kmsg.InitProducerID), kerr.TransactionalIDAuthorizationFailed.Code, -1)
	_, err = w.tryLive(l)
	wantError(t, "the id", err, "the rights Write and Describe on the transactional id engine-"+w.engine+"-p-s")
	failing.Remove()
}
