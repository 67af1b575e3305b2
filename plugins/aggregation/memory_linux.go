package aggregation

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// advise asks for large pages behind a slice of plain values. With millions of
// groups nearly every access is to another page, and finding a small one takes
// as long as reading from it: a row of 5 million groups costs half as much with
// large ones. That the system has none is no fault.
func advise[T any](s []T) {
	const page = 2 << 20
	size := uintptr(cap(s)) * unsafe.Sizeof(*new(T))
	if size < 2*page {
		return
	}
	start := unsafe.Pointer(unsafe.SliceData(s))
	skip := -uintptr(start) % page // to the next whole page
	whole := (size - skip) / page * page
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(start, skip)), whole), unix.MADV_HUGEPAGE)
}
