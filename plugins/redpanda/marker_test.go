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

func TestNoteDecidesWhatIsPublished(t *testing.T) {
	five, seven := noteOf(5, "five"), noteOf(7, "seven")
	full := handle{Epoch: 7, Previous: five, Topic: "t", Spool: &sealed{ID: "seven"}}
	first := handle{Epoch: 1, Topic: "t", Spool: &sealed{ID: "one"}}
	empty := handle{Epoch: 8, Previous: seven, Topic: "t"}
	tests := []struct {
		name  string
		h     handle
		noted note
		done  bool
		says  string
	}{
		{"published", full, seven, true, ""},
		{"not published", full, five, false, ""},
		{"the first ever", first, note{}, false, ""},
		{"no rows", empty, seven, true, ""},
		{"a copy published this epoch", full, noteOf(7, "other"), false, "a copy of this state directory"},
		{"a copy published the one before", full, noteOf(5, "other"), false,
			"a copy of this state directory"},
		{"later", full, noteOf(9, "nine"), false, "up to epoch 9 (nine)"},
		{"later, as of the directory", full, noteOf(9, "nine"), false,
			"the state directory up to epoch 7 (seven), before it epoch 5 (five): the state directory is older"},
		{"earlier", full, noteOf(3, "three"), false, "the topic is older than the state directory"},
		{"nothing noted", full, note{}, false, "has no note of id/p/o, and the state directory says that epoch 7"},
		{"nothing noted, no rows", empty, note{}, false, "run with --adopt"},
		{"something noted at the start", handle{Topic: "t"}, five, false, "the state directory is older"},
	}
	for _, tt := range tests {
		done, err := tt.h.judge(owner{"id", "p", "o"}, "host:1", tt.noted)
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
			t.Errorf("%q: took %+v", value, n)
		}
	})
}

// recorded is a committable as versions before kit/staging wrote it.
const recorded = `{"v":1,"epoch":7,"previous":{"epoch":5,"id":"five","at":9},"topic":"t","topic_id":"AQ",` +
	`"cluster":"c","spool":{"name":"00000007-x.spool","id":"x","length":10,"records":5,"keyless":1,"largest":40,` +
	`"shares":[{"p":0,"n":2,"from":3},{"p":3,"n":3,"from":0}]}}`

func TestCommittableIsThatOfEarlierVersions(t *testing.T) {
	h, err := decodeHandle([]byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	if want := noteOf(7, "x"); !h.note().same(want) || !h.Previous.same(noteOf(5, "five")) || h.Previous.At != 9 {
		t.Errorf("want %v after epoch 5, got %+v", want, h)
	}
	if again, err := json.Marshal(h); err != nil || string(again) != recorded {
		t.Errorf("want\n%s\ngot\n%s, %v", recorded, again, err)
	}
}

func FuzzHandle(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte(`{"v":1,"epoch":1,"spool":{"name":"../../x"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := decodeHandle(raw)
		if err != nil || h.Spool == nil {
			return
		}
		if strings.ContainsAny(h.Spool.Name, `/`) || h.Spool.Name == ".." {
			t.Errorf("took the spool %q", h.Spool.Name)
		}
	})
}

func noteOf(epoch uint64, id string) note {
	return note{Committed: staging.Committed{Epoch: epoch, ID: id}}
}
