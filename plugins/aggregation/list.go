package aggregation

import (
	"iter"
	"unsafe"
)

// list is a slice that may become very long: what is in it does not move when it
// grows. Copies of millions of items would take longer than anything else that is
// done to them, most of it to get memory for them. The zero value is empty.
type list[T any] struct {
	chunks [][]T // each of chunkLen items; a short list has one that is shorter
	n      int
}

const (
	chunkLen   = 1 << 14
	leastChunk = 4
	mostSlab   = 16 << 20 // bytes that are asked for at once
)

func (l *list[T]) len() int { return l.n }

// at is where item i is, which must be below len.
func (l *list[T]) at(i uint32) *T { return &l.chunks[i/chunkLen][i%chunkLen] }

// extend makes the list n long; new items are zero.
func (l *list[T]) extend(n int) {
	if n <= l.n {
		return
	}
	if n > l.cap() {
		l.grow(n)
	}
	l.n = n
}

func (l *list[T]) push(v T) {
	i := uint32(l.n)
	if chunk := int(i / chunkLen); chunk >= len(l.chunks) || int(i%chunkLen) >= len(l.chunks[chunk]) {
		l.grow(l.n + 1)
	}
	l.n++
	*l.at(i) = v
}

// all gives every item with its index.
func (l *list[T]) all() iter.Seq2[uint32, T] {
	return func(yield func(uint32, T) bool) {
		for i := range uint32(l.n) {
			if !yield(i, *l.at(i)) {
				return
			}
		}
	}
}

// pop removes the last item and returns it.
func (l *list[T]) pop() T {
	last, none := l.at(uint32(l.n-1)), *new(T)
	v := *last
	*last = none // as what extend adds must be
	l.n--
	return v
}

func (l *list[T]) cap() int {
	if len(l.chunks) == 1 {
		return len(l.chunks[0])
	}
	return len(l.chunks) * chunkLen
}

// grow makes the capacity at least n items: half as much again while that copies
// them, then twice as much, up to a slab more. Memory that nothing was written to is
// not resident yet.
func (l *list[T]) grow(n int) {
	if have := l.cap(); have < chunkLen {
		size := min(max(n, l.n+l.n/2, leastChunk), chunkLen)
		chunk := make([]T, size)
		if l.n > 0 {
			copy(chunk, l.chunks[0][:l.n])
		}
		l.chunks = [][]T{chunk}
	}
	for l.cap() < n {
		most := max(1, mostSlab/(chunkLen*int(unsafe.Sizeof(*new(T)))))
		more := min(len(l.chunks), most)
		slab := make([]T, more*chunkLen)
		advise(slab)
		for ; len(slab) > 0; slab = slab[chunkLen:] {
			l.chunks = append(l.chunks, slab[:chunkLen:chunkLen])
		}
	}
}

// bytes is what the list takes in memory.
func (l *list[T]) bytes() int64 {
	return int64(l.cap())*int64(unsafe.Sizeof(*new(T))) + bytesOf(l.chunks)
}
