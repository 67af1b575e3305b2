package redpanda

import (
	"strings"
	"testing"
	"time"
)

func TestTopicsThatRefuseEveryRecordAreNamed(t *testing.T) {
	k := &cluster{name: "host:1", user: "u"}
	with := func(settings ...string) *target {
		topic := &target{limit: batchBytesMax, replicas: 1, writable: true}
		for i := 0; i < len(settings); i += 2 {
			topic.set(settings[i], settings[i+1])
		}
		return topic
	}
	readOnly := with()
	readOnly.writable = false
	tests := []struct {
		name, key string
		topic     *target
		want      string
	}{
		{"plain", "", with("cleanup.policy", "delete", "min.insync.replicas", "1"), ""},
		{"compacted", "", with("cleanup.policy", "compact"), "is compacted (cleanup.policy compact), so it takes " +
			"no record"},
		{"compacted and deleted", "", with("cleanup.policy", "delete, compact"), "name the column of the key"},
		{"compacted with a key", "k", with("cleanup.policy", "compact"), ""},
		{"too few replicas", "", with("min.insync.replicas", "2"), "has 1 replicas and min.insync.replicas 2"},
		{"no old records", "", with("message.timestamp.before.max.ms", "999"), "message.timestamp.before.max.ms"},
		{"none at all", "", with("message.timestamp.before.max.ms", "0"), "set it to 1000 or more"},
		{"dated by the broker", "", with("message.timestamp.before.max.ms", "0", "message.timestamp.type",
			"LogAppendTime"), ""},
		{"read only", "", readOnly, `user "u" has no right to write to it`},
	}
	for _, tt := range tests {
		err := tt.topic.check(&SinkConfig{Topic: "t", Key: tt.key}, k)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestRecordedEpochsAreComparedWithWhatTheTopicAcceptsNow(t *testing.T) {
	topic := &target{limit: 1000, compacted: true, policy: "compact"}
	c := &committable{Epoch: 3, Topic: "t", Spool: &sealed{Records: 5, Largest: 100}}
	if err := topic.checkCommittable(c, 100, "b"); err != nil {
		t.Error(err)
	}
	c.Spool.Largest = 901
	if err := topic.checkCommittable(c, 100, "b"); err == nil || !strings.Contains(err.Error(), "epoch 3 has one of "+
		"901") {
		t.Errorf("too large: got %v", err)
	}
	c.Spool.Keyless = 2
	if err := topic.checkCommittable(c, 100, "b"); err == nil || !strings.Contains(err.Error(), "of which epoch 3 "+
		"has 2; set it back") {
		t.Errorf("without a key: got %v", err)
	}
}

func TestOldTimesOfASpoolAreThoseThatTheTopicRefuses(t *testing.T) {
	now := time.Now()
	for value, want := range map[string]time.Time{"": {}, "9223372036854775807": {}, "-1": {},
		"7200000": now.Add(-time.Hour)} {
		topic := &target{}
		topic.set("message.timestamp.before.max.ms", value)
		if got := topic.oldest(now); !got.Equal(want) {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
		topic.set("message.timestamp.type", "LogAppendTime")
		if got := topic.oldest(now); !got.IsZero() {
			t.Errorf("%q, dated by the broker: got %v, want none", value, got)
		}
	}
}
