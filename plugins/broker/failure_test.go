package broker

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestFilesThatCannotBeWrittenEndTheBroker says what kfake says on a full disk.
func TestFilesThatCannotBeWrittenEndTheBroker(t *testing.T) {
	b := start(t, Options{})
	full := &os.PathError{Op: "write", Path: "partitions/t-0/0.dat", Err: syscall.ENOSPC}
	logger{dir: b.dir, failed: b.fail}.Logf(kfake.LogLevelWarn, "persist batch %s-%d: %v", "t", 0, full)
	<-b.Failed()
	if err := b.Err(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), b.dir) {
		t.Errorf("got %v, want the full disk and the folder", err)
	}
}
