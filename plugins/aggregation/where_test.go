package aggregation

import (
	"strings"
	"testing"

	"etlengine/plugins/sdk/sdktest"
)

func TestWhereChoosesTheRowsOfOneAggregate(t *testing.T) {
	in := schemaOf(t, "at timestamp", "v int64", "priorite string")
	h := newHarness(t, with(`"aggregates": {"all": "count()",
		"high": {"call": "count()", "where": "priorite == 'high'"},
		"sum": {"call": "sum(v)", "where": "priorite == 'high'"},
		"large": {"call": "max(v)", "where": "v > 10 || priorite == null"},
		"none": {"call": "last(v)", "where": "v < 0"}}`), in)
	h.json("p", `{"at": "1970-01-01T00:00:01Z", "v": 1, "priorite": "high"}`,
		`{"at": "1970-01-01T00:00:02Z", "v": 2, "priorite": null}`,
		`{"at": "1970-01-01T00:00:03Z", "v": null, "priorite": "high"}`,
		`{"at": "1970-01-01T00:00:04Z", "v": 4, "priorite": "low"}`)
	h.barrier()
	h.reopen()
	h.end()
	h.want("00:00:00|00:01:00|4|2|1|2|null")
}

func TestGroupWithoutARowOfTheConditionIsThere(t *testing.T) {
	h := newHarness(t, `{"event_time": "at", "watermark": "10s", "window": {"session": {"gap": "1m"}},
		"group_by": ["kind"], "aggregates": {"b": {"call": "count()", "where": "kind == 'b'"}}}`,
		schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:01", "a"), row("00:00:01", "b"))
	h.end()
	h.want("00:00:01|00:01:01|a|0", "00:00:01|00:01:01|b|1")
}

// TestRowWithoutAnAnswerIsRejected: it counts nowhere, not even where no
// condition was asked, and does not move the watermark.
func TestRowWithoutAnAnswerIsRejected(t *testing.T) {
	in := schemaOf(t, "at timestamp", "v int64", "w int64")
	h := newHarness(t, with(`"aggregates": {"all": "count()",
		"odd": {"call": "count()", "where": "10 / v > 1"}, "even": {"call": "count()", "where": "10 / w > 1"}}`), in)
	rows := jsonRows(t, in, `{"at": "1970-01-01T00:00:01Z", "v": 1, "w": 1}`,
		`{"at": "1970-01-01T09:00:00Z", "v": 0, "w": 0}`, `{"at": "1970-01-01T00:00:03Z", "v": 2, "w": 20}`)
	h.apply("p", rows)
	h.end()
	h.want("00:00:00|00:01:00|2|2|1")
	if len(h.out.rejects) != 1 || h.out.lateRows > 0 {
		t.Fatalf("got rejects %v and %d late rows, want one and none", h.out.rejects, h.out.lateRows)
	}
	r := h.out.rejects[0]
	if !strings.HasPrefix(r.Reason, "where of odd: ") || !strings.Contains(r.Reason, "zero") {
		t.Errorf("reason: got %s", r.Reason)
	}
	if want := `{"at":"1970-01-01T09:00:00Z","v":0,"w":0}`; string(r.Row) != want {
		t.Errorf("row: got %s, want %s", r.Row, want)
	}
	if got := valueText(rows.Column(0), 1); got != "09:00:00" {
		t.Errorf("the input's event time became %s", got)
	}
}

func TestFaultInAConditionHasItsPosition(t *testing.T) {
	config := with(`"aggregates": {"n": {"call": "count()", "where": "v > 1 && priority == 'high'"}}`)
	_, problems := sdktest.Plan(Transform, []byte(config), schemaOf(t, "at timestamp", "v int64", "priorite string"))
	if len(problems) != 1 {
		t.Fatalf("problems: got %v, want one", problems)
	}
	want := "aggregates.n.where: no column named priority, did you mean priorite?"
	if p := problems[0]; p.Error() != want || p.Offset != len("v > 1 && ") {
		t.Errorf("got %s at %d, want %s at 9", p, p.Offset, want)
	}
	config = with(`"aggregates": {"n": {"call": "count()", "where": "v + 1"}}`)
	_, problems = sdktest.Plan(Transform, []byte(config), schemaOf(t, "at timestamp", "v int64"))
	if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), "aggregates.n.where: want a condition") {
		t.Errorf("problems: got %v", problems)
	}
}

func TestOtherConditionIsAnotherState(t *testing.T) {
	in := schemaOf(t, "at timestamp", "v int64")
	h := newHarness(t, with(`"aggregates": {"n": {"call": "count()", "where": "v > 1"}}`), in)
	h.json("p", `{"at": "1970-01-01T00:00:01Z", "v": 1}`)
	h.barrier()
	h.config = strings.Replace(h.config, "v > 1", "v > 2", 1)
	if err := h.restart(); err == nil || !strings.Contains(err.Error(), "count() where v > 1; the config") {
		t.Errorf("got %v, want the other condition named", err)
	}
}
