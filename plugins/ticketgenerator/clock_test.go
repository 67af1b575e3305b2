package ticketgenerator

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var january = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDisorderStaysWithinItselfAndTheSpan(t *testing.T) {
	for range 60 {
		count := rand.IntN(5000) + 1
		span := time.Duration(rand.Int64N(int64(time.Hour)) + int64(time.Microsecond))
		disorder := time.Duration(rand.Int64N(int64(time.Minute)))
		if disorder < time.Microsecond {
			disorder = 0
		}
		config := fmt.Sprintf(`{"count": %d, "span": "%v", "start": "2026-01-01", "disorder": "%v", "seed": 1}`,
			count, span, disorder)
		all := allTickets(t, openSource(t, config, testEnv(1, nil)))
		within(t, all, january, span.Truncate(time.Microsecond))
		newest, most := int64(0), int64(0)
		for _, one := range all {
			newest = max(newest, one.at)
			most = max(most, newest-one.at)
		}
		if most > disorder.Microseconds() {
			t.Errorf("%s: a ticket runs %dµs behind", config, most)
		}
	}
}

func TestDisorderShufflesAndLosesNoTime(t *testing.T) {
	const config = `{"count": 3600, "span": "1h", "start": "2026-01-01", "seed": 1, "disorder": "%s"}`
	plain := allTickets(t, openSource(t, fmt.Sprintf(config, "0s"), testEnv(1, nil)))
	for i, one := range plain { // a slot a second
		if got := (one.at - january.UnixMicro()) / 1e6; got != int64(i) {
			t.Fatalf("ticket %d of one a second: got second %d", i, got)
		}
	}
	seconds := map[int64]bool{}
	moved := 0
	for i, one := range allTickets(t, openSource(t, fmt.Sprintf(config, "10s"), testEnv(1, nil))) {
		second := (one.at - january.UnixMicro()) / 1e6
		seconds[second] = true
		if second != int64(i) {
			moved++
		}
	}
	if len(seconds) != 3600 {
		t.Errorf("disorder fills %d of 3600 slots, want each once", len(seconds))
	}
	if moved < 3000 {
		t.Errorf("disorder moved %d of 3600 tickets, want most", moved)
	}
}

func TestLateTicketsAreLateAndInTheSpan(t *testing.T) {
	const config = `{"count": 20000, "span": "2h", "start": "2026-01-01", "seed": 1, "disorder": "5s",
		"late_ratio": 0.1, "late_by": "8m"}`
	all := allTickets(t, openSource(t, config, testEnv(1, nil)))
	within(t, all, january, 2*time.Hour)
	newest, late := int64(0), 0
	for i, one := range all {
		newest = max(newest, one.at)
		behind := time.Duration(newest-one.at) * time.Microsecond
		if behind > 8*time.Minute+10*time.Second {
			t.Fatalf("ticket %d runs %v behind, want at most late_by and the disorder", i, behind)
		}
		if behind > 4*time.Minute {
			late++
		}
	}
	if late < 1800 || late > 2050 { // those of the span's first minutes cannot be late
		t.Errorf("late_ratio 0.1 of 20000: got %d tickets over 4m behind", late)
	}
}

func TestLateByIsHalfAShortSpan(t *testing.T) {
	const config = `{"count": 10000, "span": "1m", "start": "2026-01-01", "seed": 1, "late_ratio": 0.5}`
	all := allTickets(t, openSource(t, config, testEnv(1, nil)))
	within(t, all, january, time.Minute)
	newest, late := int64(0), 0
	for _, one := range all {
		newest = max(newest, one.at)
		if newest-one.at > 14e6 {
			late++
		}
	}
	if late < 3000 || late > 4000 {
		t.Errorf("late_ratio 0.5 in a span of a minute: got %d of 10000 over 14s behind", late)
	}
}

func TestRatiosLeaveOtherTicketsAlone(t *testing.T) {
	const config = `{"count": 5000, "span": "1h", "start": "2026-01-01", "seed": 1%s}`
	plain := allTickets(t, openSource(t, fmt.Sprintf(config, ""), testEnv(1, nil)))
	spoilt := allTickets(t, openSource(t, fmt.Sprintf(config, `, "late_ratio": 0.1`), testEnv(1, nil)))
	same := 0
	for i := range plain {
		if plain[i].id != spoilt[i].id || plain[i].text != spoilt[i].text {
			t.Fatalf("ticket %d has another id or text with late_ratio", i)
		}
		if plain[i] == spoilt[i] {
			same++
		}
	}
	if same < 4400 || same > 4600 {
		t.Errorf("late_ratio 0.1 of 5000 left %d as they were", same)
	}
}

func TestEventTimeIsNowWithoutStartAndSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for disorder, most := range map[string]int64{"0s": 0, "2s": 2e6} {
			s := openSource(t, fmt.Sprintf(`{"count": 100, "rate": 10, "disorder": "%s"}`, disorder), testEnv(1, nil))
			most += paceChunk.Microseconds()
			for range 30 {
				got, _ := batches(t, s, 1)
				for _, one := range tickets(got[0].Rows) {
					if behind := time.Now().UnixMicro() - one.at; behind < 0 || behind > most {
						t.Errorf("disorder %s: created_at is %dµs behind the clock, want 0 to %d", disorder, behind, most)
					}
				}
			}
		}
	})
}

// Tickets are handed on in batches, and were yet made one after the other.
func TestTicketsOfNowAreAsFarApartAsTheRateHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := allTickets(t, openSource(t, `{"count": 1000, "rate": 100}`, testEnv(1, nil)))
		for i := range all[1:] {
			if apart := all[i+1].at - all[i].at; apart < 9_999 || apart > 10_001 {
				t.Fatalf("tickets %d and %d at 100 a second: %dµs apart, want 10000", i, i+1, apart)
			}
		}
		again := openSource(t, `{"rate": 100}`, testEnv(1, nil))
		before, _ := batches(t, again, 1)
		<-time.After(time.Minute) // a standstill: the debt of a second is caught up on
		behind, _ := batches(t, again, 1)
		last := slices.MaxFunc(tickets(before[0].Rows), func(a, b ticket) int { return cmp.Compare(a.at, b.at) })
		for _, one := range tickets(behind[0].Rows) {
			if one.at < last.at || one.at > time.Now().UnixMicro() {
				t.Fatalf("after a standstill: a ticket at %d, want from %d to %d", one.at, last.at, time.Now().UnixMicro())
			}
		}
	})
}

func TestStartAndRateMoveEventTimeOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSource(t, `{"count": 100, "rate": 0.5, "start": "2026-01-01"}`, testEnv(1, nil))
		for i, one := range allTickets(t, s) {
			if got := (one.at - january.UnixMicro()) / 2e6; got != int64(i) {
				t.Fatalf("ticket %d at one in 2s: got slot %d", i, got)
			}
		}
	})
}

func TestHugeDurationsDoNotOverflow(t *testing.T) {
	const config = `{"count": 9000000000000000000, "span": "2400000h", "start": "2026-01-01",
		"disorder": "48h"}`
	s := openSource(t, config, testEnv(1, nil))
	got, _ := batches(t, s, 1)
	within(t, tickets(got[0].Rows), january, 48*time.Hour)

	p := position{Start: january.UnixMicro(), Span: 1 << 53, Count: 1<<62 + 1}
	pace := p.pace()
	if at := pace.at(1 << 62); at >= 1<<53 || at < 1<<53-2 {
		t.Errorf("last slot: got %d, want just below %d", at, 1<<53)
	}
}
