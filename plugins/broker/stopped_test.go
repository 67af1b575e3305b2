package broker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestTransactionOpenAtACleanStopStaysUnseen: it goes on after the next start, until its
// client commits it, or it is aborted by its timeout, which may end before that start.
func TestTransactionOpenAtACleanStopStaysUnseen(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration
		commits bool
		expired bool // before the start
		end     []string
	}{
		{"committed", time.Minute, true, false, []string{"a", "open", "b"}},
		{"timed out", time.Second, false, false, []string{"a", "b"}},
		{"timed out before the start", time.Minute, false, true, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			dir := t.TempDir()
			first := startFilled(t, Options{Dir: dir})
			sendCommitted(t, first, "a")
			cl := client(t, first, kgo.TransactionalID("open"), kgo.TransactionTimeout(c.timeout),
				kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			send(t, cl, "open")
			sendCommitted(t, first, "b")
			if c.timeout == time.Minute {
				want(t, "before the stop", committed(t, first), "a")
			}
			_, number, _ := net.SplitHostPort(first.Address())
			port, _ := strconv.Atoi(number)
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, manifestFile)); err != nil {
				t.Fatal(err)
			}
			if c.expired {
				expire(t, dir)
			}
			second := startFilled(t, Options{Dir: dir, Port: &port})
			if c.commits {
				want(t, "after the start", committed(t, second), "a")
				commit(t, cl)
			}
			waitFor(t, second, "b")
			want(t, "after its end", committed(t, second), c.end...)
			if !c.commits {
				if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
					t.Error("it was committed after its end")
				}
			}
			want(t, "after a kill", committed(t, startFilled(t, Options{Dir: killed(t, dir)})), c.end...)
		})
	}
}

func sendCommitted(t *testing.T, b *Broker, value string) {
	t.Helper()
	cl := writer(t, b, "other")
	send(t, cl, value)
	commit(t, cl)
}

// expire sets back when the open transactions of a closed broker began.
func expire(t *testing.T, dir string) {
	t.Helper()
	began := regexp.MustCompile(`"txStart":"\d+`)
	rewrite(t, filepath.Join(dir, "session_state.json"), func(raw []byte) []byte {
		if !began.Match(raw) {
			t.Fatalf("no transaction is open in %s", raw)
		}
		return began.ReplaceAll(raw, []byte(`"txStart":"2001`))
	})
	writeManifest(dir)
}

// waitFor waits until readers of committed records see a value in both partitions.
func waitFor(t *testing.T, b *Broker, value string) {
	t.Helper()
	cl := client(t, b, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics("t"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for seen := 0; seen < 2; {
		fetches := cl.PollFetches(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Fatalf("%q is not seen in %d partitions", value, 2-seen)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) == value {
				seen++
			}
		})
	}
}
