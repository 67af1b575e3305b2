package cli

import (
	"fmt"
	"strings"
	"testing"

	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

func TestProgressIsTruncatedToTheTerminalAndErased(t *testing.T) {
	var out strings.Builder
	d := &door{to: &out}
	drain := func() string { defer out.Reset(); return out.String() }
	d.draw([]string{"p: 12345", "q: 1"}, 6, 24)
	if got, want := drain(), "p: 12\x1b[K\nq: 1\x1b[K\n\x1b[J"; got != want {
		t.Errorf("the first time: got %q, want %q", got, want)
	}
	d.draw([]string{"p: 23456", "q: 2"}, 6, 24) // whatever the terminal has written in the cursor's line
	if got := drain(); !strings.HasPrefix(got, "\r\x1b[2Ap: 23") {
		t.Errorf("in place: got %q", got)
	}
	d.draw([]string{"p: 3", "q: 3"}, 3, 24) // narrower: the terminal has made two lines of each
	if got := drain(); !strings.HasPrefix(got, "\r\x1b[4Ap:\x1b[K") {
		t.Errorf("after a resize: got %q", got)
	}
	fmt.Fprintln(d, "a line of the log")
	if got, want := drain(), "\r\x1b[2A\x1b[Ja line of the log\n"; got != want {
		t.Errorf("another line: got %q, want %q: it stands in the place of the progress", got, want)
	}
	d.draw([]string{"p: 4", "q: 4", "r: 4"}, 80, 3)
	if got := drain(); !strings.HasPrefix(got, "p: 4") || strings.Contains(got, "r: 4") {
		t.Errorf("a low terminal: got %q, want as many lines as it has, but one", got)
	}
	d.draw(nil, 80, 24)
	if got, want := drain(), "\r\x1b[2A\x1b[J"; got != want {
		t.Errorf("at the end: got %q, want %q", got, want)
	}
}

func TestARunThatRejectsEveryRowHasFailed(t *testing.T) {
	source := func(out, rejected int64) stream.StepSummary {
		s := stream.StepSummary{Label: "in", Kind: sdk.KindSource}
		s.Out, s.Rejected = out, rejected
		return s
	}
	sink := func(out int64, rows string) stream.StepSummary {
		s := stream.StepSummary{Label: "out", Kind: sdk.KindSink, Receives: rows}
		s.Out = out
		return s
	}
	step := func(out, dropped, rejected int64) stream.StepSummary {
		s := stream.StepSummary{Label: "step", Kind: sdk.KindTransform}
		s.Out, s.Dropped, s.Rejected = out, dropped, rejected
		return s
	}
	tests := []struct {
		name  string
		steps []stream.StepSummary
		want  string
	}{
		{"by the input", []stream.StepSummary{source(0, 3), sink(0, ""), sink(3, "dead_letters")}, "p"},
		{"by a step", []stream.StepSummary{source(3, 0), step(0, 0, 3), sink(0, ""), sink(3, "dead_letters")}, "p"},
		{"by both", []stream.StepSummary{source(2, 1), step(0, 0, 2), sink(0, "")}, "p"},
		{"but one", []stream.StepSummary{source(1, 2), sink(1, ""), sink(2, "dead_letters")}, ""},
		{"but one is filtered", []stream.StepSummary{source(1, 2), step(0, 1, 0), sink(0, "")}, ""},
		{"nothing was read", []stream.StepSummary{source(0, 0), sink(0, "")}, ""},
	}
	for _, test := range tests {
		s := &stream.Summary{Pipelines: []stream.PipelineSummary{{Name: "p", Steps: test.steps}}}
		if got := allRejected(s); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
