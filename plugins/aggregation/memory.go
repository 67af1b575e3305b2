package aggregation

// extend makes a slice n long; new items are zero.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	s = more(s, n)
	return append(s, make([]T, n-len(s))...)
}

// push appends to a slice that may become large.
func push[T any](s []T, v T) []T {
	return append(more(s, len(s)+1), v)
}

// more is the slice with room for n in all, and for half as many again: the
// runtime's quarter would copy each item five times on the way to millions.
func more[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s
	}
	return room(s, max(n, len(s)+len(s)/2))
}

// room is the slice with a capacity of at least n.
func room[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s
	}
	larger := make([]T, len(s), n)
	advise(larger) // before anything is written: what is there already stays in small pages
	copy(larger, s)
	return larger
}
