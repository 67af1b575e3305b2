package aggregation

import (
	"math/rand/v2"
	"testing"
)

func TestWindowsAreHalfOpenAndAligned(t *testing.T) {
	tests := []struct {
		name            string
		spec            windowSpec
		at, first, last int64
	}{
		{"a start is in its window", windowSpec{60, 60, 0}, 120, 120, 120},
		{"an end is in the next window", windowSpec{60, 60, 0}, 180, 180, 180},
		{"just before the end", windowSpec{60, 60, 0}, 179, 120, 120},
		{"before 1970", windowSpec{60, 60, 0}, -1, -60, -60},
		{"offset", windowSpec{60, 60, 15}, 74, 15, 15},
		{"offset, at the start", windowSpec{60, 60, 15}, 75, 75, 75},
		{"negative offset", windowSpec{60, 60, -15}, 44, -15, -15},
		{"hopping", windowSpec{300, 60, 0}, 300, 60, 300},
		{"hopping, just before the next", windowSpec{300, 60, 0}, 359, 60, 300},
		{"hopping, uneven", windowSpec{100, 60, 0}, 119, 60, 60},
		{"hopping, uneven overlap", windowSpec{100, 60, 0}, 130, 60, 120},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			last := test.spec.last(test.at)
			if first := test.spec.first(test.at, last); first != test.first || last != test.last {
				t.Errorf("windows of %d: got starts %d to %d, want %d to %d", test.at, first, last, test.first, test.last)
			}
		})
	}
}

func TestOpenIsTheFirstWindowThatEndsLater(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		every := 1 + r.Int64N(50)
		s := windowSpec{size: every + r.Int64N(100), every: every, offset: r.Int64N(every)}
		closed := r.Int64N(1000) - 500
		start := s.open(closed)
		if start+s.size <= closed || start-s.every+s.size > closed || s.last(start) != start {
			t.Fatalf("%+v, closed to %d: got a start at %d", s, closed, start)
		}
	}
}

func TestWindowConfig(t *testing.T) {
	tests := []struct{ name, window, want string }{
		{"tumbling", `{"tumbling": "1m"}`, ""},
		{"hopping", `{"hopping": {"size": "5m", "every": "1m"}}`, ""},
		{"offset", `{"tumbling": "1m", "offset": "-15s"}`, ""},
		{"none", `{}`, "window: want one of tumbling, hopping, session, got 0 of them"},
		{"two", `{"tumbling": "1m", "hopping": {"size": "5m", "every": "1m"}}`,
			"window: want one of tumbling, hopping, session, got 2 of them"},
		{"session", `{"session": {"gap": "30s"}}`, ""},
		{"session without a gap", `{"session": {}}`,
			"window.session: gap is missing (it is required: Silence that ends a session.)"},
		{"session of nothing", `{"session": {"gap": "0s"}}`, "window.session.gap: want more than 0s, got 0s"},
		{"session of nanoseconds", `{"session": {"gap": "1500ns"}}`,
			"window.session.gap: want whole microseconds, got 1.5µs"},
		{"session with an offset", `{"session": {"gap": "30s"}, "offset": "1s"}`,
			"window.offset: is for tumbling and hopping windows; sessions begin with their first row"},
		{"session and tumbling", `{"session": {"gap": "30s"}, "tumbling": "1m"}`,
			"window: want one of tumbling, hopping, session, got 2 of them"},
		{"negative", `{"tumbling": "-1m"}`, "window.tumbling: want more than 0s, got -1m"},
		{"nanoseconds", `{"tumbling": "1500ns"}`, "window.tumbling: want whole microseconds, got 1.5µs"},
		{"gaps", `{"hopping": {"size": "1m", "every": "5m"}}`,
			"window.hopping.every: want more than 0s and at most the size of 1m, got 5m"},
		{"too many", `{"hopping": {"size": "1h", "every": "1s"}}`,
			"window.hopping.every: puts a row into more than 1000 windows; want at least 3.6s"},
		{"large offset", `{"tumbling": "1m", "offset": "1m"}`,
			"window.offset: want less than 1m, which is where the windows repeat, got 1m"},
		{"missing size", `{"hopping": {"every": "1m"}}`,
			"window.hopping: size is missing (it is required: Size of a window.)"},
		{"not a duration", `{"tumbling": "often"}`,
			`window.tumbling: want a duration such as 500ms, 10s or 1h30m, got "often"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantProblem(t, `{"event_time": "at", "watermark": "1s", "aggregates": {"n": "count()"},
				"window": `+test.window+`}`, test.want)
		})
	}
}
