package aggregation

import (
	"fmt"
	"strings"
	"testing"
)

// joined is two sessions of a group that a third row makes one: its results must
// be those of all rows in one session from the start.
func joined(t *testing.T, aggregates string, early, late []string) {
	t.Helper()
	config := `{"event_time": "at", "watermark": "1h", "window": {"session": {"gap": "50s"}},
		"aggregates": {` + aggregates + `}}`
	in := schemaOf(t, "at timestamp", "v int64", "x float64", "s string")
	at := func(minute string, values []string) (rows []string) {
		for i, v := range values {
			rows = append(rows, fmt.Sprintf(`{"at": "1970-01-01T00:%s:%02d.%06dZ", "v": %s, "x": %s, "s": "%s"}`,
				minute, i/1000, i%1000, v, v, v))
		}
		return rows
	}
	between := `{"at": "1970-01-01T00:00:45Z", "v": null, "x": null, "s": null}`
	once, twice := newHarness(t, config, in), newHarness(t, config, in)
	once.json("p", at("00", early)...)
	once.json("p", between)
	once.json("p", at("01", late)...)
	once.end()
	for i, rows := range [][]string{at("00", early), at("01", late), {between}} {
		twice.json("p", rows...)
		if i == 1 && twice.step.(*transform).cells.len() != 2 {
			t.Fatal("want two sessions before they are joined")
		}
		twice.barrier()
		twice.reopen()
	}
	twice.end()
	twice.want(once.out.lines()...)
	if len(once.out.lines()) != 1 {
		t.Errorf("got %d sessions, want one", len(once.out.lines()))
	}
}

func TestJoinedSessionsAreWhatOneWouldBe(t *testing.T) {
	numbers := func(from, to int) (values []string) {
		for v := from; v < to; v++ {
			values = append(values, fmt.Sprint(v))
		}
		return values
	}
	every := []string{`"a": "count(v)"`, `"b": "sum(v)", "c": "avg(v)"`, `"d": "sum(x)", "e": "avg(x)"`,
		`"f": "min(v)", "g": "max(v)", "h": "min(s)", "i": "max(s)"`,
		`"j": "count_distinct(v)", "k": "count_distinct(s)"`,
		`"l": "approx_count_distinct(v)", "m": "approx_count_distinct(s)"`,
		`"n": "first(v)", "o": "last(v)", "p": "first(s)", "q": "last(s)"`,
		`"r": "quantile(x, 0.5)", "s": "quantile(v, 0.9)"`}
	for _, test := range []struct{ early, late []string }{
		{numbers(1, 3), numbers(3, 10)},
		{numbers(3, 10), numbers(1, 3)},
		{numbers(0, 5), numbers(0, 5)},
		{numbers(0, 300), numbers(200, 500)}, // hashes, and a sketch of both
		{numbers(0, 400), numbers(300, 900)},
		{numbers(0, 900), numbers(700, 1100)},
		{numbers(0, 900), numbers(500, 2000)},
		{numbers(-3, 0), []string{"null", "null"}},
		{[]string{"null"}, numbers(-3, 0)},
	} {
		joined(t, strings.Join(every, ", "), test.early, test.late)
	}
}

// TestJoinedSumsOverflowIntoTheUpperHalf: sums on the way need more than 64 bits, and so does their
// joining.
func TestJoinedSumsOverflowIntoTheUpperHalf(t *testing.T) {
	most, least := "9223372036854775807", "-9223372036854775808"
	joined(t, `"sum": "sum(v)", "mean": "avg(v)"`, []string{most, most, most}, []string{least, least, least})
	joined(t, `"sum": "sum(v)", "mean": "avg(v)"`, []string{least, least}, []string{most, most})
	joined(t, `"sum": "sum(v)", "mean": "avg(v)"`, []string{"-1"}, []string{"-1", "5"})
}
