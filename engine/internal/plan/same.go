package plan

import (
	"encoding/json"
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

// schemaBeside is the schema beside the last component of a run, as JSON; nil for none.
func (b *builder) schemaBeside(s *config.Step, in *arrow.Schema) []byte {
	switch node, _ := b.schemaNode(s); {
	case node != nil:
		return node.JSON()
	case in != nil && b.isSame(s):
		return schemaJSON(in.Fields())
	}
	return nil
}

// schemaJSON is a schema whose columns are these, without the engine's own.
func schemaJSON(fields []arrow.Field) []byte {
	text := []byte{'{'}
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, "_") {
			text = appendKey(text, f.Name, columnJSON(f))
		}
	}
	return append(text, '}')
}

func columnJSON(f arrow.Field) []byte {
	name, required := "%", !f.Nullable
	for list, ok := f.Type.(*arrow.ListType); ok; list, ok = f.Type.(*arrow.ListType) {
		name, f = strings.Replace(name, "%", "list(%)", 1), list.ElemField()
	}
	text := []byte{'{'}
	base := sdk.TypeName(f.Type)
	if inside, ok := f.Type.(*arrow.StructType); ok {
		base = "struct"
		text = appendKey(text, "fields", schemaJSON(inside.Fields()))
	} else if sdk.IsJSON(f) {
		base = "json"
	}
	quoted, _ := json.Marshal(strings.Replace(name, "%", base, 1)) // text always encodes
	text = appendKey(text, "type", quoted)
	if required {
		text = appendKey(text, "required", []byte("true"))
	}
	return append(text, '}')
}
