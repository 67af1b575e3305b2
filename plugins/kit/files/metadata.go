package files

import (
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// What a source knows of a row beside its columns, by the names that
// SourceConfig.Metadata takes; the columns have a _ in front.
const (
	metaPath = "path" // the file, as the config would write it; the partition's name
	metaLine = "line" // where the row begins in it, from 1; of formats without lines, its number
)

func checkMetadata(names []string) error {
	known := []string{metaPath, metaLine}
	for i, name := range names {
		if !slices.Contains(known, name) {
			p := sdk.Problem{Path: "metadata." + strconv.Itoa(i), Message: "want path or line, got " + name}
			if near := sdk.Nearest(name, known); near != "" {
				p.Hint = "did you mean " + near + "?"
			}
			return p
		}
		if slices.Contains(names[:i], name) {
			return sdk.Fieldf("metadata."+strconv.Itoa(i), "%s is named twice", name)
		}
	}
	return nil
}

// metadataFields are the columns of metadata.
func metadataFields(names []string) []arrow.Field {
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: "_" + name, Type: arrow.BinaryTypes.String}
		if name == metaLine {
			fields[i].Type = arrow.PrimitiveTypes.Int64
		}
	}
	return fields
}

// Columns are the columns that the source gives, for Spec.Schema: those of the
// schema, then those of metadata.
func (c SourceConfig) Columns() *arrow.Schema {
	return arrow.NewSchema(slices.Concat(c.Schema.Arrow().Fields(), metadataFields(c.Metadata)), nil)
}

// metadata makes the columns of metadata for rows of one file.
type metadata struct {
	names []string
	path  *constant
}

func newMetadata(names []string, file string) metadata {
	column := sdk.Schema{{Key: metaPath, Value: sdk.Column{Type: "string"}}}
	return metadata{names, &constant{value: fixedValue{column: column, text: []byte(file)}}}
}

// lines reports whether positions are needed.
func (m metadata) lines() bool { return slices.Contains(m.names, metaLine) }

func (m metadata) columns(rows int64, positions []int64) ([]arrow.Array, error) {
	columns := make([]arrow.Array, len(m.names))
	for i, name := range m.names {
		if name == metaLine {
			b := array.NewInt64Builder(memory.DefaultAllocator)
			b.AppendValues(positions, nil)
			columns[i] = b.NewArray()
			continue
		}
		var err error
		if columns[i], err = m.path.slice(rows); err != nil {
			return nil, err
		}
	}
	return columns, nil
}
