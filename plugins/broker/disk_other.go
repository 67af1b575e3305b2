//go:build !linux

package broker

import "os"

// syncDisk syncs a folder: only Linux reports errors of the files in it.
func syncDisk(folder *os.File) error { return folder.Sync() }
