package aggregation

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// Values of every type that can be grouped by, in their order.
var ordered = map[string][]string{
	"string":         {`""`, `"\u0000"`, `"\u0000a"`, `"a"`, `"a\u0000"`, `"a\u0000b"`, `"ab"`, `"é"`},
	"bytes":          {`""`, `"AA=="`, `"AGE="`, `"/w=="`},
	"int32":          {`-2147483648`, `-1`, `0`, `2147483647`},
	"int64":          {`-9223372036854775808`, `-1`, `0`, `1`, `9223372036854775807`},
	"uint64":         {`0`, `1`, `9223372036854775808`, `18446744073709551615`},
	"float32":        {`-1.5`, `0`, `0.25`, `3e38`},
	"float64":        {`-1e300`, `-1`, `0`, `1e-300`, `2`},
	"bool":           {`false`, `true`},
	"timestamp":      {`"1969-12-31T23:59:59Z"`, `"1970-01-01T00:00:00Z"`, `"2026-03-01T12:00:00.000001Z"`},
	"date":           {`"1969-12-31"`, `"1970-01-01"`, `"2026-03-01"`},
	"time":           {`"00:00:00"`, `"23:59:59.999999"`},
	"decimal(38, 2)": {`"-99999999999999999999.99"`, `"-0.01"`, `"0.00"`, `"0.01"`, `"99999999999999999999.99"`},
}

func typedRows(values ...string) []string {
	var rows []string
	for _, v := range values {
		rows = append(rows, `{"at": "1970-01-01T00:00:00Z", "v": `+v+`}`)
	}
	return rows
}

func TestEveryTypeIsGroupedInOrder(t *testing.T) {
	for name, values := range ordered {
		t.Run(name, func(t *testing.T) {
			in := schemaOf(t, "at timestamp", "v "+name)
			h := newHarness(t, with(`"group_by": ["v"]`), in)
			rows := typedRows(append([]string{"null"}, values...)...)
			all := jsonRows(t, in, rows...)
			slices.Reverse(rows)
			h.partitions("p")
			h.json("p", rows...)
			h.barrier()
			h.reopen() // the values survive the state
			h.partitions("p")
			h.json("p", rows...)
			h.end()
			var want []string
			for i := range len(values) + 1 {
				want = append(want, fmt.Sprintf("00:00:00|00:01:00|%s|2", valueText(all.Column(1), i)))
			}
			h.want(want...)
		})
	}
}

func TestEveryTypeHasLeastGreatestAndDistinct(t *testing.T) {
	const aggregates = `"aggregates": {"least": "min(v)", "most": "max(v)", "n": "count(v)",
		"exact": "count_distinct(v)", "about": "approx_count_distinct(v)"}`
	for name, values := range ordered {
		t.Run(name, func(t *testing.T) {
			in := schemaOf(t, "at timestamp", "v "+name)
			h := newHarness(t, with(aggregates), in)
			h.partitions("p")
			for i := range values {
				h.json("p", typedRows(values[(i+1)%len(values)], "null", values[i])...)
				h.barrier()
				h.reopen()
				h.partitions("p")
			}
			h.end()
			all, n := jsonRows(t, in, typedRows(values...)...).Column(1), len(values)
			h.want(fmt.Sprintf("00:00:00|00:01:00|%s|%s|%d|%d|%d",
				valueText(all, 0), valueText(all, n-1), 2*n, n, n))
		})
	}
}

func TestNoValuesGiveNullAndCountsZero(t *testing.T) {
	for name := range ordered {
		calls := []string{"count", "count_distinct", "approx_count_distinct", "min", "max", "first", "last"}
		want := "00:00:00|00:01:00|0|0|0|null|null|null|null"
		in := schemaOf(t, "at timestamp", "v "+name)
		if numeric(in.Field(1).Type) {
			calls = append(calls, "sum", "avg")
			want += "|null|null"
		}
		var aggregates []string
		for _, call := range calls {
			aggregates = append(aggregates, fmt.Sprintf("%q: %q", "of_"+call, call+"(v)"))
		}
		h := newHarness(t, with(`"aggregates": {`+strings.Join(aggregates, ",")+`}`), in)
		h.partitions("p")
		h.json("p", typedRows("null", "null")...)
		h.barrier()
		h.reopen()
		h.end()
		h.want(want)
	}
}

