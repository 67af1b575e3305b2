package redpanda_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

// badNetwork dials connections that break after some bytes, most often in the
// middle of an answer, or that answer late.
type badNetwork struct {
	mu     sync.Mutex
	random *rand.Rand
	breaks int // still to be made; the first connection of all is spared
	made   int
	late   time.Duration // at most, for each piece of an answer
	dialed int
}

func (n *badNetwork) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialed++
	c := &badConn{Conn: conn, network: n, left: -1}
	if n.dialed > 1 && n.breaks > 0 {
		n.breaks--
		c.left = 100 + n.random.IntN(30_000)
	}
	return c, nil
}

func (n *badNetwork) lateness() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.late == 0 {
		return 0
	}
	return time.Duration(n.random.Int64N(int64(n.late)))
}

type badConn struct {
	net.Conn
	network *badNetwork
	left    int // bytes until the break; -1: none
}

func (c *badConn) Read(p []byte) (int, error) {
	if late := c.network.lateness(); late > 0 {
		<-time.After(late)
	}
	if c.left < 0 {
		return c.Conn.Read(p)
	}
	if c.left == 0 {
		c.Conn.Close()
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		c.network.mu.Lock()
		c.network.made++
		c.network.mu.Unlock()
	}
	return n, err
}

// through opens a source that fetches little at a time, with more options.
func (w *world) through(env sdk.Env, more ...kgo.Opt) *input {
	w.t.Helper()
	config := w.config(`{"schema": ` + oneColumn + `}`)
	source, err := redpanda.OpenSourceWith(w.ctx(), config, env, append([]kgo.Opt{
		kgo.FetchMaxBytes(32 << 10), kgo.FetchMaxPartitionBytes(8 << 10),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond })}, more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { source.Close(context.Background()) })
	return &input{world: w, Source: source, at: map[string][]byte{}, values: map[string][]string{}}
}

// backlog fills each partition with records in batches of a few.
func (w *world) backlog(partitions, records int) (values [][]string) {
	w.t.Helper()
	for p := range partitions {
		written, want := rows(p*records, (p+1)*records)
		for len(written) > 0 {
			n := min(50, len(written))
			w.put(int32(p), written[:n]...)
			written = written[n:]
		}
		values = append(values, want)
	}
	return values
}

func TestBrokenConnectionsLoseAndRepeatNothing(t *testing.T) {
	w := newWorld(t, 3)
	want := w.backlog(3, 5000)
	for seed := range uint64(4) {
		network := &badNetwork{random: rand.New(rand.NewPCG(seed, 0)), breaks: 10}
		in := w.through(w.env(), kgo.Dialer(network.dial))
		in.drain()
		for p := range want {
			in.want(p, want[p]...)
		}
		if network.made < 5 {
			t.Errorf("seed %d: only %d breaks: this proves little", seed, network.made)
		}
		in.Close(t.Context())
	}
}

func TestLateAnswersLoseAndRepeatNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	want := w.backlog(2, 1500)
	network := &badNetwork{random: rand.New(rand.NewPCG(1, 0)), breaks: 4, late: 20 * time.Millisecond}
	in := w.through(w.env(), kgo.Dialer(network.dial))
	in.drain()
	for p := range want {
		in.want(p, want[p]...)
	}
}

func TestBrokerThatRestartsInTheMiddleLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	w := &world{t: t, topic: "t", log: new(strings.Builder)}
	w.broker = startBroker(t, broker.Options{Dir: dir})
	w.address = w.broker.Address()
	w.cl = w.client()
	w.admin = kadm.NewClient(w.cl)
	w.makeTopic(3)
	want := w.backlog(3, 6000)
	in := w.through(w.env())
	_, number, _ := net.SplitHostPort(w.address)
	port, _ := strconv.Atoi(number)
	for i := range 3 {
		in.untilRows((i + 1) * 2000)
		w.broker.Close(t.Context())
		w.broker = startBroker(t, broker.Options{Dir: dir, Port: &port})
	}
	in.drain()
	for p := range want {
		in.want(p, want[p]...)
	}
}

func TestLeaderThatMovedIsFound(t *testing.T) {
	w := ownWorld(t, 2)
	want := w.backlog(2, 1000)
	failing := w.broker.Fail(int16(kmsg.Fetch), kerr.NotLeaderForPartition.Code, 5)
	in := w.through(w.env())
	in.drain()
	for p := range want {
		in.want(p, want[p]...)
	}
	if err := failing.Wait(w.ctx(), 5); err != nil {
		t.Fatal(err)
	}
}

// TestErrorsThatTheClientKeepsToItselfAreLogged: the client tries again for as
// long as nobody leads a partition, and says nothing.
func TestErrorsThatTheClientKeepsToItselfAreLogged(t *testing.T) {
	t.Parallel() // it mostly waits
	w := ownWorld(t, 1)
	want := w.backlog(1, 100)
	failing := w.broker.Fail(int16(kmsg.Fetch), kerr.NotLeaderForPartition.Code, -1)
	env, said := w.env(), make(chan string, 100)
	env.Log = slog.New(listening{slog.DiscardHandler, said})
	in := w.through(env)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in.untilRows(100)
	}()
	for warning := range said {
		if strings.Contains(warning, "a fetch failed; trying again") && strings.Contains(warning, "NOT_LEADER") {
			break
		}
	}
	failing.Remove()
	<-ended
	in.want(0, want[0]...)
}

// listening hands on what is logged.
type listening struct {
	slog.Handler
	said chan string
}

func (l listening) Enabled(context.Context, slog.Level) bool { return true }

func (l listening) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	l.said <- text
	return nil
}
