package sdktest

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// Plan returns the columns behind a step, and what is wrong with its config for the
// columns before it, or with the config alone if that cannot be used.
func Plan(p sdk.Plugin, config []byte, in *arrow.Schema) (*arrow.Schema, []sdk.Problem) {
	d := p.Describe(config, in)
	if !d.Usable {
		return d.Columns, d.Problems
	}
	return d.Columns, d.ColumnProblems
}

// Apply runs one batch through a transform: rows of the columns in, as a JSON list of
// objects. It ends the test if the config has problems or the rows do not add up.
func Apply(t testing.TB, p sdk.Plugin, config string, in *arrow.Schema, json string) *Emitter {
	t.Helper()
	after, problems := Plan(p, []byte(config), in)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	instance, err := p.Open(t.Context(), []byte(config), in, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, in, strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	out := NewEmitter(in, after)
	batch := &sdk.Batch{Rows: rows, Partition: "p/1"}
	if err := instance.(sdk.Transform).Apply(t.Context(), batch, out); err != nil {
		t.Fatal(err)
	}
	if err := out.Balance(rows.NumRows()); err != nil {
		t.Error(err)
	}
	return out
}
