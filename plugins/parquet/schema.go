package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"

	"etlengine/plugins/sdk"
)

// The decimals that parquet keeps in 4 and in 8 bytes; wider ones take 16.
const (
	maxDecimal32 = 9
	maxDecimal64 = 18
)

// ordered is a group that keeps the order of its fields, where pq.Group sorts
// them by name.
type ordered struct {
	pq.Group
	names []string
}

// Fields are the columns in the order of the schema.
func (o ordered) Fields() []pq.Field {
	byName := make(map[string]pq.Field, len(o.names))
	for _, f := range o.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]pq.Field, len(o.names))
	for i, name := range o.names {
		fields[i] = byName[name]
	}
	return fields
}

// fileSchema is the schema of a file with these columns. Those without a
// dictionary (all, if choices is nil) are written plain: parquet-go's own
// choice for strings (DELTA_LENGTH_BYTE_ARRAY) is unknown to some engines.
func fileSchema(schema *arrow.Schema, choices []choice) (*pq.Schema, error) {
	root := ordered{Group: pq.Group{}}
	for i, f := range schema.Fields() {
		if _, ok := root.Group[f.Name]; ok {
			return nil, fmt.Errorf("two columns named %q", f.Name)
		}
		node := fieldNode(f, choices != nil && choices[i].dictionary)
		if node == nil {
			return nil, fmt.Errorf("%s: parquet files hold no column of type %s", f.Name, sdk.TypeName(f.Type))
		}
		root.Group[f.Name] = node
		root.names = append(root.names, f.Name)
	}
	return pq.NewSchema("schema", root), nil
}

// fieldNode is the parquet type of a column, or nil.
func fieldNode(f arrow.Field, dictionary bool) pq.Node {
	node := typeNode(itemType(f.Type))
	if node == nil {
		return nil
	}
	if dictionary {
		node = pq.Encoded(node, &pq.RLEDictionary)
	} else {
		node = pq.Encoded(node, &pq.Plain)
	}
	if f.Type.ID() == arrow.LIST {
		node = pq.List(pq.Optional(node))
	}
	if f.Nullable {
		node = pq.Optional(node)
	}
	return node
}

// itemType is the type of a list's items, or of the column itself.
func itemType(t arrow.DataType) arrow.DataType {
	if list, ok := t.(*arrow.ListType); ok {
		return list.Elem()
	}
	return t
}

// typeNode is the parquet type of a scalar, or nil. Times are in microseconds:
// nanoseconds, which parquet-go prefers, are unreadable to some engines.
func typeNode(t arrow.DataType) pq.Node {
	switch t := t.(type) {
	case *arrow.StringType: // json columns too: a reader may refuse a whole file for one bad text
		return pq.String()
	case *arrow.BinaryType:
		return pq.Leaf(pq.ByteArrayType)
	case *arrow.Int32Type:
		return pq.Leaf(pq.Int32Type)
	case *arrow.Int64Type:
		return pq.Leaf(pq.Int64Type)
	case *arrow.Uint64Type:
		return pq.Uint(64)
	case *arrow.Float32Type:
		return pq.Leaf(pq.FloatType)
	case *arrow.Float64Type:
		return pq.Leaf(pq.DoubleType)
	case *arrow.BooleanType:
		return pq.Leaf(pq.BooleanType)
	case *arrow.Date32Type:
		return pq.Date()
	case *arrow.TimestampType:
		if t.Unit == arrow.Microsecond {
			return pq.TimestampAdjusted(pq.Microsecond, true)
		}
	case *arrow.Time64Type:
		if t.Unit == arrow.Microsecond {
			return pq.TimeAdjusted(pq.Microsecond, false)
		}
	case *arrow.Decimal128Type:
		return decimalNode(int(t.Precision), int(t.Scale))
	}
	return nil
}

func decimalNode(precision, scale int) pq.Node {
	switch {
	case precision <= maxDecimal32:
		return pq.Decimal(scale, precision, pq.Int32Type)
	case precision <= maxDecimal64:
		return pq.Decimal(scale, precision, pq.Int64Type)
	}
	return pq.Decimal(scale, precision, pq.FixedLenByteArrayType(16))
}
