package derive

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

var tickets = sdk.Schema{{Key: "type", Value: sdk.Column{Type: "string"}},
	{Key: "created_at", Value: sdk.Column{Type: "timestamp"}},
	{Key: "n", Value: sdk.Column{Type: "int64"}}}.Arrow()

const twoTickets = `[{"type": "billing", "created_at": "2026-03-01T09:30:00Z", "n": 2},
	{"type": null, "created_at": null, "n": 0}]`

func TestLaterColumnsSeeEarlierOnes(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"team": "type == \"billing\" ? \"finance\" : \"care\"",
		"hour": "created_at.getHours()",
		"label": "team + \"-\" + string(hour)"}`, tickets, twoTickets)
	want := []string{`type="billing" created_at=2026-03-01T09:30:00Z n=2 ` +
		`team="finance" hour=9 label="finance-9"`,
		`type=∅ created_at=∅ n=0 team="care" hour=∅ label=∅`}
	if !slices.Equal(out.Rows, want) {
		t.Errorf("got %s\nwant %s", strings.Join(out.Rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestAReplacedColumnKeepsItsIndex(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"type": "coalesce(type, \"none\")", "double": "n * 2",
		"n": "double + 0.5"}`, tickets,
		twoTickets)
	want := []string{`type="billing" created_at=2026-03-01T09:30:00Z n=4.5 double=4`,
		`type="none" created_at=∅ n=0.5 double=0`}
	if !slices.Equal(out.Rows, want) {
		t.Errorf("got %s\nwant %s", strings.Join(out.Rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowsThatFailAreRejectedOnce(t *testing.T) {
	out := sdktest.Apply(t, Transform, `{"share": "10 / n", "rest": "10 % n", "type": "type + \"!\""}`,
		tickets, twoTickets)
	wantRows := []string{`type="billing!" created_at=2026-03-01T09:30:00Z n=2 share=5 rest=0`}
	wantRejected := []string{`p/1: share: division by zero: {"type":null,"created_at":null,"n":0}`}
	if !slices.Equal(out.Rows, wantRows) || !slices.Equal(out.Rejected, wantRejected) {
		t.Errorf("got %v and rejected %v, want %v and %v: the row as it came, for the first reason",
			out.Rows, out.Rejected, wantRows, wantRejected)
	}
}

func TestACopyKeepsItsType(t *testing.T) {
	in := arrow.NewSchema([]arrow.Field{{Name: "j", Type: arrow.PrimitiveTypes.Int32},
		{Name: "body", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: sdk.JSONMark}}, nil)
	after, problems := sdktest.Plan(Transform, []byte(`{"a": "j", "b": "body", "c": "j + 0"}`), in)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int32},
		{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: sdk.JSONMark},
		{Name: "c", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}
	for i, f := range want {
		if got := after.Field(2 + i); !got.Equal(f) {
			t.Errorf("got %v, want %v", got, f)
		}
	}
}

func TestProblemsOfADerive(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string
	}{
		{"nothing", `{}`, []string{`want columns and their expressions, such as {team: 'type + "-team"'}`}},
		{"a list", `["a"]`, []string{"want a map, got a list"}},
		{"a text", `"a"`, []string{`want a map, got "a"`}},
		{"an empty value", `{"a": null}`, []string{"a: want a string, got nothing"}},
		{"the engine's name", `{"_a": "n", "b": "m"}`,
			[]string{"_a: columns that begin with _ are the engine's; choose another name"}},
		{"syntax, all at once", `{"a": "n +", "b": "n", "c": "(n"}`,
			[]string{"a: the expression ends where something must follow",
				"c: a ) is missing here"}},
		{"columns, all at once", `{"a": "amount + 1", "b": "colour"}`,
			[]string{`a: no column named "amount" (have type, created_at, n)`,
				"b: no column"}},
		{"what builds on a fault", `{"team": "n + type", "b": "team.size()", "c": "n + 1"}`,
			[]string{"team: cannot add an int64 and a string"}},
		{"no column type", `{"age": "created_at - created_at"}`,
			[]string{"age: the result cannot be a column: it is a duration"}},
		{"fine", `{"a": "n", "b": "a"}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problems := Transform.Describe([]byte(test.config), nil).Problems
			if len(problems) == 0 {
				_, problems = sdktest.Plan(Transform, []byte(test.config), tickets)
			}
			for i, p := range problems {
				if i >= len(test.want) || !strings.HasPrefix(p.Error(), test.want[i]) {
					t.Errorf("problem %d: got %q, want of %q", i, p.Error(), test.want)
				}
			}
			if len(problems) != len(test.want) {
				t.Errorf("got %d problems, want %d", len(problems), len(test.want))
			}
		})
	}
}
