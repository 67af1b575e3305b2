//go:build !linux

package measure

const maxrssUnit = 1 // Maxrss is in bytes, as on macOS
