package main

import (
	"os"
	"syscall"
	"testing"
)

// holdLock stands in for another engine that has the directory.
func holdLock(t *testing.T, f *os.File) {
	t.Helper()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
}
