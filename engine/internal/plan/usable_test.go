package plan

import (
	"strings"
	"testing"
)

func TestWhatIsBehindAFaultyStepIsCheckedToo(t *testing.T) {
	tests := []struct{ name, from string }{
		{"a misspelt key", "topik: t, schema: {a: string}"},
		{"a key too many", "topic: t, colour: red, schema: {a: string}"},
		{"a number that is none", "topic: t, rate: fast, schema: {a: string}"},
		{"a switch that is none", "topic: t, quiet: so-so, schema: {a: string}"},
	}
	for _, test := range tests {
		_, problems := load(t, "pipelines:\n  p:\n    input: { topic: { "+test.from+" } }\n    processors:\n"+
			"      - pick: { column: b }\n    output: { files: { path: out } }\n")
		if len(problems) != 2 || !strings.Contains(problems[1], `no column named "b"`) {
			t.Errorf("%s: got %q, want the fault and the unknown column behind it", test.name, problems)
		}
	}
}

func TestNothingIsSaidBehindAStepWhoseColumnsAreNotKnown(t *testing.T) {
	_, problems := load(t, "pipelines:\n  p:\n    input: { topic: { topic: t, schema: { a: strng } } }\n"+
		"    processors:\n      - pick: { column: b }\n    output: { files: { path: out } }\n")
	if len(problems) != 1 || !strings.Contains(problems[0], "did you mean string?") {
		t.Errorf("got %q, want the type alone", problems)
	}
}

func TestSettingsOfAServiceAreCheckedOnceWhoeverUsesIt(t *testing.T) {
	for _, topic := range []string{"topic", "topik"} {
		_, problems := load(t, "defaults:\n  broker: { prt: 1 }\npipelines:\n  p:\n"+
			"    input: { topic: { "+topic+": t, schema: { a: string } } }\n    output: { topic: { topic: u } }\n")
		found := 0
		for _, p := range problems {
			if strings.Contains(p, "did you mean port?") {
				found++
			}
			if strings.Contains(p, "no step uses") {
				t.Errorf("%s: false alarm: %s", topic, p)
			}
		}
		if found != 1 {
			t.Errorf("%s: got %q, want the settings' fault once", topic, problems)
		}
	}
}
