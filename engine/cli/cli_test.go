package cli

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestALimitOnOpenFilesIsNamed(t *testing.T) {
	cause := func(err error) error {
		return fmt.Errorf("p.yaml:4:15: %w", &fs.PathError{Op: "open", Path: "part.csv", Err: err})
	}
	if got := tooManyFiles(cause(syscall.EMFILE)); !strings.Contains(got, "ulimit -n") || !strings.Contains(got, "max_open_files") {
		t.Errorf("of the process: got %q", got)
	}
	if got := tooManyFiles(cause(syscall.ENFILE)); !strings.Contains(got, "fs.file-max") {
		t.Errorf("of the machine: got %q", got)
	}
	if got := tooManyFiles(cause(syscall.ENOSPC)); got != "" {
		t.Errorf("of another error: got %q", got)
	}
}
