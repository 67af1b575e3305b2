package plan

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// sameColumns is the schema of a step that changes no column, unless the file has one
// of that name.
const sameColumns = "same"

func (b *builder) isSame(s *config.Step) bool {
	return s.Schema.Kind() == config.Scalar && s.Schema.Text() == sameColumns &&
		b.file.Schemas.Get(sameColumns) == nil
}

// unchanged is the columns behind a step with schema: same. computed are those that
// its plugin knows of, nil for none.
func (b *builder) unchanged(s *config.Step, kind sdk.Kind, in, computed *arrow.Schema) *arrow.Schema {
	path := strings.TrimSuffix(s.Path, s.Plugin) + "schema"
	if kind == sdk.KindSource {
		b.fail(s.Schema.Pos(), path, "unknown-schema", "there are no columns before an input",
			"write its columns: schema: NAME, or schema: {column: type}")
		return nil
	}
	if computed == nil || in == nil {
		return in
	}
	if own := withoutPosition(computed); !own.Equal(withoutPosition(in)) {
		b.fail(s.Schema.Pos(), path, "schema-mismatch", "the step changes columns, it gives "+describe(own),
			"leave schema out here; "+s.Plugin+" knows its columns")
	}
	return computed
}

// schemaBeside is the schema beside the last component of a run; nil for none.
func (b *builder) schemaBeside(s *config.Step, in *arrow.Schema) *config.Node {
	switch node, _ := b.schemaNode(s); {
	case node != nil:
		return node
	case in != nil && b.isSame(s):
		return schemaOf(in.Fields())
	}
	return nil
}

// schemaOf is a schema whose columns are these, without the engine's own.
func schemaOf(fields []arrow.Field) *config.Node {
	schema := config.NewMap()
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, "_") {
			schema = schema.With(f.Name, columnOf(f))
		}
	}
	return schema
}

func columnOf(f arrow.Field) *config.Node {
	name, required := "%", !f.Nullable
	for list, ok := f.Type.(*arrow.ListType); ok; list, ok = f.Type.(*arrow.ListType) {
		name, f = strings.Replace(name, "%", "list(%)", 1), list.ElemField()
	}
	column, base := config.NewMap(), sdk.TypeName(f.Type)
	if inside, ok := f.Type.(*arrow.StructType); ok {
		base = "struct"
		column = column.With("fields", schemaOf(inside.Fields()))
	} else if sdk.IsJSON(f) {
		base = "json"
	}
	column = column.With("type", config.NewScalar(strings.Replace(name, "%", base, 1)))
	if required {
		column = column.With("required", config.NewScalar("true"))
	}
	return column
}
