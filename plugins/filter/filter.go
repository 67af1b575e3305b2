// Package filter keeps the rows for which a condition is true.
package filter

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/expr"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// Config is what the YAML says: the condition alone, or where: condition.
type Config struct {
	Where string `json:"where" required:"true" type:"expression" doc:"Condition of the rows to keep."`

	path string // of the condition in the config; "" if it is all there is
}

// FromText reads the short form.
func (c *Config) FromText(text string) error {
	c.Where, c.path = text, ""
	return nil
}

// Validate says what can be said without knowing the columns.
func (c *Config) Validate() error {
	return expr.CheckSyntax(c.Where, c.path)
}

// Transform is the filter step.
var Transform = sdk.Spec[Config]{
	Kind:         sdk.KindTransform,
	Name:         "filter",
	Summary:      "Keeps the rows for which a condition is true.",
	Example:      "filter: 'priorite == \"urgent\" && type != \"spam\"'\n",
	Defaults:     Config{path: "where"},
	KeepsColumns: true,
	Columns: func(c *Config, in *arrow.Schema, d *sdk.Description) {
		if _, err := expr.CompileCondition(c.Where, in); err != nil {
			d.ColumnProblems = expr.ProblemsOf(err, c.path, nil)
		}
	},
	Open: open,
}.Plugin()

func open(_ context.Context, c *Config, in *arrow.Schema, _ sdk.Env) (sdk.Instance, error) {
	condition, err := expr.CompileCondition(c.Where, in)
	if err != nil {
		return nil, err
	}
	return &transform{condition: condition}, nil
}

type transform struct {
	sdk.PlainTransform
	condition *expr.Program
}

var _ sdk.Transform = (*transform)(nil)

// Apply hands on the rows that are kept, and rejects those that the condition
// cannot be computed for.
func (t *transform) Apply(_ context.Context, b *sdk.Batch, out sdk.Emitter) error {
	keep, failed, err := t.condition.Filter(b.Rows)
	if err != nil {
		return err
	}
	kept, err := columns.Pick(b.Rows, keep)
	if err != nil {
		return err
	}
	out.Count(sdk.Counts{Dropped: b.NumRows() - kept.NumRows() - int64(len(failed))})
	if kept.NumRows() > 0 {
		if err := out.Emit(&sdk.Batch{Rows: kept, Partition: b.Partition}); err != nil {
			return err
		}
	}
	for _, f := range failed {
		if err := out.Reject(jsonrows.Reject(b, f.Row, "the condition: "+f.Reason)); err != nil {
			return err
		}
	}
	return nil
}
