package sdk

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type limits struct {
	Size int `json:"size"`
}

func (l *limits) Validate() error {
	if l.Size < 0 {
		return Fieldf("size", "want 0 or more, got %d", l.Size)
	}
	return nil
}

type shop struct {
	Name   string            `json:"name" required:"true" alias:"title"`
	Count  int               `json:"count"`
	Opened time.Time         `json:"opened"`
	Limits limits            `json:"limits"`
	Prices map[string]limits `json:"prices"`
}

func (s *shop) Validate() error {
	if s.Count < 0 {
		return Fieldf("count", "want 0 or more, got %d", s.Count)
	}
	return nil
}

func TestEveryFaultOfAConfigIsFoundInOnePass(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string // path, code and a part of the message
	}{
		{"a misspelt key is what it is near to", `{"nam": "x", "cuont": -1}`,
			[]string{"nam unknown-field did you mean name?", "cuont unknown-field did you mean count?",
				"cuont invalid-value want 0 or more, got -1"}},
		{"a neighbour's name too", `{"title": [1]}`,
			[]string{"title unknown-field did you mean name?", "title wrong-type want a string, got a list"}},
		{"not if the key itself is there", `{"name": "x", "nam": [1]}`,
			[]string{"nam unknown-field did you mean name?"}},
		{"a missing key", `{}`, []string{" missing-field name is missing"}},
		{"faults of a map and of its neighbours", `{"name": "x", "limits": {"size": -1}, "count": -2}`,
			[]string{"limits.size invalid-value got -1", "count invalid-value got -2"}},
		{"no judgement without a value that cannot be read", `{"name": "x", "limits": {"size": "y"}, "count": -2}`,
			[]string{"limits.size wrong-type want a whole number"}},
		{"nor without one of the user's keys", `{"name": "x", "prices": {"a": {"size": -1}}, "count": -2}`,
			[]string{"prices.a.size invalid-value got -1"}},
		{"times", `{"name": "x", "opened": "monday"}`,
			[]string{`opened invalid-value want a time such as 2026-01-31T09:30:00Z, got "monday"`}},
		{"a list of maps for a map", `{"name": "x", "limits": [{"size": 1}]}`,
			[]string{`limits wrong-type want a map, got a list (remove the "- " before each key`}},
		{"a list for a map", `{"name": "x", "limits": [1]}`, []string{"limits wrong-type want a map, got a list"}},
	}
	for _, test := range tests {
		var s shop
		var got []string
		for _, p := range Decode([]byte(test.config), &s) {
			text := p.Message
			if p.Hint != "" {
				text += " (" + p.Hint + ")"
			}
			got = append(got, p.Path+" "+p.Code+" "+text)
		}
		same := len(got) == len(test.want)
		for i := 0; same && i < len(got); i++ {
			head, tail, _ := strings.Cut(test.want[i], " ")
			code, text, _ := strings.Cut(tail, " ")
			same = strings.HasPrefix(got[i], head+" "+code+" ") && strings.Contains(got[i], text)
		}
		if !same {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, test.want)
		}
	}
}

func TestConfigWithMisspeltKeysStillHasItsColumnsAndResources(t *testing.T) {
	type config struct {
		Path   string `json:"path"`
		Schema Schema `json:"schema"`
	}
	p := Spec[config]{Kind: KindSource, Name: "x",
		About: func(c *config) Description { return Description{Resources: []string{c.Path}} },
	}.Plugin()
	d := p.Describe([]byte(`{"pth": "in", "shema": {"a": "int64"}}`), nil)
	if !d.Usable || !reflect.DeepEqual(d.Resources, []string{"in"}) || len(d.Problems) != 2 {
		t.Errorf("misspelt keys: got %+v, want the resource in and two problems", d)
	}
	if d := p.Describe([]byte(`{"path": [1]}`), nil); d.Usable || d.Resources != nil {
		t.Errorf("a config that cannot be read: got %+v", d)
	}
}

func TestMisspeltTypesOfNeighboursAreRecognized(t *testing.T) {
	for name, want := range map[string]string{"integr": "int64", "datetim": "timestamp", "strng": "string",
		"boolen": "bool", "vachar": "string", "timestmp": "timestamp"} {
		if _, err := TypeOf(name); err == nil || !strings.HasSuffix(err.Error(), "did you mean "+want+"?") {
			t.Errorf("%s: got %v, want did you mean %s?", name, err, want)
		}
	}
}
