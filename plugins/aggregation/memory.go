package aggregation

// extend makes a slice n long; new items are zero.
func extend[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n > cap(s) {
		larger := make([]T, len(s), max(n, len(s)+len(s)/2))
		advise(larger) // before anything is written: what is there already stays in small pages
		copy(larger, s)
		s = larger
	}
	return append(s, make([]T, n-len(s))...)
}
