package aggregation

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

// windows are those of the stored state, each as start|end|groups.
func (h *harness) windows() []string {
	h.t.Helper()
	h.barrier()
	report, err := Transform.Inspect(h.t.Context(), []byte(h.config), sdk.Env{State: h.stored})
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	for _, w := range report.Windows {
		start, end := "", ""
		if !w.Start.IsZero() || !w.End.IsZero() {
			start, end = clockText(w.Start.UnixMicro()), clockText(w.End.UnixMicro())
		}
		lines = append(lines, fmt.Sprintf("%s|%s|%d", start, end, w.Groups))
	}
	return lines
}

func TestStoredWindowsAreListed(t *testing.T) {
	h := minutes(t, "")
	wantLines(t, h.windows(), nil)
	h.json("p", row("00:01:05", "a"), row("00:00:59", "a"), row("00:01:03", "b"))
	wantLines(t, h.windows(), []string{"00:00:00|00:01:00|1", "00:01:00|00:02:00|2"})
	h.json("p", row("00:02:00", "a"))
	wantLines(t, h.windows(), []string{"00:01:00|00:02:00|2", "00:02:00|00:03:00|1"})
	h.end()
	wantLines(t, h.windows(), nil)

	h = newHarness(t, strings.Replace(perMinute, `{"tumbling": "1m"}`,
		`{"hopping": {"size": "2m", "every": "1m"}}`, 1), schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:30", "a"))
	wantLines(t, h.windows(), []string{"1969-12-31 23:59:00|00:01:00|1", "00:00:00|00:02:00|1"})

	h = sessionsOf(t, "")
	h.json("p", row("00:00:30", "a"), row("00:00:50", "a"), row("00:00:10", "b"), row("00:01:30", "a"))
	wantLines(t, h.windows(), []string{"00:00:10|00:02:00|3"})

	h = newHarness(t, `{"emit": "on_end", "unbounded_state": true, "group_by": ["kind"],
		"aggregates": {"n": "count()"}}`, schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:30", "a"), row("00:00:30", "b"))
	wantLines(t, h.windows(), []string{"||2"})
}

func TestWindowsOfADamagedStateAreAnError(t *testing.T) {
	clock := []byte{stateVersion, 60}
	for name, state := range map[string][][2][]byte{
		"no clock":        {{append([]byte{stateGroups}, make([]byte, 12)...), {1, 0}}},
		"another version": {{{stateClock}, {1, 60}}},
		"empty clock":     {{{stateClock}, nil}},
		"unknown key":     {{{stateClock}, clock}, {{9}, nil}},
		"empty key":       {{nil, clock}},
		"time of no year": {{{stateClock}, clock}, {append([]byte{stateGroups}, bytes.Repeat([]byte{0xff}, 12)...), {1, 0}}},
		"no groups":       {{{stateClock}, clock}, {append([]byte{stateGroups, 0x80}, make([]byte, 11)...), {0}}},
		"session of none": {{{stateClock}, clock}, {append([]byte{stateSession, 0x80}, make([]byte, 8)...), {9}}},
		"endless session": {{{stateClock}, {stateVersion, 0}},
			{append([]byte{stateSession, 0x80}, make([]byte, 7)...), bytes.Repeat([]byte{0xff}, 8)}},
	} {
		_, err := storedWindows(func(yield func(k, v []byte) bool) {
			for _, entry := range state {
				if !yield(entry[0], entry[1]) {
					return
				}
			}
		})
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func FuzzWindows(f *testing.F) {
	for _, shape := range everyShape {
		keys, values := storedState(f, everyCall(shape), 300)
		f.Add(keys[0], values[0], keys[1], values[1], keys[2], values[2])
	}
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 []byte) {
		all, err := storedWindows(func(yield func(k, v []byte) bool) {
			_ = yield(k1, v1) && yield(k2, v2) && yield(k3, v3)
		})
		if err != nil {
			return
		}
		for i, w := range all {
			if w.Groups < 1 || w.End.Before(w.Start) || w.Start.Year() > 50_000 {
				t.Errorf("window %d: got %s to %s of %d groups", i, w.Start.Format(time.RFC3339), w.End, w.Groups)
			}
		}
	})
}
