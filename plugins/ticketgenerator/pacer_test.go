package ticketgenerator

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"etlengine/plugins/sdk"
)

func TestRateIsKept(t *testing.T) {
	for _, rate := range []float64{0.1, 1, 3, 49, 1000, 33333.3, 200_000} {
		synctest.Test(t, func(t *testing.T) {
			count := int(rate*10) + 1
			s := openSource(t, fmt.Sprintf(`{"rate": %f, "count": %d}`, rate, count), testEnv(1, nil))
			began := time.Now()
			got, _ := batches(t, s, 1<<30)
			want := time.Duration(float64(count-1) / rate * float64(time.Second))
			if elapsed := time.Since(began); elapsed < want-time.Millisecond || elapsed > want+paceChunk {
				t.Errorf("%d tickets at %v a second: took %v, want %v", count, rate, elapsed, want)
			}
			if most := int(10*time.Second/paceChunk) + count/sdk.DefaultBatchRows + 2; len(got) > most {
				t.Errorf("%v a second: %d batches, want at most %d", rate, len(got), most)
			}
		})
	}
}

func TestStandstillIsNotCaughtUpOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSource(t, `{"rate": 1000}`, testEnv(1, nil))
		batches(t, s, 10)
		<-time.After(time.Hour) // the steps behind stood still
		began, rows := time.Now(), int64(0)
		for time.Since(began) < time.Second {
			got, _ := batches(t, s, 1)
			rows += got[0].NumRows()
		}
		if rows > 2100 {
			t.Errorf("in the second after a standstill: got %d tickets, want 1000 and a second's debt", rows)
		}
	})
}

// blocked starts a Next that waits for its next ticket.
func blocked(t *testing.T, ctx context.Context, s *source) chan error {
	t.Helper()
	batches(t, s, 1)
	answer := make(chan error, 1)
	go func() {
		_, err := s.Next(ctx)
		answer <- err
	}()
	synctest.Wait()
	return answer
}

const slow = `{"rate": 0.0001, "start": "2026-01-01", "seed": 1}`

func TestCloseEndsAWaitingNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSource(t, slow, testEnv(1, nil))
		answer := blocked(t, t.Context(), s)
		s.Close(t.Context())
		if err := <-answer; !errors.Is(err, errClosed) {
			t.Errorf("got %v, want %v", err, errClosed)
		}
		if _, err := s.Next(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("after Close: got %v, want %v", err, errClosed)
		}
	})
}

func TestCancelledContextEndsAWaitingNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := openSource(t, slow, testEnv(1, nil))
		answer := blocked(t, ctx, s)
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestDrainEndsAWaitingNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSource(t, slow, testEnv(1, nil))
		answer := blocked(t, t.Context(), s)
		began := time.Now()
		s.Drain(t.Context())
		if err := <-answer; err == nil || err.Error() != "EOF" || time.Since(began) > 0 {
			t.Errorf("got %v after %v, want io.EOF at once", err, time.Since(began))
		}
	})
}

func TestSlowTicketsOfNowAreIdleInBetween(t *testing.T) {
	kinds := func(t *testing.T, config string) (kinds string) {
		s := openSource(t, config, testEnv(1, nil))
		for range 6 {
			item, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case item.Batch != nil:
				kinds += "batch "
			default:
				kinds += item.Signal.Kind.String() + " "
			}
		}
		return kinds
	}
	synctest.Test(t, func(t *testing.T) {
		if got, want := kinds(t, `{"rate": 0.25}`), "partitions batch idle idle idle batch "; got != want {
			t.Errorf("a ticket in four seconds: got %q, want %q", got, want)
		}
		if got, want := kinds(t, slow), "partitions batch batch batch batch batch "; got != want {
			t.Errorf("with event time of its own: got %q, want %q", got, want)
		}
	})
}
