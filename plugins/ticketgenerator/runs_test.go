package ticketgenerator

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"etlengine/plugins/sdk"
)

// run reads a whole run and returns its tickets and its last cursor.
func run(t *testing.T, config string, number uint64, cursor []byte) ([]ticket, []byte) {
	t.Helper()
	s := openSource(t, config, testEnv(number, cursor))
	cursor = s.position.cursor()
	got, _ := batches(t, s, 1<<30)
	var all []ticket
	for _, b := range got {
		all = append(all, tickets(b.Rows)...)
		cursor = b.Cursor
	}
	return all, cursor
}

func within(t *testing.T, all []ticket, start time.Time, span time.Duration) {
	t.Helper()
	for i, at := range all {
		if at.at < start.UnixMicro() || at.at >= start.Add(span).UnixMicro() {
			t.Fatalf("ticket %d: created_at %v lies outside %v + %v", i, time.UnixMicro(at.at).UTC(), start, span)
		}
	}
}

func TestSpanAloneEndsAtTheLastWholeSpanAndGoesOn(t *testing.T) {
	for span, unit := range map[time.Duration]time.Duration{
		time.Hour: time.Hour, 10 * time.Minute: 10 * time.Minute, 7 * time.Minute: time.Minute,
	} {
		config := fmt.Sprintf(`{"count": 1000, "span": %q, "disorder": "5s", "late_ratio": 0.1, "seed": 1}`, span)
		synctest.Test(t, func(t *testing.T) {
			<-time.After(5*time.Hour + 33*time.Minute + 42*time.Second)
			begin := time.Now().Truncate(unit).Add(-span)
			ids := map[string]bool{}
			var cursor []byte
			for number := range 4 {
				var all []ticket
				all, cursor = run(t, config, uint64(number)+1, cursor)
				within(t, all, begin.Add(time.Duration(number)*span), span)
				for _, one := range all {
					ids[one.id] = true
				}
			}
			if len(ids) != 4000 {
				t.Errorf("four runs of 1000 tickets: got %d different ids", len(ids))
			}
		})
	}
}

// A window that a run before has closed must not get tickets of this one, which
// would all be late.
func TestRunsGoOnBehindTheStartInWindowsOfTheirOwn(t *testing.T) {
	const config = `{"count": 100, "start": "2026-03-01T12:34:00+02:00", "span": "10m", "seed": 1}`
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 0, 0, time.UTC) }
	first, cursor := run(t, config, 1, nil)
	second, cursor := run(t, config, 2, cursor)
	third, _ := run(t, config, 3, cursor)
	within(t, first, at(10, 34), 10*time.Minute)
	within(t, second, at(10, 50), 10*time.Minute) // 10:44 shares a window of 10m with 10:40
	within(t, third, at(11, 0), 10*time.Minute)
	if first[0].id == second[0].id {
		t.Error("the second run gives out ids of the first")
	}
}

func TestSpanGoesOnAfterAStartOrAfterNow(t *testing.T) {
	_, cursor := run(t, `{"count": 10, "start": "2026-03-01", "span": "10m"}`, 1, nil)
	all, _ := run(t, `{"count": 10, "span": "1h"}`, 2, cursor)
	within(t, all, time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC), time.Hour)

	_, cursor = run(t, `{"count": 11, "start": "2026-03-01", "rate": 1e6}`, 1, nil)
	all, _ = run(t, `{"count": 10, "span": "10m"}`, 2, cursor)
	within(t, all, time.Date(2026, 3, 1, 0, 10, 0, 0, time.UTC), 10*time.Minute)

	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Minute + time.Second)
		now := time.Now()
		_, cursor := run(t, `{"count": 10}`, 1, nil)
		all, cursor := run(t, `{"count": 10, "span": "1h"}`, 2, cursor)
		within(t, all, now.Truncate(time.Hour).Add(time.Hour), time.Hour)
		env, said := logged(3, cursor)
		late := openSource(t, `{"count": 10}`, env)
		batch, _ := batches(t, late, 1)
		cursor = batch[0].Cursor
		if !strings.Contains(said.String(), "level=WARN") {
			t.Errorf("now is before what was: said %q", said)
		}
		all, _ = run(t, `{"count": 10, "span": "1h"}`, 4, cursor)
		within(t, all, now.Truncate(time.Hour).Add(2*time.Hour), time.Hour)
	})
}

// logged is an environment whose log can be read.
func logged(number uint64, cursor []byte) (sdk.Env, *bytes.Buffer) {
	said := new(bytes.Buffer)
	env := testEnv(number, cursor)
	env.Log = slog.New(slog.NewTextHandler(said, nil))
	return env, said
}

func TestWhatDecidesTheTicketsOfARunCannotChangeInIt(t *testing.T) {
	const config = `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 1}`
	cursor := openSource(t, config, testEnv(1, nil)).position.cursor()
	tests := []struct{ name, config, want string }{
		{"start", `{"count": 10, "start": "2026-03-02", "span": "10m", "seed": 1}`,
			"start: the run under way has 2026-03-01T00:00:00Z, got 2026-03-02T00:00:00Z; set it back"},
		{"no start", `{"count": 10, "span": "10m", "seed": 1}`,
			"start: the run under way has 2026-03-01T00:00:00Z, got none"},
		{"span", `{"count": 10, "start": "2026-03-01", "span": "20m", "seed": 1}`,
			"span: the run under way has 10m0s, got 20m0s"},
		{"no span", `{"count": 10, "start": "2026-03-01", "rate": 5, "seed": 1}`,
			"span: the run under way has 10m0s, got none"},
		{"seed", `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 2}`,
			"seed: the run under way has 1, got 2; set it back until that run has ended, or run with --fresh"},
	}
	for _, test := range tests {
		_, err := Source.Open(t.Context(), []byte(test.config), nil, testEnv(1, cursor))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want it to say %q", test.name, err, test.want)
		}
	}
	same, _ := run(t, `{"count": 10, "start": "2026-03-01", "span": "10m"}`, 1, cursor) // seed: as drawn
	want, _ := run(t, config, 1, cursor)
	if !slices.Equal(same, want) {
		t.Error("a seed that is left out is another seed")
	}
}

