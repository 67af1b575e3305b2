// Package derive computes columns from those of the same row.
package derive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/expr"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// Config is what the YAML says: columns and their expressions, in order.
type Config struct {
	columns sdk.Ordered[string]
}

// Short takes the whole config: all its keys are the user's.
func (c *Config) Short(sdk.Shape) any { return &c.columns }

// Validate says what can be said without knowing the columns.
func (c *Config) Validate() error {
	if len(c.columns) == 0 {
		return sdk.Fieldf("", `want columns and their expressions, such as {team: 'type + "-team"'}`)
	}
	var all []error
	for _, column := range c.columns {
		if column.Key == "" {
			all = append(all, sdk.Fieldf("", "want a name for each column, got an empty one"))
		} else if strings.HasPrefix(column.Key, "_") {
			all = append(all, sdk.Problem{Path: column.Key, Key: true,
				Message: "columns that begin with _ are the engine's; choose another name"})
		} else {
			all = append(all, expr.CheckSyntax(column.Value, column.Key))
		}
	}
	return errors.Join(all...)
}

// Transform is the derive step.
var Transform = sdk.Spec[Config]{
	Kind:    sdk.KindTransform,
	Name:    "derive",
	Summary: "Computes columns from those of the same row, in order.",
	Example: `derive:
  team: 'type == "billing" ? "finance" : "care"'
  hour: 'created_at.getHours()'
  early: 'hour < 9'              # sees the columns above
`,
	Columns: func(c *Config, in *arrow.Schema, d *sdk.Description) {
		steps, problems := plan(c, in)
		if d.Columns, d.ColumnProblems = nil, problems; len(problems) == 0 {
			d.Columns = steps[len(steps)-1].schema
		}
	},
	Open: open,
}.Plugin()

// step computes one column.
type step struct {
	name    string
	program *expr.Program
	at      int           // its index; that of a column it replaces, or behind all
	schema  *arrow.Schema // with the column
}

// plan compiles every expression against the columns before it. That a column is
// missing because its own expression is wrong is not reported again.
func plan(c *Config, in *arrow.Schema) (steps []step, problems []sdk.Problem) {
	wrong := map[string]bool{}
	for _, column := range c.columns {
		program, err := expr.Compile(column.Value, in)
		if err != nil {
			problems = append(problems, expr.ProblemsOf(err, column.Key, wrong)...)
			wrong[column.Key] = true
			continue
		}
		s := step{name: column.Key, program: program, at: in.NumFields()}
		fields := in.Fields()
		if found := in.FieldIndices(column.Key); len(found) > 0 {
			s.at = found[0]
			fields[s.at] = program.Field(column.Key)
		} else {
			fields = append(fields, program.Field(column.Key))
		}
		meta := in.Metadata()
		in = arrow.NewSchema(fields, &meta)
		s.schema = in
		steps = append(steps, s)
	}
	return steps, problems
}

func open(_ context.Context, c *Config, in *arrow.Schema, _ sdk.Env) (sdk.Instance, error) {
	steps, problems := plan(c, in)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	return &transform{steps: steps}, nil
}

type transform struct {
	sdk.PlainTransform
	steps []step
}

var _ sdk.Transform = (*transform)(nil)

// The most that a step makes, in bytes of text of all its columns together: more of
// a batch is made in pieces, a row that makes more is rejected. What waits in front
// of the steps behind is a few batches, so memory is bounded by a multiple of it.
const (
	mostBatch = 32 << 20
	mostRow   = 64 << 20
)

// Apply computes column after column over the whole batch, or over parts of it if
// it makes too much text. A row that one of the columns fails for is rejected as it
// came, for the first reason.
func (t *transform) Apply(ctx context.Context, b *sdk.Batch, out sdk.Emitter) error {
	rows, reasons, err := t.compute(b.Rows)
	if errors.Is(err, expr.ErrTooMuchText) && b.NumRows() > 1 {
		half := b.NumRows() / 2
		first, second := *b, *b
		first.Rows, first.Cursor = b.Rows.NewSlice(0, half), nil // what is read is known behind all of it
		second.Rows = b.Rows.NewSlice(half, b.NumRows())
		if err := t.Apply(ctx, &first, out); err != nil {
			return err
		}
		return t.Apply(ctx, &second, out)
	}
	if err != nil {
		return err
	}
	return jsonrows.EmitWithout(b, rows, reasons, out)
}

// compute returns the batch with all columns, and why rows failed.
func (t *transform) compute(rows arrow.RecordBatch) (arrow.RecordBatch, map[int]string, error) {
	reasons := map[int]string{} // by row
	made := uint64(0)
	for _, s := range t.steps {
		column, failed, err := s.program.Eval(rows)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range failed {
			if _, known := reasons[f.Row]; !known {
				reasons[f.Row] = s.name + ": " + f.Reason
			}
		}
		made += textBytes(column)
		switch one := rows.NumRows() == 1; {
		case !one && made > mostBatch:
			return nil, nil, expr.ErrTooMuchText
		case one && made > mostRow:
			if len(reasons) == 0 {
				reasons[0] = fmt.Sprintf("%s: the columns up to this one would have %d bytes, more than a step "+
					"may make of a row (%d MB)", s.name, made, mostRow>>20)
			}
			column = array.MakeArrayOfNull(memory.DefaultAllocator, column.DataType(), 1)
		}
		all := append(make([]arrow.Array, 0, len(rows.Columns())+1), rows.Columns()...)
		if s.at < len(all) {
			all[s.at] = column
		} else {
			all = append(all, column)
		}
		rows = array.NewRecordBatch(s.schema, all, rows.NumRows())
	}
	return rows, reasons, nil
}

// textBytes is the size of a column whose values may be of any size, 0 of another.
func textBytes(column arrow.Array) uint64 {
	switch a := column.(type) {
	case *array.String:
		return uint64(len(a.ValueBytes()))
	case *array.Binary:
		return uint64(len(a.ValueBytes()))
	case *array.List:
		return a.Data().SizeInBytes()
	}
	return 0
}
