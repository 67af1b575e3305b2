package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// stream is a connection that gives what it holds.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (s stream) Close() error               { return nil }

func frame(key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 7) // correlation id
	return append(b, body...)
}

func TestGuardPassesKnownFramesUnchanged(t *testing.T) {
	var in []byte
	for i := range 50 {
		in = append(in, frame(3, 1, make([]byte, 2+i)...)...)
		in = append(in, frame(apiVersions, 0, 0xff, 0xff)...)
	}
	for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)),
		iotest.HalfReader(bytes.NewReader(in))} {
		got, err := io.ReadAll(&guardConn{Conn: stream{Reader: r}})
		if err != nil || !bytes.Equal(got, in) {
			t.Errorf("%T: got %d bytes and %v, want the %d bytes that went in", r, len(got), err, len(in))
		}
	}
}

func TestGuardRefusesFramesThatKillTheParser(t *testing.T) {
	huge := frame(3, 1, 0, 0)
	binary.BigEndian.PutUint32(huge, maxFrame+1)
	tests := []struct {
		name string
		in   []byte
	}{
		{"unknown key", frame(999, 0, 0, 0)},
		{"negative key", frame(-1, 0, 0, 0)},
		{"version too new", frame(3, 99, 0, 0)},
		{"negative version", frame(3, -1, 0, 0)},
		{"longer than any request", huge},
		{"shorter than a head", frame(3, 1, 0)},
		{"size 4 GiB", append([]byte{0xff, 0xff, 0xff, 0xff}, frame(3, 1, 0, 0)...)},
		{"a web browser", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
	}
	for _, tt := range tests {
		good := frame(3, 1, 0, 0)
		g := &guardConn{Conn: stream{Reader: bytes.NewReader(append(good, tt.in...))}}
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
	in := frame(apiVersions, 99, 0, 0)
	got, err := io.ReadAll(&guardConn{Conn: stream{Reader: bytes.NewReader(in)}})
	if err != nil || !bytes.Equal(got, in) {
		t.Errorf("got %d bytes and %v, want the frame: its answer names our versions", len(got), err)
	}
}

// Whatever comes in, what goes on to the parser is a run of whole heads that
// it can take, byte for byte, each followed by no more than its length.
func FuzzGuard(f *testing.F) {
	f.Add(frame(999, 0, 0, 0), uint8(3))
	f.Add(append(frame(3, 1, 0, 0), frame(-5, 0, 1, 2, 3)...), uint8(1))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(200))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		g := &guardConn{Conn: stream{Reader: bytes.NewReader(in)}}
		var got []byte
		p := make([]byte, max(step, 1))
		for {
			n, err := g.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
		}
		if !bytes.HasPrefix(in, got) {
			t.Fatal("bytes were changed")
		}
		for len(got) > 0 {
			if len(got) < headBytes {
				t.Fatalf("%d bytes of a head went on", len(got))
			}
			size := binary.BigEndian.Uint32(got)
			key, version := int16(binary.BigEndian.Uint16(got[4:])), int16(binary.BigEndian.Uint16(got[6:]))
			if size > maxFrame || size < minFrame || !known(key, version) {
				t.Fatalf("a frame of size %d, key %d, version %d went on", size, key, version)
			}
			got = got[min(len(got), int(size)+4):]
		}
	})
}
