package ticketgenerator

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// run reads a whole run and returns its tickets and its last cursor.
func run(t *testing.T, config string, number uint64, cursor []byte) ([]ticket, []byte) {
	t.Helper()
	s := openSource(t, config, testEnv(number, cursor))
	cursor = s.Positions()[Partition]
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

func TestSpanAloneEndsAtTheLastMinuteAndGoesOn(t *testing.T) {
	const config = `{"count": 1000, "span": "1h", "disorder": "5s", "late_ratio": 0.1, "seed": 1}`
	synctest.Test(t, func(t *testing.T) {
		<-time.After(42 * time.Second) // into the minute
		begin := time.Now().Truncate(time.Minute).Add(-time.Hour)
		ids := map[string]bool{}
		var cursor []byte
		for number := range uint64(4) {
			var all []ticket
			all, cursor = run(t, config, number+1, cursor)
			within(t, all, begin.Add(time.Duration(number)*time.Hour), time.Hour)
			for _, one := range all {
				ids[one.id] = true
			}
		}
		if len(ids) != 4000 {
			t.Errorf("four runs of 1000 tickets: got %d different ids", len(ids))
		}
	})
}

func TestStartHoldsForEveryRun(t *testing.T) {
	const config = `{"count": 100, "start": "2026-03-01T12:00:00+02:00", "span": "10m", "seed": 1}`
	start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	first, cursor := run(t, config, 1, nil)
	second, _ := run(t, config, 2, cursor)
	within(t, first, start, 10*time.Minute)
	within(t, second, start, 10*time.Minute)
	if first[0].id == second[0].id {
		t.Error("the second run gives out ids of the first")
	}
}

func TestSpanGoesOnAfterAStartOrAfterNow(t *testing.T) {
	_, cursor := run(t, `{"count": 10, "start": "2026-03-01", "span": "10m"}`, 1, nil)
	all, _ := run(t, `{"count": 10, "span": "1h"}`, 2, cursor)
	within(t, all, time.Date(2026, 3, 1, 0, 10, 0, 0, time.UTC), time.Hour)

	_, cursor = run(t, `{"count": 11, "start": "2026-03-01", "rate": 1e6}`, 1, nil)
	all, _ = run(t, `{"count": 10, "span": "1h"}`, 2, cursor)
	within(t, all, time.Date(2026, 3, 1, 0, 0, 0, 11_000, time.UTC), time.Hour)

	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		_, cursor := run(t, `{"count": 10}`, 1, nil)
		all, _ := run(t, `{"count": 10, "span": "1h"}`, 2, cursor)
		within(t, all, now, time.Hour)
	})
}

func TestChangesWaitForTheNextRunAndAreTold(t *testing.T) {
	s := openSource(t, `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 1}`, testEnv(1, nil))
	cursor := s.Positions()[Partition]
	for _, change := range []string{
		`{"count": 20, "start": "2026-03-01", "span": "10m", "seed": 1}`,
		`{"count": 10, "start": "2026-03-02", "span": "10m", "seed": 1}`,
		`{"count": 10, "start": "2026-03-01", "span": "20m", "seed": 1}`,
		`{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 2}`,
	} {
		var said bytes.Buffer
		env := testEnv(1, cursor)
		env.Log = slog.New(slog.NewTextHandler(&said, nil))
		all := allTickets(t, openSource(t, change, env))
		within(t, all, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 10*time.Minute)
		if len(all) != 10 || !strings.Contains(said.String(), "wait for the next one") {
			t.Errorf("%s in an open run: got %d tickets and said %q", change, len(all), said.String())
		}
		next, _ := run(t, change, 2, cursor)
		same, _ := run(t, `{"count": 10, "start": "2026-03-01", "span": "10m", "seed": 1}`, 2, cursor)
		if len(next) == len(same) && next[3] == same[3] {
			t.Errorf("%s changes nothing in the next run", change)
		}
	}
}

func TestUnchangedConfigIsResumedInSilence(t *testing.T) {
	const config = `{"count": 10, "span": "10m", "seed": 1}`
	cursor := openSource(t, config, testEnv(1, nil)).Positions()[Partition]
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
