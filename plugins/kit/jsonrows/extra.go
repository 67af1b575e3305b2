package jsonrows

import (
	"slices"
	"strings"

	"etlengine/plugins/sdk"
)

// CheckExtra refuses a name in a config's field "extra" that no column beside
// those of the schema can have, for Validate.
func CheckExtra(name string, schema sdk.Schema) error {
	named := func(e sdk.Entry[sdk.Column]) bool { return e.Key == name }
	switch {
	case name == "":
		return nil // there is none
	case strings.HasPrefix(name, "_"):
		return sdk.Fieldf("extra", "columns that begin with _ are the engine's; choose another name than %s", name)
	case slices.ContainsFunc(schema, named):
		return sdk.Fieldf("extra", "the schema has a column %s already; choose another name", name)
	}
	return nil
}

// WithExtra is a schema with a json column behind that takes the keys without
// a column, whole, at the top of objects; without a name it is the schema.
func WithExtra(schema sdk.Schema, name string) sdk.Schema {
	if name == "" {
		return schema
	}
	return append(slices.Clip(schema), sdk.Entry[sdk.Column]{Key: name,
		Value: sdk.Column{Type: "json", Extra: true}})
}
