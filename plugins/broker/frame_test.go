package broker

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// encodeRequest is the body of a frame, as the client library writes it.
func encodeRequest(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, req, 7)[4:]
}

// fill gives every field of a value something: lists have up to two elements.
func fill(v reflect.Value, rnd *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if rnd.IntN(3) == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rnd)
	case reflect.Struct:
		if d, ok := v.Addr().Interface().(interface{ Default() }); ok {
			d.Default()
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				fill(v.Field(i), rnd)
			}
		}
		if tags := v.FieldByName("UnknownTags"); tags.IsValid() && rnd.IntN(3) == 0 {
			tags.Addr().Interface().(*kmsg.Tags).Set(uint32(20+rnd.IntN(200)), []byte("tag"))
		}
	case reflect.Slice:
		n := rnd.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), rnd)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rnd)
		}
	case reflect.String:
		v.SetString([]string{"", "a", "topic"}[rnd.IntN(3)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Float64:
		v.SetFloat(rnd.Float64())
	default:
		if v.CanInt() {
			v.SetInt(int64(rnd.IntN(100)))
		} else if v.CanUint() {
			v.SetUint(uint64(rnd.IntN(100)))
		}
	}
}

// everyRequest calls do with filled requests of all keys and versions.
func everyRequest(rounds int, do func(key, version int16, body []byte)) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for key, l := range layouts() {
		for version := l.first; version <= l.last; version++ {
			for range rounds {
				req := kmsg.RequestForKey(key)
				fill(reflect.ValueOf(req).Elem(), rnd)
				req.SetVersion(version)
				do(key, version, encodeRequest(req))
			}
		}
	}
}

func TestGuardReadsEveryVersionOfEveryRequest(t *testing.T) {
	everyRequest(20, func(key, version int16, body []byte) {
		if err := checkRequest(body, nil); err != nil {
			t.Errorf("%s version %d: %v: %x", kmsg.NameForKey(key), version, err, body)
		}
	})
}

func TestGuardRefusesEveryRequestThatEndsEarlyOrLate(t *testing.T) {
	everyRequest(1, func(key, version int16, body []byte) {
		for n := range body {
			if checkRequest(body[:n], nil) == nil {
				t.Fatalf("%s version %d: %d of %d bytes passed", kmsg.NameForKey(key), version, n, len(body))
			}
		}
		if checkRequest(append(body, 0), nil) == nil {
			t.Fatalf("%s version %d passed with a byte behind it", kmsg.NameForKey(key), version)
		}
	})
}

// head is the beginning of a request behind the size of its frame.
func head(key, version int16) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return append(b, 0, 0, 0, 7, 0xff, 0xff) // correlation id, no client id
}

func TestGuardRefusesWhatTheFrameCannotHold(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	many := binary.AppendUvarint(head(3, 12), 0)                // no tags of the head
	many = append(binary.AppendUvarint(many, maxElements+2), 0) // topics
	many = append(many, make([]byte, 20*maxElements)...)        // of which there could be so many
	replica := append(head(1, 15), make([]byte, 1+21)...)       // up to the topics
	replica = append(replica, 1, 1, 1)                          // no topics, none forgotten, no rack
	replica = append(replica, 1, 1, 17)                         // one tag, of 17 bytes
	replica = append(replica, make([]byte, 12)...)              // a replica's number and epoch
	tests := map[string][]byte{
		"tags of the head":               append(append(head(3, 12), huge...), 0, 0, 0, 0),
		"tags of the body":               append(append(head(3, 12), 0, 1, 0, 0), huge...),
		"tags of a tagged struct":        append(replica, huge...),
		"a list longer than its frame":   append(head(3, 1), 0x7f, 0xff, 0xff, 0xff),
		"a list of negative length":      append(head(3, 1), 0x80, 0, 0, 0),
		"a compact list, longer":         append(append(head(3, 12), 0), huge...),
		"a text longer than its frame":   append(head(3, 1), 0, 0, 0, 1, 0x7f, 0xff),
		"more elements than the limit":   many,
		"a varint without an end":        append(head(3, 12), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"tags out of order":              append(head(3, 12), 2, 1, 0, 0, 0, 1, 0, 0, 0),
		"a client id longer than itself": {0, 3, 0, 1, 0, 0, 0, 7, 0x7f, 0xff},
	}
	for name, body := range tests {
		if n := testing.AllocsPerRun(1, func() {
			if checkRequest(body, nil) == nil {
				t.Errorf("%s: passed", name)
			}
		}); n > 2 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// What passes takes the parser behind the guard no more memory than its bytes
// can be worth.
func FuzzRequest(f *testing.F) {
	everyRequest(1, func(_, _ int16, body []byte) { f.Add(body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<16 || checkRequest(body, nil) != nil {
			return
		}
		key, version := int16(binary.BigEndian.Uint16(body)), int16(binary.BigEndian.Uint16(body[2:]))
		w := walker{src: body, pos: 8}
		if n := int16(binary.BigEndian.Uint16(w.next(2))); n > 0 {
			w.next(int(n))
		}
		req := kmsg.RequestForKey(key)
		req.SetVersion(version)
		if req.IsFlexible() {
			w.flexible = true
			w.tags(nil)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = req.ReadFrom(body[w.pos:]) // an error ends the connection too
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(64<<10+500*len(body)) {
			t.Errorf("%s version %d: %d bytes became %d", kmsg.NameForKey(key), version, len(body), got)
		}
	})
}
