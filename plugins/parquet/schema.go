package parquet

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

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
	root, _, err := groupNode(schema.Fields(), choices)
	if err != nil {
		return nil, err
	}
	return pq.NewSchema("schema", root), nil
}

// groupNode is a group of columns. It takes the choices of their leaves and
// returns those that are left.
func groupNode(fields []arrow.Field, choices []choice) (pq.Node, []choice, error) {
	group := ordered{Group: pq.Group{}}
	for _, f := range fields {
		if _, ok := group.Group[f.Name]; ok {
			return nil, nil, fmt.Errorf("two columns named %q", f.Name)
		}
		node, left, err := fieldNode(f, choices)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		group.Group[f.Name], choices = node, left
		group.names = append(group.names, f.Name)
	}
	return group, choices, nil
}

// fieldNode is the parquet type of a column: a leaf, a group, or a list, which
// is a group of one repeated group of the items.
func fieldNode(f arrow.Field, choices []choice) (node pq.Node, left []choice, err error) {
	switch t := f.Type.(type) {
	case *arrow.ListType:
		item := t.ElemField()
		item.Nullable = true
		if node, choices, err = fieldNode(item, choices); err == nil {
			node = pq.List(node)
		}
	case *arrow.StructType:
		if t.NumFields() == 0 {
			return nil, nil, errors.New("parquet files hold no struct without fields")
		}
		node, choices, err = groupNode(t.Fields(), choices)
	default:
		if node = typeNode(f.Type); node == nil {
			return nil, nil, fmt.Errorf("parquet files hold no column of type %s", sdk.TypeName(f.Type))
		}
		var encoding encoding.Encoding = &pq.Plain
		if len(choices) > 0 {
			if choices[0].dictionary {
				encoding = &pq.RLEDictionary
			}
			if choices[0].source != nil {
				node = pq.Leaf(columnType{node.Type(), choices[0].source})
			}
			choices = choices[1:]
		}
		node = pq.Encoded(node, encoding)
	}
	if f.Nullable && err == nil {
		node = pq.Optional(node)
	}
	return node, choices, err
}

// leafTypes are the types of the columns that hold the values of a schema.
func leafTypes(fields []arrow.Field) []arrow.DataType {
	var types []arrow.DataType
	for _, f := range fields {
		switch t := f.Type.(type) {
		case *arrow.ListType:
			types = append(types, leafTypes([]arrow.Field{t.ElemField()})...)
		case *arrow.StructType:
			types = append(types, leafTypes(t.Fields())...)
		default:
			types = append(types, t)
		}
	}
	return types
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