func TestSumsKeepTheirType(t *testing.T) {
	const aggregates = `"aggregates": {"sum": "sum(v)", "mean": "avg(v)"}`
	tests := []struct {
		name   string
		values []string
		want   string
	}{
		{"int32", []string{"2147483647", "2147483647", "-1"}, "4294967293|1.4316557643333333e+09"},
		{"int64", []string{"-5", "2"}, "-3|-1.5"},
		{"uint64", []string{"18446744073709551614", "1"}, "18446744073709551615|9.223372036854776e+18"},
		{"float32", []string{"0.25", "0.5"}, "0.75|0.375"},
		{"float64", []string{"1e300", "-1e300", "2"}, "2|0.6666666666666666"},
		// Sums on the way are too large; the result is not.
		{"int64", []string{"9223372036854775807", "9223372036854775807", "-9223372036854775807"},
			"9223372036854775807|3.0744573456182584e+18"},
		{"int64", []string{"-9223372036854775808", "-1", "1"}, "-9223372036854775808|-3.0744573456182584e+18"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHarness(t, with(aggregates), schemaOf(t, "at timestamp", "v "+test.name))
			h.partitions("p")
			h.json("p", typedRows(test.values...)...)
			h.end()
			h.want("00:00:00|00:01:00|" + test.want)
		})
	}
}

func TestSumThatDoesNotFitNamesWindowAndGroup(t *testing.T) {
	tests := []struct{ name, value, more, want string }{
		{"int64", "9223372036854775807", "1", "int64"},
		{"int64", "-9223372036854775808", "-1", "int64"},
		{"uint64", "18446744073709551615", "1", "uint64"},
		{"decimal(38, 2)", `"999999999999999999999999999999999999.99"`, `"0.01"`, "decimal(38,2)"},
		{"decimal(38, 38)", `"-0.99999999999999999999999999999999999999"`, `"-0.00000000000000000000000000000000000001"`,
			"decimal(38,38)"},
	}
	for _, test := range tests {
		h := newHarness(t, with(`"group_by": ["kind", "v"], "aggregates": {"total": "sum(n)"}`),
			schemaOf(t, "at timestamp", "kind string", "v int64", "n "+test.name))
		row := `{"at": "1970-01-01T00:00:30Z", "kind": "a", "v": null, "n": %s}`
		h.json("p", fmt.Sprintf(row, test.value), fmt.Sprintf(row, test.more))
		_, err := h.step.Signal(t.Context(), sdk.Signal{Kind: sdk.End}, h.out)
		want := `sum(n) of the window from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, kind "a", v null: ` +
			"the result does not fit " + test.want
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestFloatsThatAreEqualAreOneGroup(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "v float64")
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	nan := math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)
	for _, v := range []float64{0, math.Copysign(0, -1), math.NaN(), nan, math.Inf(1), math.Inf(-1)} {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(0))
		b.Field(1).(*array.Float64Builder).Append(v)
	}
	h := newHarness(t, with(`"group_by": ["v"], "aggregates": {"n": "count()",
		"distinct": "count_distinct(v)"}`), schema)
	h.apply("p", b.NewRecordBatch())
	h.end()
	h.want("00:00:00|00:01:00|-Inf|1|1", "00:00:00|00:01:00|0|2|1", "00:00:00|00:01:00|+Inf|1|1",
		"00:00:00|00:01:00|NaN|2|1")
}