func TestANewRunAcceptsChangesAndLogsThem(t *testing.T) {
	_, cursor := run(t, `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 1}`, 1, nil)
	tests := []struct {
		name, config, says string
		start              time.Time
		span               time.Duration
	}{
		{"seed", `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 2}`, "seed\" was=1 is=2",
			time.Date(2026, 3, 1, 0, 10, 0, 0, time.UTC), 10 * time.Minute},
		{"span", `{"count": 10, "start": "2026-03-01", "span": "20m", "seed": 1}`, "span\" was=10m0s is=20m0s",
			time.Date(2026, 3, 1, 0, 20, 0, 0, time.UTC), 20 * time.Minute},
		{"start", `{"count": 10, "start": "2026-04-01", "span": "10m", "seed": 1}`,
			"start\" was=2026-03-01T00:00:00Z is=2026-04-01T00:00:00Z",
			time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), 10 * time.Minute},
	}
	for _, test := range tests {
		env, said := logged(2, cursor)
		all := allTickets(t, openSource(t, test.config, env))
		within(t, all, test.start, test.span)
		if len(all) != 10 || !strings.Contains(said.String(), test.says) {
			t.Errorf("%s: got %d tickets and said %q, want %q", test.name, len(all), said, test.says)
		}
	}
	_, err := Source.Open(t.Context(), []byte(`{"count": 10, "start": "2026-02-01", "span": "10m"}`), nil,
		testEnv(2, cursor))
	want := "start: the runs before went on to 2026-03-01T00:10:00Z, and tickets from 2026-02-01T00:00:00Z on " +
		"would be late"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("an earlier start: got %v, want it to say %q", err, want)
	}
}

func TestCountAndRateMayChangeInARun(t *testing.T) {
	const config = `{"count": %d, "start": "2026-03-01", "span": "10m", "disorder": "30s", "seed": 1}`
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := openSource(t, fmt.Sprintf(config, 10_000), testEnv(1, nil))
	got, _ := batches(t, s, 1)
	made, cursor := int(got[0].NumRows()), got[0].Cursor
	early := start.Add(10 * time.Minute * time.Duration(made) / 10_000).Add(-30 * time.Second).UnixMicro()
	for count, remaining := range map[int]int{20_000: 20_000 - made, made + 1: 1, 5: 0} {
		env, said := logged(1, cursor)
		all := allTickets(t, openSource(t, fmt.Sprintf(config, count), env))
		within(t, all, start, 10*time.Minute)
		if len(all) != remaining {
			t.Errorf("count changed to %d after %d tickets: got %d more, want %d", count, made, len(all), remaining)
		}
		if want := fmt.Sprintf("made=%d count=%d was=10000", made, count); !strings.Contains(said.String(), want) {
			t.Errorf("count changed to %d: said %q, want %q", count, said, want)
		}
		for _, one := range all {
			if one.at < early {
				t.Fatalf("a ticket of the rest is of %v, want none that is late", time.UnixMicro(one.at).UTC())
			}
		}
	}
	twice := openSource(t, fmt.Sprintf(config, 20_000), testEnv(1, cursor))
	more, _ := batches(t, twice, 1)
	env, said := logged(1, more[0].Cursor)
	remaining := allTickets(t, openSource(t, fmt.Sprintf(config, 20_000), env))
	if n := made + int(more[0].NumRows()) + len(remaining); n != 20_000 || said.Len() > 0 {
		t.Errorf("resumed after the change: got %d tickets and said %q", n, said)
	}
}

func TestEventTimeGoesOnAtAChangedRate(t *testing.T) {
	_, cursor := run(t, `{"count": 100, "start": "2026-03-01", "rate": 1e6}`, 1, nil)
	env, _ := logged(1, cursor)
	all := allTickets(t, openSource(t, `{"count": 200, "start": "2026-03-01", "rate": 5e5}`, env))
	within(t, all, time.Date(2026, 3, 1, 0, 0, 0, 100_000, time.UTC), 200*time.Microsecond)
	if len(all) != 100 {
		t.Errorf("got %d tickets, want the 100 that are left", len(all))
	}
}

func TestUnchangedConfigIsResumedInSilence(t *testing.T) {
	const config = `{"count": 10, "span": "10m", "seed": 1}`
	cursor := openSource(t, config, testEnv(1, nil)).position.cursor()
	var said bytes.Buffer
	env := testEnv(1, cursor)
	env.Log = slog.New(slog.NewTextHandler(&said, nil))
	openSource(t, config, env)
	if said.Len() > 0 {
		t.Errorf("resuming said %q", said.String())
	}
}

func TestEventTimeEndsWithTheYear9999(t *testing.T) {
	_, err := Source.Open(t.Context(), []byte(`{"count": 1, "start": "9999-12-31", "span": "48h"}`),
		nil, testEnv(1, nil))
	if err == nil || !strings.Contains(err.Error(), "event time ends with the year 9999") {
		t.Errorf("got %v, want an error", err)
	}
}
