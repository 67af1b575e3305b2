package redpanda_test

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func builder(schema *arrow.Schema) *array.RecordBuilder {
	return array.NewRecordBuilder(memory.DefaultAllocator, schema)
}
