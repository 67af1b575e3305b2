package redpanda

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
)

func TestNoTwoOutputsShareATransactionalID(t *testing.T) {
	names := []string{"a", "a-b", "b", "b-c", "-", "--", "a%2Db", "a/b"}
	for _, id := range []func(owner) string{owner.transactional, owner.key} {
		seen := make(map[string]owner)
		for _, pipeline := range names {
			for _, output := range names {
				o := owner{"0a1b2c3d", pipeline, output}
				if other, twice := seen[id(o)]; twice {
					t.Errorf("%v and %v share %s", o, other, id(o))
				}
				seen[id(o)] = o
			}
		}
	}
	got := owner{"0a1b2c3d", "generate", "red-panda"}.transactional()
	if want := "engine-0a1b2c3d-generate-red-panda"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMarkerDecidesWhatIsCommitted(t *testing.T) {
	five, seven := refOf(5, "five"), refOf(7, "seven")
	full := committable{Epoch: 7, Previous: five, Topic: "t", Spool: &sealed{ID: "seven"}}
	first := committable{Epoch: 1, Topic: "t", Spool: &sealed{ID: "one"}}
	empty := committable{Epoch: 8, Previous: seven, Topic: "t"}
	tests := []struct {
		name  string
		c     committable
		found markerRef
		done  bool
		says  string
	}{
		{"published", full, seven, true, ""},
		{"not published", full, five, false, ""},
		{"the first ever", first, markerRef{}, false, ""},
		{"no rows", empty, seven, true, ""},
		{"a copy published this epoch", full, refOf(7, "other"), false, "a copy of this state directory"},
		{"a copy published the one before", full, refOf(5, "other"), false,
			"a copy of this state directory"},
		{"later", full, refOf(9, "nine"), false, "up to epoch 9 (nine)"},
		{"later, as of the directory", full, refOf(9, "nine"), false,
			"the state directory up to epoch 7 (seven), before it epoch 5 (five): the state directory is older"},
		{"earlier", full, refOf(3, "three"), false, "the topic is older than the state directory"},
		{"no marker", full, markerRef{}, false,
			"has no note of id/p/o, and the state directory says that epoch 7"},
		{"no marker, no rows", empty, markerRef{}, false, "run with --adopt"},
		{"a marker at the start", committable{Topic: "t"}, five, false, "the state directory is older"},
	}
	for _, tt := range tests {
		done, err := tt.c.compare(owner{"id", "p", "o"}, "host:1", tt.found)
		said := err == nil && tt.says == "" || err != nil && tt.says != "" && strings.Contains(err.Error(), tt.says)
		if done != tt.done || !said {
			t.Errorf("%s: got %t, %v, want %t and %q", tt.name, done, err, tt.done, tt.says)
		}
	}
}

func TestMarkerOfALaterVersionIsRefused(t *testing.T) {
	_, _, err := parseMarker(&kgo.Record{Offset: 12, Value: []byte(`{"v":2,"epoch":1,"id":"x"}`)})
	if err == nil || !strings.Contains(err.Error(), "go on with the engine that wrote it") {
		t.Errorf("got %v", err)
	}
}

func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"v":1,"epoch":7,"id":"abc","topic":"t","records":3,"last":{"0":12,"3":4}}`))
	f.Add([]byte(`{"v":1,"epoch":0}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		m, n, err := parseMarker(&kgo.Record{Value: value, Offset: 5})
		if err == nil && value != nil && (n.Epoch == 0 || n.ID == "" || n.At != 5 || m.Version != markerVersion) {
			t.Errorf("%q: accepted %+v", value, n)
		}
	})
}

// recorded is a committable as versions before kit/staging wrote it.
const recorded = `{"v":1,"epoch":7,"previous":{"epoch":5,"id":"five","at":9},"topic":"t","topic_id":"AQ",` +
	`"cluster":"c","spool":{"name":"00000007-x.spool","id":"x","length":10,"records":5,"keyless":1,"largest":40,` +
	`"shares":[{"p":0,"n":2,"from":3},{"p":3,"n":3,"from":0}]}}`

func TestCommittableIsThatOfEarlierVersions(t *testing.T) {
	c, err := decodeCommittable([]byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	if want := refOf(7, "x"); !c.ref().same(want) || !c.Previous.same(refOf(5, "five")) || c.Previous.At != 9 {
		t.Errorf("want %v after epoch 5, got %+v", want, c)
	}
	if again, err := json.Marshal(c); err != nil || string(again) != recorded {
		t.Errorf("want\n%s\ngot\n%s, %v", recorded, again, err)
	}
}

func FuzzCommittable(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte(`{"v":1,"epoch":1,"spool":{"name":"../../x"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := decodeCommittable(raw)
		if err != nil || c.Spool == nil {
			return
		}
		if strings.ContainsAny(c.Spool.Name, `/`) || c.Spool.Name == ".." {
			t.Errorf("accepted the spool %q", c.Spool.Name)
		}
	})
}

func refOf(epoch uint64, id string) markerRef {
	return markerRef{Committed: staging.Committed{Epoch: epoch, ID: id}}
}
