package aggregation

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// wantProblem checks that the config has this problem, or none if it is "".
func wantProblem(t *testing.T, config, want string) {
	t.Helper()
	problems := Transform.Describe([]byte(config), nil).Problems
	if want == "" {
		if len(problems) > 0 {
			t.Errorf("problems: got %v, want none", problems)
		}
		return
	}
	for _, p := range problems {
		if p.Error() == want {
			return
		}
	}
	t.Errorf("problems: got %v, want %s", problems, want)
}

// with is a valid config with more or other keys.
func with(keys string) string {
	base := map[string]string{"event_time": `"at"`, "watermark": `"10s"`, "window": `{"tumbling": "1m"}`,
		"aggregates": `{"n": "count()"}`}
	var b strings.Builder
	b.WriteString("{" + keys)
	for _, key := range []string{"event_time", "watermark", "window", "aggregates"} {
		if !strings.Contains(keys, `"`+key+`":`) {
			if b.Len() > 1 {
				b.WriteString(",")
			}
			b.WriteString(`"` + key + `":` + base[key])
		}
	}
	return b.String() + "}"
}

// running is a config without a window.
func running(keys string) string {
	return `{"emit": "on_end", "aggregates": {"n": "count()"}` + keys + `}`
}

func TestConfigProblemsNameThePath(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"the least config", with(``), ""},
		{"every key", with(`"group_by": ["a"], "on_idle": "hold", "idle_timeout": "1s", "on_end": "hold",
			"emit": "on_close"`), ""},
		{"no delay", `{"event_time": "at", "window": {"tumbling": "1m"}, "aggregates": {"n": "count()"}}`,
			"watermark: is not set (without a delay, a row of a window is late as soon as a newer window has begun)"},
		{"negative delay", with(`"watermark": "-1s"`), "watermark: want 0s or more, got -1s"},
		{"fine delay", with(`"watermark": "1ns"`), "watermark: want whole microseconds, got 1ns"},
		{"empty time", with(`"event_time": ""`), "event_time: want a column, got nothing"},
		{"on_idle", with(`"on_idle": "wait"`), `on_idle: want advance, flush or hold, got "wait"`},
		{"on_end", with(`"on_end": "drop"`), `on_end: want flush or hold, got "drop"`},
		{"idle_timeout", with(`"idle_timeout": "0s"`), "idle_timeout: want more than 0s, got 0s"},
		{"long delay", with(`"watermark": "61s", "window": {"tumbling": "1m"}`), "watermark: every window of 1m " +
			"waits 1m1s for late rows before it comes out (fewer rows are late with a longer delay, results come " +
			"sooner with a shorter one)"},
		{"delay of a window", with(`"watermark": "1m", "window": {"tumbling": "1m"}`), ""},
		{"long delay of sessions", with(`"watermark": "1h", "window": {"session": {"gap": "1m"}}`), ""},
		{"future", with(`"max_future_skew": "1h"`), ""},
		{"negative future", with(`"max_future_skew": "-1h"`), "max_future_skew: want 0s or more, got -1h"},
		{"fine future", with(`"max_future_skew": "10ns"`),
			"max_future_skew: want whole microseconds, got 10ns"},
		{"emit", with(`"emit": "on_end"`),
			"emit: on_end is for aggregates without a window; each window comes out when it is complete"},
		{"emit misspelt", with(`"emit": "always"`), `emit: want on_close or on_end, got "always"`},
		{"unbounded", with(`"unbounded_state": true`),
			"unbounded_state: does nothing: windows close, and their state goes with them"},
		{"no window", `{"event_time": "at", "watermark": "1s", "aggregates": {"n": "count()"}}`,
			"window: is missing, such as {tumbling: 1m}; " +
				"for one result at the end of the input write emit: on_end instead"},
		{"lateness", with(`"allowed_lateness": "1m"`),
			"allowed_lateness: unknown field: a window is emitted once, when it is complete " +
				"(raise watermark by as much instead, and give the pipeline a late output)"},
		{"unknown", with(`"grup_by": ["a"]`), "grup_by: unknown field, did you mean group_by?"},
		{"no aggregates", with(`"aggregates": {}`), "aggregates: want at least one, such as tickets: count()"},
		{"grouped twice", with(`"group_by": ["a", "b", "a"]`), `group_by.2: "a" is grouped by twice`},
		{"grouped by our name", with(`"group_by": ["window_start"]`),
			`group_by.0: the step makes a column window_start of its own; rename "window_start" before it`},
		{"aggregate with a taken name", with(`"group_by": ["a"], "aggregates": {"a": "count()"}`),
			"aggregates.a: there is a column of this name already (have window_start, window_end, a)"},
		{"two aggregates of a name", with(`"aggregates": {"n": "count()", "n": "count(a)"}`),
			"aggregates.n: there is a column of this name already (have window_start, window_end, n)"},
		{"engine's name", with(`"aggregates": {"_n": "count()"}`),
			"aggregates._n: columns that begin with _ are the engine's; choose another name"},
		{"where", with(`"aggregates": {"n": {"call": "count()", "where": "a > 1"}}`), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantProblem(t, test.config, test.want) })
	}
}

