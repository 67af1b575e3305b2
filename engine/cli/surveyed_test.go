package cli

import (
	"strings"
	"testing"

	"etlengine/engine/internal/stream"
	"etlengine/plugins/sdk"
)

func TestNamesThatAppearAlikeAreDistinguished(t *testing.T) {
	step := stream.StepSummary{Label: "jsonl", Missing: []sdk.Missing{{Column: "caf\u00e9"}, {Column: "a.b", Near: "a.b"}},
		Unknown: &sdk.Unknown{Keys: 4, Names: []string{"a.b", "cafe\u0301"}}}
	var text strings.Builder
	surveyed(&text, step)
	for _, want := range []string{`no row had a column café, it is null in all; they have a.b, "cafe\u0301"` + "\n",
		"no row had a column a.b, it is null in all; they have a key of that name, with its dots"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got\n%swant %s", text.String(), want)
		}
	}
}
