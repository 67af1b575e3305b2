package ticketgenerator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// ticket is a row as a test likes it; null is the zero value, and -1 in at.
type ticket struct {
	id, client, text, kind, priority string
	at                               int64
}

func tickets(rows arrow.RecordBatch) []ticket {
	text := func(column, row int) string {
		if rows.Column(column).IsNull(row) {
			return ""
		}
		return strings.Clone(rows.Column(column).(*array.String).Value(row))
	}
	var all []ticket
	for row := range int(rows.NumRows()) {
		t := ticket{id: text(0, row), client: text(1, row), text: text(3, row), kind: text(4, row),
			priority: text(5, row), at: -1}
		if times := rows.Column(2).(*array.Timestamp); !times.IsNull(row) {
			t.at = int64(times.Value(row))
		}
		all = append(all, t)
	}
	return all
}

func testEnv(run uint64, cursor []byte) sdk.Env {
	env := sdk.Env{Run: run, Log: slog.New(slog.DiscardHandler)}
	if cursor != nil {
		env.Resume = map[string][]byte{Partition: cursor}
	}
	return env
}

func openSource(t *testing.T, config string, env sdk.Env) *source {
	t.Helper()
	instance, err := Source.Open(t.Context(), []byte(config), nil, env)
	if err != nil {
		t.Fatalf("opening %s: %v", config, err)
	}
	t.Cleanup(func() { instance.Close(context.Background()) })
	return instance.(*source)
}

// batches reads up to most batches, or to the end.
func batches(t *testing.T, s *source, most int) (got []*sdk.Batch, ended bool) {
	t.Helper()
	for len(got) < most {
		item, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return got, true
		}
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		if item.Batch != nil {
			got = append(got, item.Batch)
		}
	}
	return got, false
}

func allTickets(t *testing.T, s *source) []ticket {
	t.Helper()
	got, _ := batches(t, s, 1<<30)
	var all []ticket
	for _, b := range got {
		all = append(all, tickets(b.Rows)...)
	}
	return all
}

const busy = `{"count": 10000, "span": "1h", "start": "2026-01-01", "seed": 7, "disorder": "5s",
	"late_ratio": 0.01, "malformed_ratio": 0.02}`

func TestPartitionsComeFirst(t *testing.T) {
	item, err := openSource(t, `{"count": 1}`, testEnv(1, nil)).Next(t.Context())
	if err != nil || item.Signal == nil || item.Signal.Kind != sdk.Partitions ||
		!slices.Equal(item.Signal.Partitions, []string{"tickets"}) {
		t.Errorf("first item: got %+v, %v, want the partition tickets", item, err)
	}
}

func TestCountIsKeptAndTheEndStays(t *testing.T) {
	s := openSource(t, `{"count": 5000, "seed": 1}`, testEnv(1, nil))
	if got := s.Lag(); got != 5000 {
		t.Errorf("lag before the first ticket: got %d, want 5000", got)
	}
	if got := len(allTickets(t, s)); got != 5000 {
		t.Errorf("tickets: got %d, want 5000", got)
	}
	for range 2 {
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after the last ticket: got %v, want io.EOF", err)
		}
	}
	if got := s.Lag(); got != 0 {
		t.Errorf("lag at the end: got %d, want 0", got)
	}
}

func TestCountOfZeroEndsAtOnce(t *testing.T) {
	if got := allTickets(t, openSource(t, `{"count": 0, "span": "1h"}`, testEnv(1, nil))); len(got) != 0 {
		t.Errorf("got %d tickets, want none", len(got))
	}
}

func TestSameSeedSameTickets(t *testing.T) {
	one := allTickets(t, openSource(t, busy, testEnv(1, nil)))
	two := allTickets(t, openSource(t, busy, testEnv(1, nil)))
	if !slices.Equal(one, two) {
		t.Error("two runs with seed 7 differ")
	}
	other := allTickets(t, openSource(t, strings.Replace(busy, `"seed": 7`, `"seed": 8`, 1), testEnv(1, nil)))
	if slices.Equal(one, other) {
		t.Error("seeds 7 and 8 give the same tickets")
	}
}