func TestConfigProblemsWithoutAWindow(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"one group", running(``), ""},
		{"allowed", running(`, "group_by": ["a"], "unbounded_state": true`), "unbounded_state: every group is kept " +
			"until the input ends, and memory grows with them (a window bounds them; leave it so if there are " +
			"never many)"},
		{"groups", running(`, "group_by": ["a"]`), "unbounded_state: without a window every group " +
			"is kept for good; want true to allow it, got false"},
		{"values", `{"emit": "on_end", "aggregates": {"n": "count_distinct(a)"}}`,
			"unbounded_state: without a window every value that count_distinct has seen is kept for good; " +
				"want true to allow it, got false"},
		{"first", `{"emit": "on_end", "aggregates": {"n": "first(a)"}}`,
			"event_time: want the column that first goes by, got nothing"},
		{"future", running(`, "max_future_skew": "1h"`),
			"event_time: want the column that max_future_skew is about, got nothing"},
		{"delay", running(`, "watermark": "1s"`),
			"watermark: does nothing: without a window no row is late"},
		{"on_idle", running(`, "on_idle": "flush"`),
			"on_idle: flush closes windows, and there is none; want advance or hold"},
		{"on_end", running(`, "on_end": "hold"`),
			"on_end: hold keeps what emit: on_end would tell; nothing would ever come out"},
		{"our names are free", `{"emit": "on_end", "aggregates": {"window_start": "count()"}}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { wantProblem(t, test.config, test.want) })
	}
}

func TestMissingDelayIsOnlyAWarning(t *testing.T) {
	config := `{"event_time": "at", "window": {"tumbling": "1m"}, "aggregates": {"n": "count()"}}`
	if faults := sdk.Faults(Transform.Describe([]byte(config), nil).Problems); len(faults) > 0 {
		t.Errorf("faults: got %v, want none", faults)
	}
}

func TestAllowedLatenessIsNotDocumented(t *testing.T) {
	for _, f := range Transform.Fields {
		if f.Name == "allowed_lateness" {
			t.Errorf("fields: got %s among them, want it left out", f.Name)
		}
	}
}

func TestColumnsAreFoundAtPlanTime(t *testing.T) {
	in := schemaOf(t, "created_at timestamp", "text_at string", "type string", "priorite string", "payload json",
		"tags list(string)", "amount int64", "price float64", "flag bool")
	tests := []struct{ name, config, want string }{
		{"event time", with(`"event_time": "create_at"`),
			`event_time: no column named "create_at", did you mean created_at?`},
		{"event time of another type", with(`"event_time": "amount"`),
			`event_time: want a timestamp or string column, "amount" is an int64`},
		{"event time in json", with(`"event_time": "payload"`),
			`event_time: want a timestamp or string column, "payload" is json`},
		{"group", with(`"event_time": "created_at", "group_by": ["type", "priority"]`),
			`group_by.1: no column named "priority", did you mean priorite?`},
		{"group by a list", with(`"event_time": "created_at", "group_by": ["tags"]`),
			`group_by.0: want a column of plain values, "tags" is a list(string)`},
		{"group by json", with(`"event_time": "created_at", "group_by": ["payload"]`),
			`group_by.0: want a column of plain values, "payload" is json`},
		{"aggregate", with(`"event_time": "created_at", "aggregates": {"n": "sum(amuont)"}`),
			`aggregates.n: no column named "amuont", did you mean amount?`},
		{"aggregate, long form", with(`"event_time": "created_at", "aggregates": {"n": {"call": "sum(amuont)"}}`),
			`aggregates.n.call: no column named "amuont", did you mean amount?`},
		{"sum of text", with(`"event_time": "created_at", "aggregates": {"n": "sum(type)"}`),
			`aggregates.n: sum wants a column of numbers, "type" is a string`},
		{"average of bools", with(`"event_time": "created_at", "aggregates": {"n": "avg(flag)"}`),
			`aggregates.n: avg wants a column of numbers, "flag" is a bool`},
		{"quantile of text", with(`"event_time": "created_at", "aggregates": {"n": "quantile(type, 0.5)"}`),
			`aggregates.n: quantile wants a column of numbers, "type" is a string`},
		{"distinct lists", with(`"event_time": "created_at", "aggregates": {"n": "count_distinct(tags)"}`),
			`aggregates.n: count_distinct wants a column of plain values, "tags" is a list(string)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := sdktest.Plan(Transform, []byte(test.config), in)
			if len(problems) != 1 || problems[0].Error() != test.want {
				t.Errorf("problems: got %v, want %s", problems, test.want)
			}
		})
	}
}

