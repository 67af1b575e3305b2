package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

var tickets = sdk.Schema{{Key: "priorite", Value: sdk.Column{Type: "string"}},
	{Key: "n", Value: sdk.Column{Type: "int64"}}}.Arrow()

const fourTickets = `[{"priorite": "urgent", "n": 2}, {"priorite": null, "n": 0},
	{"priorite": "low", "n": null},
	{"priorite": "low", "n": 1}]`

func TestOnlyTrueIsKept(t *testing.T) {
	out := sdktest.Apply(t, Transform, `"priorite != \"urgent\""`, tickets, fourTickets)
	want := []string{`priorite="low" n=∅`, `priorite="low" n=1`}
	if !slices.Equal(out.Rows, want) || out.Counts != (sdk.Counts{Dropped: 2}) {
		t.Errorf("got %v and %+v, want %v and 2 dropped: a null is neither equal nor unequal", out.Rows,
			out.Counts, want)
	}
}

func TestRowsThatCannotBeDecidedAreRejected(t *testing.T) {
	schema := arrow.NewSchema(append(tickets.Fields(), arrow.Field{Name: "_position",
		Type: arrow.PrimitiveTypes.Int64}), nil)
	out := sdktest.Apply(t, Transform, `"10 / n > 5"`, schema, `[{"priorite": "a", "n": 1, "_position": 7},
		{"priorite": "b", "n": 0, "_position": 8}, {"priorite": "c", "n": null, "_position": 9},
		{"priorite": "d", "n": 5, "_position": 10}]`)
	wantRejected := []string{`p/1: the condition: division by zero: {"priorite":"b","n":0}`}
	if !slices.Equal(out.Rejected, wantRejected) {
		t.Errorf("rejected: got %v, want %v", out.Rejected, wantRejected)
	}
	if len(out.Rows) != 1 || out.Counts.Dropped != 2 {
		t.Errorf("got %v and %+v, want one row, two dropped", out.Rows, out.Counts)
	}
}

func TestFaultsAreReportedWithTheirPosition(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"missing", `{}`, "where is missing"},
		{"nothing", `""`, "want an expression, got nothing"},
		{"no quote", `"priorite == \"urgent"`, "+12 the text that begins here has no closing quote"},
		{"long form", `{"where": "priorite ="}`, "where+9 no operator = (write ==)"},
		{"no column", `"priorit == \"a\""`, "no column named priorit, did you mean priorite?"},
		{"second line", `"n > 1 &&\n  priorit == null"`,
			"+11 no column named priorit, did you mean priorite?"},
		{"types", `"n > 1 && priorite > 1"`,
			"+18 cannot compare a string and an int64 (put the number " +
				"in quotes, or make a number of the text: double(x))"},
		{"no condition", `"priorite"`, `want a condition that is true or false, got a string ` +
			`(such as priorite == "urgent")`},
		{"unknown key", `{"were": "n > 1"}`, "were unknown field, did you mean where?"},
		{"fine", `"n in [1, 2] && priorite.startsWith(\"u\")"`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := Transform.Describe([]byte(test.config), nil).Problems
			if len(problems) == 0 {
				_, problems = sdktest.Plan(Transform, []byte(test.config), tickets)
			}
			got := ""
			if len(problems) > 0 {
				p := problems[0]
				if got = p.Path; p.Offset > 0 {
					got += fmt.Sprintf("+%d", p.Offset)
				}
				p.Path = ""
				got = strings.TrimSpace(got + " " + p.Error())
			}
			if got != test.want && !(test.name == "missing" && strings.HasPrefix(got, test.want)) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestColumnsAreKnownBehindAFaultyFilter(t *testing.T) {
	for _, config := range []string{`"priorite =="`, `"priorit == null"`, `{"were": 1}`} {
		if out, problems := sdktest.Plan(Transform, []byte(config), tickets); out != tickets || len(problems) == 0 {
			t.Errorf("%s: got %v and %v, want the input's columns and a problem", config, out, problems)
		}
	}
}

// BenchmarkEquality is a string column against a literal: what a filter costs a row.
func BenchmarkEquality(b *testing.B) {
	builder := array.NewRecordBuilder(memory.DefaultAllocator, tickets)
	for i := range sdk.DefaultBatchRows {
		builder.Field(0).(*array.StringBuilder).Append([]string{"low", "normal", "high", "urgent"}[i*7%4])
		builder.Field(1).(*array.Int64Builder).Append(int64(i))
	}
	batch := &sdk.Batch{Rows: builder.NewRecordBatch()}
	instance, err := Transform.Open(b.Context(), []byte(`"priorite == \"urgent\""`), tickets, sdk.Env{})
	if err != nil {
		b.Fatal(err)
	}
	out := discard{}
	for b.Loop() {
		if err := instance.(sdk.Transform).Apply(b.Context(), batch, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sdk.DefaultBatchRows, "ns/row")
}

// discard takes everything and keeps nothing.
type discard struct{ sdk.Emitter }

func (discard) Emit(*sdk.Batch) error { return nil }
func (discard) Count(sdk.Counts)      {}