func TestResumedTicketsEqualUninterrupted(t *testing.T) {
	whole := openSource(t, busy, testEnv(1, nil))
	start := whole.position.cursor()
	got, _ := batches(t, whole, 1<<30)
	cursors := [][]byte{start}
	var want []ticket
	for _, b := range got {
		want = append(want, tickets(b.Rows)...)
		cursors = append(cursors, b.Cursor)
	}
	done := 0
	for i, cursor := range cursors {
		remaining := allTickets(t, openSource(t, busy, testEnv(1, cursor)))
		if !slices.Equal(remaining, want[done:]) {
			t.Errorf("after batch %d: the rest has %d tickets and differs from the %d of an uncut run",
				i, len(remaining), len(want)-done)
		}
		if i < len(got) {
			done += int(got[i].NumRows())
		}
	}
}

func TestBatchSizesDoNotChangeTickets(t *testing.T) {
	c := defaults()
	count := int64(3000)
	c.Count, c.Span, c.Disorder = &count, sdk.Duration(time.Minute), sdk.Duration(time.Second)
	read := func(size int) (all []ticket) {
		p := position{Seed: 3, IDs: 3, Count: count, Span: 60e6}
		f, err := newPress(&c, &p)
		if err != nil {
			t.Fatal(err)
		}
		for len(all) < 3000 {
			all = append(all, tickets(f.print(&p, size))...)
		}
		return all
	}
	if !slices.Equal(read(1), read(1000)) {
		t.Error("batches of 1 and of 1,000 hold different tickets")
	}
}

func TestPositionsPinSeedAndSpanBeforeTheFirstTicket(t *testing.T) {
	const config = `{"count": 100, "span": "1h"}`
	synctest.Test(t, func(t *testing.T) {
		first := openSource(t, config, testEnv(1, nil))
		pinned := first.position.cursor()
		want := allTickets(t, first)
		<-time.After(10 * time.Minute) // in the bubble: the crash and the restart take their time
		if got := allTickets(t, openSource(t, config, testEnv(1, pinned))); !slices.Equal(got, want) {
			t.Error("a restart from the first position gives other tickets")
		}
	})
}

func TestDrawnSeedsDiffer(t *testing.T) {
	const config = `{"count": 100, "span": "1h"}`
	one := allTickets(t, openSource(t, config, testEnv(1, nil)))
	two := allTickets(t, openSource(t, config, testEnv(1, nil)))
	if one[0].id == two[0].id && one[1].id == two[1].id {
		t.Error("two first starts without a seed give the same tickets")
	}
}

func TestDrainEndsAnEndlessGenerator(t *testing.T) {
	endless := openSource(t, `{"seed": 1}`, testEnv(1, nil))
	if _, ended := batches(t, endless, 3); ended || endless.Lag() != -1 {
		t.Fatalf("without a count: ended %v with lag %d, want endless and -1", ended, endless.Lag())
	}
	if err := endless.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, ended := batches(t, endless, 1); !ended {
		t.Errorf("after Drain: got %d batches, want the end", len(got))
	}
	bounded := openSource(t, `{"count": 10}`, testEnv(1, nil))
	if err := bounded.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(allTickets(t, bounded)); got != 10 {
		t.Errorf("Drain with a count: got %d tickets, want all 10", got)
	}
}

func TestHandedOnBatchesDoNotChange(t *testing.T) {
	s := openSource(t, busy, testEnv(1, nil))
	first, _ := batches(t, s, 1)
	before := tickets(first[0].Rows)
	batches(t, s, 1<<30)
	if !slices.Equal(before, tickets(first[0].Rows)) {
		t.Error("the first batch changed while later ones were made")
	}
}

func TestIDsRunOutWithAnAnswer(t *testing.T) {
	p := position{Seed: 1, IDs: 1, Index: maxTickets - 10, Run: 1, Count: -1}
	s := openSource(t, `{}`, testEnv(1, p.cursor()))
	got, _ := batches(t, s, 1)
	if got[0].NumRows() != 10 {
		t.Errorf("last batch: got %d tickets, want the 10 whose ids are left", got[0].NumRows())
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, errNoMoreIDs) {
		t.Errorf("without ids: got %v, want %v", err, errNoMoreIDs)
	}
}

func TestUnreadableCursorIsRefused(t *testing.T) {
	_, err := Source.Open(t.Context(), []byte(`{}`), nil, testEnv(1, []byte("garbage")))
	if err == nil || !strings.Contains(err.Error(), `reading the cursor "garbage"`) {
		t.Errorf("got %v, want an error that shows the cursor", err)
	}
	_, err = Source.Open(t.Context(), []byte(`{}`), nil, testEnv(1, []byte(`{"run": 2}`)))
	if err == nil || !strings.Contains(err.Error(), "resuming run 1: the cursor is of run 2") {
		t.Errorf("got %v, want an error that names both runs", err)
	}
}