func TestFloatSumsAreJoinedInTheOrderOfPartitions(t *testing.T) {
	// In this order the sum is 1; in that of arrival, or of names, it is 0.
	values := map[string]string{"t/2": "1e16", "t/10": "-1e16", "t/11": "1"}
	h := newHarness(t, with(`"aggregates": {"sum": "sum(v)"}`), schemaOf(t, "at timestamp", "v float64"))
	h.partitions("t/2", "t/10", "t/11")
	for _, partition := range []string{"t/11", "t/10", "t/2"} {
		h.json(partition, typedRows(values[partition])...)
		h.barrier()
		h.reopen()
		h.partitions("t/2", "t/10", "t/11")
	}
	h.end()
	h.want("00:00:00|00:01:00|1")
}

func TestFirstAndLastAreByEventTime(t *testing.T) {
	for name, values := range ordered {
		in := schemaOf(t, "at timestamp", "v "+name)
		h := newHarness(t, with(`"watermark": "1h", "aggregates": {"early": "first(v)", "late": "last(v)"}`), in)
		row := `{"at": "1970-01-01T00:00:%02dZ", "v": %s}`
		a, z := values[0], values[len(values)-1]
		h.json("p", fmt.Sprintf(row, 20, "null"), fmt.Sprintf(row, 30, z), fmt.Sprintf(row, 50, a))
		h.barrier()
		h.reopen()
		h.json("q", fmt.Sprintf(row, 31, z), fmt.Sprintf(row, 49, z), fmt.Sprintf(row, 59, "null"))
		h.end()
		all := jsonRows(t, in, typedRows(a, z)...).Column(1)
		h.want("00:00:00|00:01:00|" + valueText(all, 1) + "|" + valueText(all, 0))
	}
}

func TestFirstAndLastOfOneTimeAreByPartitionAndPosition(t *testing.T) {
	in := schemaOf(t, "at timestamp", "v int64")
	for _, order := range [][]string{{"t/2", "t/10", "t/11"}, {"t/11", "t/10", "t/2"}, {"t/10", "t/11", "t/2"}} {
		h := newHarness(t, with(`"aggregates": {"early": "first(v)", "late": "last(v)"}`), in)
		values := map[string][]string{"t/2": {"21", "22"}, "t/10": {"101", "102"}, "t/11": {"111", "112"}}
		for i := range 2 {
			for _, partition := range order {
				h.json(partition, typedRows(values[partition][i])...)
			}
		}
		h.end()
		h.want("00:00:00|00:01:00|21|112")
	}
}

func TestFirstKeepsJSON(t *testing.T) {
	in := schemaOf(t, "at timestamp", "v json")
	h := newHarness(t, with(`"aggregates": {"early": "first(v)"}`), in)
	h.json("p", typedRows(`"{\"a\": 1}"`)...)
	h.end()
	h.want(`00:00:00|00:01:00|{"a": 1}`)
	if f := h.out.schema.Field(2); !isJSON(f) {
		t.Errorf("column after the step: got %v, want json", f)
	}
}

func TestSlicedAndEmptyBatches(t *testing.T) {
	for name, values := range ordered {
		in := schemaOf(t, "at timestamp", "v "+name)
		config := with(`"group_by": ["v"], "aggregates": {"n": "count(v)", "least": "min(v)"}`)
		whole, sliced := newHarness(t, config, in), newHarness(t, config, in)
		rows := jsonRows(t, in, typedRows(slices.Concat(values, []string{"null"}, values)...)...)
		whole.apply("p", rows)
		whole.end()
		sliced.apply("p", sdk.EmptyRows(in))
		for i := range rows.NumRows() {
			sliced.apply("p", rows.NewSlice(i, i+1))
			sliced.apply("p", rows.NewSlice(i, i))
		}
		sliced.end()
		sliced.want(whole.out.lines()...)
	}
}

func TestNoGroupsIsOneGroup(t *testing.T) {
	h := newHarness(t, with(``), schemaOf(t, "at timestamp", "v int64"))
	h.json("p", typedRows("1", "null")...)
	h.barrier()
	h.reopen()
	h.json("p", typedRows("3")...)
	h.end()
	h.want("00:00:00|00:01:00|3")
}
