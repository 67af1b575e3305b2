package redpanda

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
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
	five, seven := note{Epoch: 5, ID: "five"}, note{Epoch: 7, ID: "seven"}
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
		{"a copy published this epoch", full, note{Epoch: 7, ID: "other"}, false, "a copy of this state directory"},
		{"a copy published the one before", full, note{Epoch: 5, ID: "other"}, false,
			"a copy of this state directory"},
		{"later", full, note{Epoch: 9, ID: "nine"}, false, "up to epoch 9 (nine)"},
		{"later, as of the directory", full, note{Epoch: 9, ID: "nine"}, false,
			"the state directory up to epoch 7 (seven), before it epoch 5 (five): the state directory is older"},
		{"earlier", full, note{Epoch: 3, ID: "three"}, false, "the topic is older than the state directory"},
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

func FuzzHandle(f *testing.F) {
	h := handle{Epoch: 7, Previous: note{5, "five", 9}, Topic: "t", Spool: &sealed{Name: "x.spool", ID: "x",
		Length: 10, Records: 5, Shares: []share{{0, 2, 3}, {3, 3, 0}}}}
	raw, err := h.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
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
