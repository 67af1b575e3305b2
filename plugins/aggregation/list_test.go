package aggregation

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestListsAreAsSlices takes the same steps on a list and on a slice, over the
// ends of chunks and slabs.
func TestListsAreAsSlices(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var l list[uint32]
	var want []uint32
	for len(want) < 5*chunkLen {
		switch r.IntN(3) {
		case 0:
			n := len(want) + r.IntN(chunkLen)
			l.extend(n)
			want = append(want, make([]uint32, n-len(want))...)
		case 1:
			for range r.IntN(100) {
				v := r.Uint32()
				l.push(v)
				want = append(want, v)
			}
		case 2:
			for range min(r.IntN(200), len(want)) {
				if got := l.pop(); got != want[len(want)-1] {
					t.Fatalf("popped item %d: got %d, want %d", len(want)-1, got, want[len(want)-1])
				}
				want = want[:len(want)-1]
			}
		}
		if l.len() != len(want) || l.cap() < len(want) {
			t.Fatalf("got a length of %d and room for %d, want %d", l.len(), l.cap(), len(want))
		}
	}
	for i, v := range l.all() {
		if v != want[i] {
			t.Fatalf("item %d: got %d, want %d", i, v, want[i])
		}
	}
}

// TestLongListsDoNotMove: growing them copies nothing.
func TestLongListsDoNotMove(t *testing.T) {
	var l list[int64]
	l.extend(chunkLen)
	first := l.at(0)
	for range 20 {
		if l.extend(l.len() + chunkLen); l.at(0) != first {
			t.Fatalf("with %d items: the first one has moved", l.len())
		}
	}
	if got, most := l.bytes(), int64(3*8*l.len()); got > most {
		t.Errorf("%d items take %d bytes, want at most %d", l.len(), got, most)
	}
}

func TestBlocksKeepTextsOfAnySize(t *testing.T) {
	var b blocks
	r := rand.New(rand.NewPCG(4, 4))
	texts, addresses := [][]byte{}, []uint64{}
	for range 3000 {
		n := []int{16, 200, firstBlock}[r.IntN(3)]
		if r.IntN(500) == 0 {
			n = blockBytes + r.IntN(blockBytes)
		}
		text := bytes.Repeat([]byte{byte(r.Uint32())}, n)
		texts, addresses = append(texts, text), append(addresses, b.keep(text))
	}
	size := int64(0)
	for i, address := range addresses {
		if !bytes.Equal(b.at(address), texts[i]) {
			t.Fatalf("text %d of %d bytes: got another", i, len(texts[i]))
		}
		size += int64(len(texts[i]))
	}
	if b.bytes() < size || b.bytes() > size+size/4+blockBytes {
		t.Errorf("%d bytes of texts: reported %d", size, b.bytes())
	}
}

// TestBlocksAreNotMuchLargerThanTheirTexts: each cell of a count_distinct has some.
func TestBlocksAreNotMuchLargerThanTheirTexts(t *testing.T) {
	var b blocks
	text := bytes.Repeat([]byte("x"), 50)
	for total := int64(0); total < 10*blockBytes; total += int64(len(text)) {
		b.keep(text)
		if most := 5*(total+int64(len(text)))/2 + 100; b.bytes() > most {
			t.Fatalf("%d bytes of texts take %d, want at most %d", total, b.bytes(), most)
		}
	}
}