func TestQuantileOfDecimalsSaysWhatToDo(t *testing.T) {
	in := schemaOf(t, "at timestamp", "d decimal(10,2)")
	const want = `aggregates.n: quantile wants integers or floats, "d" is a decimal(10,2) ` +
		`(make a float of it before: select: {cast: {d: float64}})`
	_, problems := sdktest.Plan(Transform, []byte(with(`"aggregates": {"n": "quantile(d, 0.5)"}`)), in)
	if len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("got %v, want %s", problems, want)
	}
}

func TestAllWrongColumnsAreReportedAtOnce(t *testing.T) {
	config := `{"event_time": "x", "watermark": "1s", "window": {"tumbling": "1m"}, "group_by": ["y"],
		"aggregates": {"n": "sum(z)"}}`
	_, problems := sdktest.Plan(Transform, []byte(config), schemaOf(t, "at timestamp"))
	if len(problems) != 3 {
		t.Errorf("problems: got %v, want three", problems)
	}
}

func TestSchemaIsWindowGroupsAggregates(t *testing.T) {
	in := schemaOf(t, "at timestamp", "type string", "day date", "n int32", "u uint64", "f float32",
		"d decimal(10,2)", "payload json")
	out, problems := sdktest.Plan(Transform, []byte(with(`"group_by": ["day", "type"], "aggregates": {
		"rows": "count()", "values": "count(payload)", "sum_n": "sum(n)", "sum_u": "sum(u)", "sum_f": "sum(f)",
		"avg_n": "avg(n)", "min_f": "min(f)", "max_d": "max(d)", "max_at": "max(at)",
		"types": "count_distinct(type)", "about": "approx_count_distinct(type)",
		"q": "quantile(n, 0.5)"}`)), in)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	var got []string
	for _, f := range out.Fields() {
		null := ""
		if f.Nullable {
			null = "?"
		}
		got = append(got, f.Name+" "+sdk.TypeName(f.Type)+null)
	}
	wantLines(t, got, []string{"window_start timestamp", "window_end timestamp", "day date?", "type string?",
		"rows int64", "values int64", "sum_n int64?", "sum_u uint64?", "sum_f float64?", "avg_n float64?",
		"min_f float32?", "max_d decimal(10,2)?", "max_at timestamp?", "types int64", "about int64",
		"q float64?"})
	if !arrow.TypeEqual(out.Field(0).Type, sdk.Timestamp) {
		t.Errorf("window_start: got %v, want %v", out.Field(0).Type, sdk.Timestamp)
	}
}
