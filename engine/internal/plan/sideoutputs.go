package plan

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// withPosition is a source's columns and the one with the position of each row in
// its partition: every later step can name the row that it fails for.
func withPosition(s *arrow.Schema) *arrow.Schema {
	fields := append(slices.Clone(s.Fields()), arrow.Field{Name: sdk.PositionColumn,
		Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	return arrow.NewSchema(fields, nil)
}

// withoutPosition is the columns of a step as users know them: the position is
// the engine's own, and no sink of rows gets it.
func withoutPosition(s *arrow.Schema) *arrow.Schema {
	if s == nil || len(s.FieldIndices(sdk.PositionColumn)) == 0 {
		return s
	}
	meta := s.Metadata()
	return arrow.NewSchema(slices.DeleteFunc(slices.Clone(s.Fields()), func(f arrow.Field) bool {
		return f.Name == sdk.PositionColumn
	}), &meta)
}

// LateColumns is what a late output gets: the columns of the step that found
// the rows late, and what they were compared with.
func LateColumns(in *arrow.Schema) *arrow.Schema {
	fields := slices.DeleteFunc(slices.Clone(in.Fields()), func(f arrow.Field) bool { return !IsLate(f.Name) })
	fields = append(fields, lateColumns...)
	for i := range fields {
		fields[i] = sdk.OfLateRow(fields[i])
	}
	return arrow.NewSchema(fields, nil)
}

// lateColumns are what a late output says of each row.
var lateColumns = []arrow.Field{
	{Name: "_event_time", Type: sdk.Timestamp},
	{Name: "_watermark", Type: sdk.Timestamp},
	{Name: "_partition", Type: arrow.BinaryTypes.String},
	{Name: sdk.PositionColumn, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "_step", Type: arrow.BinaryTypes.String},
}

// IsLate reports whether a late output has a column of the rows that came too
// late. Those that it has of its own come once: _partition also if it was asked of
// a topic as metadata, where it is a number.
func IsLate(name string) bool {
	own := func(f arrow.Field) bool { return f.Name == name }
	return name != sdk.MessageColumn && !slices.ContainsFunc(lateColumns, own)
}

// DeadColumns is what a dead-letter output gets, whatever the pipeline.
var DeadColumns = arrow.NewSchema([]arrow.Field{
	{Name: "at", Type: sdk.Timestamp},
	{Name: "pipeline", Type: arrow.BinaryTypes.String},
	{Name: "step", Type: arrow.BinaryTypes.String},
	{Name: "reason", Type: arrow.BinaryTypes.String},
	{Name: "partition", Type: arrow.BinaryTypes.String},
	{Name: "position", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "raw", Type: arrow.BinaryTypes.String, Nullable: true}, // if it is text
	{Name: "row", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: sdk.JSONMark},
	{Name: "key", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "raw_bytes", Type: arrow.BinaryTypes.Binary, Nullable: true}, // what raw would be, if it is no text
}, nil)

// sideOutputs plans the outputs for late rows and dead letters.
func (b *builder) sideOutputs(p *Pipeline, f *config.Pipeline) {
	if f.DeadLetters != nil {
		p.DeadLetters = b.step(sdk.KindSink, f.DeadLetters, DeadColumns)
	}
	var makers []*Step
	unknown := false // a step with a fault may be one
	for _, s := range p.Steps() {
		if s.In != nil && mayBeLate(s) {
			makers = append(makers, s)
		}
		unknown = unknown || s.Plugin.Kind == sdk.KindTransform && (s.faulty || s.In == nil)
	}
	switch {
	case f.Late == nil && len(makers) > 0:
		b.warn(f.Node.KeyPos("output"), "pipelines."+f.Name, "late-rows-dropped",
			"rows that come too late for "+makers[0].Label+" are dropped and only counted",
			"keep them: late: {csv: {path: output/late}}")
	case f.Late != nil && len(makers) == 0:
		if !unknown {
			b.warn(f.Late.Node.KeyPos(f.Late.Plugin), f.Late.Path, "late-unused",
				"no step of this pipeline can find a row late", "leave late out")
		}
		var columns *arrow.Schema // of rows that will never come
		if p.Input != nil && p.Input.Out != nil {
			columns = LateColumns(p.Input.Out)
		}
		p.Late = b.step(sdk.KindSink, f.Late, columns)
	case f.Late != nil:
		for _, other := range makers[1:] {
			if !other.In.Equal(makers[0].In) {
				b.fail(f.Late.Node.KeyPos(f.Late.Plugin), f.Late.Path, "late-columns",
					"the late rows of "+makers[0].Label+" and "+other.Label+" have other columns",
					"aggregate them in pipelines of their own")
				return
			}
		}
		p.Late = b.step(sdk.KindSink, f.Late, LateColumns(makers[0].In))
	}
}

// mayBeLate reports whether a step can find a row late. Of one with a fault it is
// not known.
func mayBeLate(s *Step) bool { return s.Description.LateRows && s.Out != nil }

func (b *builder) warn(at config.Position, path, code, message, hint string) {
	b.fail(at, path, code, message, hint)
	b.problems[len(b.problems)-1].Warning = true
}
