//go:build !linux

package aggregation

// advise is for systems that give large pages to those who ask.
func advise[T any]([]T) {}
