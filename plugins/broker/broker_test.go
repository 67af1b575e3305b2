package broker

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"etlengine/plugins/sdk"
)

func freePort() *int { return new(int) }

func start(t *testing.T, o Options) *Broker {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Port == nil {
		o.Port = freePort()
	}
	b, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(t.Context()) })
	return b
}

func dial(t *testing.T, b *Broker) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends a request that every broker answers, and returns the error of
// whichever part of it failed.
func ask(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	req := kmsg.NewPtrApiVersionsRequest()
	raw := kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)
	if _, err := conn.Write(raw); err != nil {
		return err
	}
	size := make([]byte, 4)
	if _, err := io.ReadFull(conn, size); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, int(size[2])<<8|int(size[3])))
	return err
}

func TestKillerPacketEndsItsConnectionOnly(t *testing.T) {
	b := start(t, Options{})
	for _, killer := range [][]byte{frame(999, 0, 0, 0), frame(-1, -1, 0, 0), frame(41, 0, 0, 0)} {
		conn := dial(t, b)
		if _, err := conn.Write(killer); err != nil {
			t.Fatal(err)
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("after %x: got %d bytes and %v, want the connection closed", killer, n, err)
		}
	}
	if err := ask(dial(t, b)); err != nil {
		t.Errorf("a good client after bad ones: %v", err)
	}
}

// Bodies of noise under good heads: the process must live through them.
func TestNoiseUnderGoodHeadsIsSurvived(t *testing.T) {
	b := start(t, Options{})
	random := rand.New(rand.NewPCG(1, 2))
	for key := range int16(93) {
		req := kmsg.RequestForKey(key)
		if req == nil {
			continue
		}
		for range 20 {
			body := make([]byte, 2+random.IntN(120))
			for i := 2; i < len(body); i++ {
				body[i] = byte(random.IntN(4)) // small numbers reach further than random ones
			}
			conn, err := net.Dial("tcp", b.Address())
			if err != nil {
				t.Fatal(err)
			}
			conn.Write(frame(key, int16(random.IntN(int(req.MaxVersion())+1)), body...))
			conn.(*net.TCPConn).CloseWrite()
			conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}
	if err := ask(dial(t, b)); err != nil {
		t.Errorf("a good client after noise: %v", err)
	}
}

func TestFolderIsLockedAgainstASecondBroker(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Options{Dir: dir})
	_, err := Start(Options{Dir: dir, Port: freePort()})
	if err == nil || !strings.Contains(err.Error(), dir+" is in use by another engine") {
		t.Errorf("second broker: got %v, want a refusal that names %s", err, dir)
	}
	b.Close(t.Context())
	start(t, Options{Dir: dir}) // free again once closed
}

func TestPortInUseIsReplacedUnlessItWasAskedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inUse := l.Addr().(*net.TCPAddr).Port
	_, err = Start(Options{Dir: t.TempDir(), Port: &inUse})
	want := fmt.Sprintf("127.0.0.1:%d: the port is taken", inUse)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("port asked for: got %v, want %q", err, want)
	}
	var brokers [2]*Broker // whoever has the default port, one of these does not get it
	for i := range brokers {
		if brokers[i], err = Start(Options{Dir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		defer brokers[i].Close(t.Context())
	}
	if brokers[0].Address() == brokers[1].Address() {
		t.Errorf("both listen on %s", brokers[0].Address())
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	b := start(t, Options{})
	if host, _, _ := net.SplitHostPort(b.Address()); host != "127.0.0.1" {
		t.Errorf("got %s, want 127.0.0.1", b.Address())
	}
}

func TestCloseEndsOpenConnections(t *testing.T) {
	b := start(t, Options{})
	busy, idle := dial(t, b), dial(t, b)
	if err := ask(busy); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Write([]byte{0, 0}); err != nil { // half a head: its reader is blocked
		t.Fatal(err)
	}
	b.Close(t.Context())
	b.Close(t.Context()) // a second one is harmless
	for _, conn := range []net.Conn{busy, idle} {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("after Close: got %v, want the connection closed", err)
		}
	}
	if len(b.listen.open) != 0 {
		t.Errorf("%d connections are still open", len(b.listen.open))
	}
}

func TestServiceKeepsItsDataInTheStateFolder(t *testing.T) {
	env := sdk.Env{StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	config := `{"port": 0, "sync_writes": true, "retention_size": "64MB"}`
	inst, err := Service.Open(t.Context(), []byte(config), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	if a := inst.(sdk.Service).Address(); !strings.HasPrefix(a, "127.0.0.1:") {
		t.Errorf("address: got %s", a)
	}
	if err := inst.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(env.StateDir, "broker", "*.json")); len(files) == 0 {
		t.Error("nothing was written under broker")
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults are valid", `{}`, ""},
		{"everything", `{"port": "0", "partitions": 12, "retention_size": "1GB", "retention_time": "2d"}`, ""},
		{"port", `{"port": 70000}`, "port: want 0 to 65535, got 70000"},
		{"partitions", `{"partitions": 0}`, "partitions: want 1 to 1000, got 0"},
		{"age", `{"retention_time": "-1s"}`, "retention_time: want 0 or more, got -1s"},
		{"neighbour's name", `{"retention_bytes": 5}`,
			"retention_bytes: unknown field, did you mean retention_size?"},
	}
	for _, tt := range tests {
		if !json.Valid([]byte(tt.config)) {
			t.Fatal(tt.config)
		}
		var got string
		if problems := Service.Describe([]byte(tt.config), nil).Problems; len(problems) > 0 {
			got = problems[0].Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
