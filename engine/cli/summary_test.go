package cli

import (
	"strings"
	"testing"
	"time"

	"etlengine/engine/internal/checkpoint"
	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

// TestBalanceHoldsTheRowsThatAStepMade: two rows in, three out, and the line adds up.
func TestBalanceHoldsTheRowsThatAStepMade(t *testing.T) {
	line := balance(stream.PipelineSummary{Name: "p", Steps: []stream.StepSummary{
		{Label: "in", Kind: sdk.KindSource, Counts: checkpoint.Counts{Created: 2, Out: 2}},
		{Label: "unarchive", Kind: sdk.KindTransform, From: "in", Counts: checkpoint.Counts{In: 2, Out: 3, Created: 1}},
	}}, time.Second)
	want := "= 2 passed on + 0 aggregated + 0 filtered + 0 late + 0 rejected by unarchive; with 1 that it made, 3 went on"
	if !strings.Contains(line, want) {
		t.Errorf("got %q, want in it %q", line, want)
	}
}
