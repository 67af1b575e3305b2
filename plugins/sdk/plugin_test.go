package sdk

import "testing"

func TestConfigsAreTheSameIfTheyMeanTheSame(t *testing.T) {
	type nested struct {
		Size Bytes `json:"size"`
	}
	type config struct {
		Text  string       `json:"text" state:"layout"`
		Wait  Duration     `json:"wait" state:"keep"`
		Roll  nested       `json:"roll"`
		Names []string     `json:"names"`
		Must  string       `json:"must" required:"true"`
		Types Ordered[int] `json:"types"`
	}
	p := Spec[config]{Kind: KindSink, Name: "any", Defaults: config{Text: ",", Wait: Duration(60e9)},
		About: func(*config) Description { return Description{} }}.Plugin()
	tests := []struct {
		key, a, b string
		want      bool
	}{
		{"text", `{}`, `{"text": ","}`, true},
		{"text", `{}`, `{"text": ";"}`, false},
		{"wait", `{"wait": "60s"}`, `{"wait": "1m"}`, true},
		{"wait", `{"wait": "60s"}`, `{"wait": "61s"}`, false},
		{"roll", `{"roll": {"size": "1KB"}}`, `{"roll": {"size": "1024"}}`, true},
		{"roll", `{"roll": {"size": "1KB"}}`, `{}`, false},
		{"names", `{}`, `{"names": []}`, true},
		{"names", `{"names": "a"}`, `{"names": ["a"]}`, true},
		{"names", `{"names": ["a", "b"]}`, `{"names": ["b", "a"]}`, false},
		{"types", `{"types": {"a": 1, "b": 2}}`, `{"types": {"b": 2, "a": 1}}`, false},
		{"text", `{"of an older version": 1}`, `{"must": "x"}`, true},
	}
	for _, test := range tests {
		a, b := p.Describe([]byte(test.a), nil).Canonical, p.Describe([]byte(test.b), nil).Canonical
		if got := a[test.key] == b[test.key]; got != test.want || a[test.key] == "" {
			t.Errorf("%s of %s and %s: got %v, want %v", test.key, test.a, test.b, got, test.want)
		}
	}
	if p.Fields[0].Keep || !p.Fields[0].Layout || !p.Fields[1].Keep || p.Fields[1].Layout {
		t.Errorf("the tags: got %+v", p.Fields[:2])
	}
}
