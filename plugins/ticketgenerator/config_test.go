package ticketgenerator

import (
	"strings"
	"testing"
)

func TestConfigProblemsAreNamed(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults are valid", `{}`, ""},
		{"main job", `{"count": "100000", "span": "1h", "disorder": "5s"}`, ""},
		{"unknown field", `{"cuont": 1}`, "cuont: unknown field, did you mean count?"},
		{"neighbour's name", `{"priorities": {"low": 1}}`, "priorities: unknown field, did you mean priorites?"},
		{"wrong type", `{"count": "many"}`, `count: want a whole number, got "many"`},
		{"negative count", `{"count": -1}`, "count: want 0 or more, got -1"},
		{"negative rate", `{"rate": -1}`,
			"rate: want between 1e-06 and 1e+09 tickets a second, or 0 for no limit, got -1"},
		{"rate that is no number", `{"rate": "NaN"}`,
			"rate: want between 1e-06 and 1e+09 tickets a second, or 0 for no limit, got NaN"},
		{"no rate limit", `{"rate": 0}`, ""},
		{"no clients", `{"clients": 0}`, "clients: want between 1 and 1000000000, got 0"},
		{"negative span", `{"span": "-1h", "count": 1}`, "span: want 0 or more, got -1h"},
		{"tiny disorder", `{"disorder": "1ns"}`,
			"disorder: want at least 1µs, which is the precision of event time, got 1ns"},
		{"endless span", `{"span": "1h"}`,
			"span: want count beside it: that many tickets are spread over the span"},
		{"start alone", `{"start": "2026-01-01"}`,
			"start: want span or rate beside it: they say how event time moves on"},
		{"start as a time", `{"start": "2026-01-01T10:00:00.5+02:00", "rate": 5}`, ""},
		{"start as prose", `{"start": "yesterday", "rate": 5}`,
			`start: want a time such as 2026-01-31T08:00:00Z or 2026-01-31, got "yesterday"`},
		{"share over 1", `{"late_ratio": 1.5}`, "late_ratio: want a share between 0 and 1, got 1.5"},
		{"share of nothing", `{"malformed_ratio": "nan"}`,
			"malformed_ratio: want a share between 0 and 1, got NaN"},
		{"negative weight", `{"types": {"a": -1}}`, "types.a: want a weight of 0 or more, got -1"},
		{"no weight", `{"priorites": {"low": 0}}`, "priorites: want at least one weight above 0"},
		{"no name", `{"types": {"": 1}}`, "types: want a name before each weight, got an empty one"},
		{"all at once", `{"count": -1, "clients": 0}`,
			"count: want 0 or more, got -1; clients: want between 1 and 1000000000, got 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range Source.Describe([]byte(test.config), nil).Problems {
				got = append(got, p.Error())
			}
			if joined := strings.Join(got, "; "); joined != test.want {
				t.Errorf("%s:\ngot  %s\nwant %s", test.config, joined, test.want)
			}
		})
	}
}

func TestExampleIsValid(t *testing.T) {
	if !strings.HasPrefix(Source.Example, Source.Name+":") {
		t.Errorf("the example does not begin with %s", Source.Name)
	}
	config := `{"count": 100000, "span": "1h", "disorder": "5s", "seed": 1,
		"types": {"support": 3, "billing": 1}}`
	if problems := Source.Describe([]byte(config), nil).Problems; len(problems) > 0 {
		t.Errorf("the example's config: %v", problems)
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	for _, f := range Source.Fields {
		if !strings.HasSuffix(f.Doc, ".") || f.Type == "" {
			t.Errorf("field %s: doc %q, type %q", f.Name, f.Doc, f.Type)
		}
	}
}
