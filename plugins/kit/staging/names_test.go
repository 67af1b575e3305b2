package staging

import (
	"path/filepath"
	"strings"
	"testing"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

func FuzzNamesAreParsed(f *testing.F) {
	f.Add("part.e1.report.csv.00000001-0001.csv", "report", "csv")
	f.Add("x.csv", "a.b", "c d")
	f.Fuzz(func(t *testing.T, name, pipeline, step string) {
		n := NewNames(sdk.Env{EngineID: "e1", Pipeline: pipeline, Step: step})
		if got := durable.UnescapeName(n.Pipeline); got != pipeline {
			t.Fatalf("want %q back, got %q", pipeline, got)
		}
		VisibleOwner(name, ".csv")
		n.OwnsStaged(name)
		visible, staged := n.Visible(12, 3, ".csv"), n.Staged(12, 3)
		want := Owner{n.Engine, n.Pipeline, 12}
		if o, ok := VisibleOwner(visible, ".csv"); !ok || o != want || !n.MadeVisible(visible, []string{".csv"}) {
			t.Fatalf("%q was taken for one of %v", visible, o)
		}
		if o, ok := StagedOwner(staged); !ok || o != want || !n.MadeStaged(staged) {
			t.Fatalf("%q was taken for one of %v", staged, o)
		}
		if !n.OwnsStaged(staged) || strings.HasSuffix(staged, ".csv") || filepath.Base(staged) != staged {
			t.Fatalf("%q is not a name for a staged file", staged)
		}
	})
}
