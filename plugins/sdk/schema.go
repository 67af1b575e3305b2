package sdk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Schema is a list of columns as written in YAML, in order:
//
//	ticket_id: string
//	created_at: {type: timestamp, format: '%d/%m/%Y %H:%M', timezone: Europe/Paris, required: true}
//	amount: {type: "decimal(10,2)", from: payload.amount}
//	tags: list(string)
//	lines: {type: list(struct), fields: {sku: string, count: int32}}
type Schema Ordered[Column]

func (Schema) ordered() {}

// ConfigType is the type's name in the documentation.
func (Schema) ConfigType() string { return "schema" }

// Fields are the columns of a struct.
type Fields Ordered[Column]

func (Fields) ordered() {}

// Column is one column of a Schema: its type, and how a decoder reads it.
type Column struct {
	Type     string `json:"type" required:"true" doc:"Type of the column."`
	Format   string `json:"format" doc:"How text is a time: rfc3339, unix_s, unix_ms, unix_us, '%d/%m/%Y'."`
	Timezone string `json:"timezone" alias:"tz,zone" doc:"Zone of times that do not say theirs: Europe/Paris."`
	From     string `json:"from" doc:"Where the value is, if not under the column's name: payload.created."`
	Required bool   `json:"required" doc:"Whether a missing or null value is an error."`
	Fields   Fields `json:"fields" doc:"Columns of a struct."`
	// Extra marks the json column that takes the keys without a column. A
	// plugin adds it for its key extra.
	Extra bool `json:"-"`
}

// FromText reads the short form, which is the type alone.
func (c *Column) FromText(text string) error {
	c.Type = text
	return c.Validate()
}

// Validate refuses what is no column.
func (c *Column) Validate() error {
	if _, err := TypeOf(c.bare()); err != nil {
		return err
	}
	base := c.Base()
	switch {
	case base == "struct" && len(c.Fields) == 0:
		return Problem{Message: "fields is missing: a struct has columns of its own",
			Hint: "{type: " + c.Type + ", fields: {name: string}}; json keeps any value as its text"}
	case base != "struct" && len(c.Fields) > 0:
		return Fieldf("fields", "are for a struct, the column is %s", WithArticle(c.Type))
	}
	for part := range strings.SplitSeq(c.From, ".") {
		if part == "" && c.From != "" {
			return Fieldf("from", "want keys joined by dots, such as payload.created, got %s", quote(c.From))
		}
	}
	if depth := c.depth(); depth > maxNesting {
		return Problem{Message: fmt.Sprintf("want at most %d lists and structs inside each other, got %d",
			maxNesting, depth)}
	}
	return c.checkTimes(base)
}

// maxNesting bounds how deep lists and structs of a schema go.
const maxNesting = 32

func (c *Column) depth() int {
	deepest := 0
	for i := range c.Fields {
		deepest = max(deepest, c.Fields[i].Value.depth())
	}
	return strings.Count(c.Type, "(") + 1 + deepest
}

// Base is the type inside all lists: struct for list(list(struct)).
func (c *Column) Base() string {
	name := strings.TrimSpace(c.Type)
	for {
		m := listPattern.FindStringSubmatch(name)
		if m == nil {
			return name
		}
		name = strings.TrimSpace(m[1])
	}
}

// bare is the type with a string in the place of the struct.
func (c *Column) bare() string {
	if base := c.Base(); base == "struct" {
		at := strings.LastIndex(c.Type, "struct")
		return c.Type[:at] + "string" + c.Type[at+len("struct"):]
	}
	return c.Type
}

// Path is the keys that lead to the column's value; key is its name.
func (c *Column) Path(key string) []string {
	if c.From == "" {
		return []string{key}
	}
	return strings.Split(c.From, ".")
}

// Source is the name of the column's value where values have plain names, such
// as the cells of CSV; key is its own.
func (c *Column) Source(key string) string {
	if c.From == "" {
		return key
	}
	return c.From
}

// Arrow is the schema's columns as the stream carries them. Every column is
// nullable unless it is required.
func (s Schema) Arrow() *arrow.Schema {
	return arrow.NewSchema(fieldsAsArrow(s), nil)
}

func fieldsAsArrow(columns []Entry[Column]) []arrow.Field {
	fields := make([]arrow.Field, len(columns))
	for i, column := range columns {
		t := column.Value.asArrow(strings.TrimSpace(column.Value.Type))
		fields[i] = arrow.Field{Name: column.Key, Type: t, Nullable: !column.Value.Required}
		if column.Value.Type == "json" {
			fields[i].Metadata = JSONMark
		}
	}
	return fields
}

// asArrow is the Arrow type for the column's type, or the part of it named.
func (c *Column) asArrow(name string) arrow.DataType {
	if m := listPattern.FindStringSubmatch(name); m != nil {
		item := strings.TrimSpace(m[1])
		return listOf(item, c.asArrow(item))
	}
	if name == "struct" {
		return arrow.StructOf(fieldsAsArrow(c.Fields)...)
	}
	t, err := TypeOf(name)
	if err != nil {
		panic("sdk: Arrow of a schema that was not validated: " + err.Error())
	}
	return t
}

// Validate refuses names that are none or belong to the engine.
func (s Schema) Validate() error {
	for i, column := range s {
		if column.Key == "" {
			return Problem{Message: fmt.Sprintf("a column needs a name: number %d has none", i+1)}
		}
		if strings.HasPrefix(column.Key, "_") {
			return Problem{Path: column.Key, Key: true,
				Message: "columns that begin with _ are the engine's; choose another name",
				Hint:    "from: " + column.Key + " reads the key into a column of another name"}
		}
	}
	return twice(s)
}

// Validate refuses fields without a name.
func (f Fields) Validate() error {
	for _, field := range f {
		if field.Key == "" {
			return Fieldf("", "want a name for every field of a struct")
		}
	}
	return twice(f)
}

func twice(columns []Entry[Column]) error {
	for i, column := range columns {
		if slices.ContainsFunc(columns[:i], func(e Entry[Column]) bool { return e.Key == column.Key }) {
			return Fieldf(column.Key, "the name comes twice")
		}
	}
	return nil
}

// FindColumn is the index of a column, or a Problem that offers the nearest.
func FindColumn(schema *arrow.Schema, name string) (int, error) {
	if at := schema.FieldIndices(name); len(at) > 0 {
		return at[0], nil
	}
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == PositionColumn || name == MessageColumn
	})
	if near := Nearest(name, names); near != "" {
		return -1, Problem{Code: CodeUnknownColumn,
			Message: fmt.Sprintf("no column named %s, did you mean %s?", quote(name), near)}
	}
	return -1, Problem{Code: CodeUnknownColumn,
		Message: fmt.Sprintf("no column named %s (have %s)", quote(name), strings.Join(names, ", "))}
}
