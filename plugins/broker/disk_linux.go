package broker

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncDisk syncs the file system of an open folder. It returns an error of any write
// since that was opened, or since the last such error, whoever has synced the file.
func syncDisk(folder *os.File) error {
	return os.NewSyscallError("syncfs", unix.Syncfs(int(folder.Fd())))
}
