package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// stream is a connection that gives what it holds.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (s stream) Close() error               { return nil }

func (s stream) SetReadDeadline(time.Time) error { return nil }

func guard(r io.Reader) *guardConn { return &guardConn{Conn: stream{Reader: r}, l: new(listener)} }

func frame(key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 7) // correlation id
	return append(b, body...)
}

func TestGuardPassesKnownRequestsUnchanged(t *testing.T) {
	var in []byte
	for i := range 50 {
		in = append(in, frame(3, 1, append([]byte{0, byte(i)}, make([]byte, i+4)...)...)...) // with a client id
		in = append(in, frame(apiVersions, 0, 0xff, 0xff)...)
	}
	for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)),
		iotest.HalfReader(bytes.NewReader(in))} {
		got, err := io.ReadAll(guard(r))
		if err != nil || !bytes.Equal(got, in) {
			t.Errorf("%T: got %d bytes and %v, want the %d bytes that went in", r, len(got), err, len(in))
		}
	}
}

func TestGuardRefusesRequestsThatKillTheParser(t *testing.T) {
	huge := frame(0, 3, 0, 0)
	binary.BigEndian.PutUint32(huge, maxProduce+1)
	long := frame(3, 1, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(long, maxFrame+1)
	tests := []struct {
		name string
		in   []byte
	}{
		{"unknown key", frame(999, 0, 0, 0)},
		{"negative key", frame(-1, 0, 0, 0)},
		{"version too new", frame(3, 99, 0, 0)},
		{"negative version", frame(3, -1, 0, 0)},
		{"longer than any request", huge},
		{"longer than any without records", long},
		{"shorter than a head", frame(3, 1, 0)},
		{"size 4 GiB", append([]byte{0xff, 0xff, 0xff, 0xff}, frame(3, 1, 0, 0)...)},
		{"a web browser", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
	}
	for _, tt := range tests {
		good := frame(3, 1, 0, 0, 0, 0, 0, 0)
		g := guard(bytes.NewReader(append(good, tt.in...)))
		got, err := io.ReadAll(g)
		if !errors.Is(err, errFrame) || !bytes.Equal(got, good) {
			t.Errorf("%s: got %d bytes and %v, want the frame before it and %v", tt.name, len(got), err, errFrame)
		}
		if n, err := g.Read(make([]byte, 9)); n != 0 || !errors.Is(err, errFrame) {
			t.Errorf("%s: read again: got %d, %v, want the same refusal", tt.name, n, err)
		}
	}
}

func TestGuardLetsNewerClientsAskForVersions(t *testing.T) {
	in := frame(apiVersions, 99, 0, 0, 0, 9, 8, 7)
	got, err := io.ReadAll(guard(bytes.NewReader(in)))
	if want := frame(apiVersions, 99, 0, 0, 0, 0, 0, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got % x and %v, want % x: the answer names our versions", got, err, want)
	}
}

// Whatever comes in, what goes on to the parser is a run of whole frames that it
// can read.
func FuzzGuard(f *testing.F) {
	f.Add(frame(999, 0, 0, 0), uint8(3))
	f.Add(append(frame(3, 1, 0, 0, 0, 0, 0, 0), frame(-5, 0, 1, 2, 3)...), uint8(1))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(200))
	everyRequest(1, func(_, _ int16, body []byte) {
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...), uint8(len(body)))
	})
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		g := guard(bytes.NewReader(in))
		var got []byte
		p := make([]byte, max(step, 1))
		for {
			n, err := g.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
		}
		if len(got) > len(in) {
			t.Fatal("more came out than went in")
		}
		for len(got) > 0 {
			size := int(binary.BigEndian.Uint32(got))
			if len(got) == sizeBytes && size > smallFrame {
				break // the frame of a reader with memory of its own did not arrive
			}
			if err := checkRequest(got[4:4+size], nil); err != nil {
				t.Fatalf("% x went on", got)
			}
			got = got[4+size:]
		}
		g.Close()
		if g.l.budget.used != 0 || g.l.budget.claimed != 0 {
			t.Fatalf("a closed connection keeps %d bytes, %d claimed", g.l.budget.used, g.l.budget.claimed)
		}
	})
}

// A frame too large for the guard's own memory goes into that of its reader,
// and is checked there.
func TestGuardChecksLargeRequestsInTheirReadersMemory(t *testing.T) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version = 1
	for range 20_000 {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr("topic")
		request.Topics = append(request.Topics, topic)
	}
	body := encodeRequest(request)
	whole := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-7] ^= 0x80 // a length
	for _, claimed := range []int64{0, maxClaimed} {
		g := guard(bytes.NewReader(append(whole, damaged...)))
		g.l.budget.claimed = claimed
		size, p := make([]byte, 4), make([]byte, len(body))
		if _, err := io.ReadFull(g, size); err != nil || g.direct != (claimed == 0) {
			t.Fatalf("reading the size: %v, read into its reader's memory: %v", err, g.direct)
		}
		if _, err := io.ReadFull(g, p); err != nil || !bytes.Equal(p, body) {
			t.Fatalf("reading a frame of %d bytes: %v", len(p), err)
		}
		if g.l.budget.claimed != claimed || g.l.budget.used < int64(len(body)-smallFrame) {
			t.Errorf("used %d, claimed %d of %d bytes", g.l.budget.used, g.l.budget.claimed, len(body))
		}
		_, err := io.ReadFull(g, size)
		if err == nil {
			_, err = io.ReadFull(g, p)
		}
		if !errors.Is(err, errFrame) {
			t.Errorf("a damaged frame: got %v, want %v", err, errFrame)
		}
		g.Close()
		if g.l.budget.used != 0 || g.l.budget.claimed != claimed {
			t.Errorf("a closed connection keeps %d bytes, %d claimed", g.l.budget.used, g.l.budget.claimed)
		}
	}
}

func TestGuardHoldsNoMoreMemoryThanHasArrived(t *testing.T) {
	claim := frame(0, 3, make([]byte, 100)...)
	binary.BigEndian.PutUint32(claim, maxProduce)
	g := guard(bytes.NewReader(claim))
	g.l.budget.claimed = maxClaimed // by others
	size := make([]byte, 4)
	if n, err := g.Read(size); err == nil {
		t.Fatalf("got %d bytes of a frame that has not arrived", n)
	}
	if g.l.budget.used > smallFrame {
		t.Errorf("a claim of 100 MB took %d bytes", g.l.budget.used)
	}
}
