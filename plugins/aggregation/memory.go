package aggregation

import "slices"

// extend makes a slice n long; new items are zero.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	before := cap(s)
	s = append(s, make([]T, n-len(s))...)
	if cap(s) > before {
		advise(s)
	}
	return s
}

// push appends to a slice that may become large.
func push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = slices.Grow(s, 1)
		advise(s)
	}
	return append(s, v)
}

// room is the slice with a capacity of at least n.
func room[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s
	}
	s = slices.Grow(s, n-len(s))
	advise(s)
	return s
}
