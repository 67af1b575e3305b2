package jsonrows_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"etlengine/plugins/kit/jsonrows"
)

// TestManyShortListsInAListAreBoundedTogether: a line of 3 MB whose {} become structs of
// 60 fields each, 600 MB in all, though no inner list has more than 500 of them.
func TestManyShortListsInAListAreBoundedTogether(t *testing.T) {
	var fields strings.Builder
	for i := range 60 {
		fmt.Fprintf(&fields, `,"f%d":"int64"`, i)
	}
	d := jsonrows.NewDecoder(schemaIn(t, `{"a":{"type":"list(struct)","fields":{"b":{"type":"list(struct)","fields":{`+
		fields.String()[1:]+`}}}}}`))
	inner := `{"b":[` + strings.Repeat("{},", 499) + `{}]},`
	line := []byte(`{"a":[` + strings.Repeat(inner, 2000) + `{}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := d.Append(line)
	runtime.ReadMemStats(&after)
	const want = "want a list that fits into 8MB, got a larger one"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 160<<20 {
		t.Errorf("the line took %d MB", got>>20)
	}
	if err := d.Append([]byte(`{"a":[{"b":[{"f1":1}]}]}`)); err != nil || d.Rows() != 1 {
		t.Errorf("the next row: %v, %d rows", err, d.Rows())
	}
}
