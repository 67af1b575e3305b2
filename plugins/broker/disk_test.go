package broker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// failing is a disk that refuses what is written to it.
func failing(every time.Duration) (d *disk, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return &disk{every: every, sync: func(*os.File) error {
		asked.Add(1)
		return os.NewSyscallError("syncfs", syscall.EIO)
	}}, asked
}

func TestErrorOfTheDiskEndsTheBroker(t *testing.T) {
	d, _ := failing(time.Millisecond)
	b := start(t, Options{SyncWrites: true, disk: d})
	cl := client(t, b)
	cl.Produce(t.Context(), &kgo.Record{Topic: "t", Value: []byte("v")}, nil) // whether acknowledged or not
	<-b.Failed()
	if err := b.Err(); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), b.dir) {
		t.Errorf("got %v, want %v and the folder", err, syscall.EIO)
	}
}

func TestErrorOfTheDiskAtTheStopIsNoCleanOne(t *testing.T) {
	for _, records := range []int{0, 1} {
		d, asked := failing(time.Hour)
		b := start(t, Options{SyncWrites: true, disk: d})
		produce(t, b, records, 10)
		err := b.Close(t.Context())
		_, clean := os.Stat(filepath.Join(b.dir, manifestFile))
		if records == 0 && (err != nil || clean != nil || asked.Load() > 0) {
			t.Errorf("nothing acknowledged: got %v, %v, asked %d times", err, clean, asked.Load())
		}
		if records > 0 && (!errors.Is(err, syscall.EIO) || clean == nil) {
			t.Errorf("got %v, and %s says a clean stop", err, manifestFile)
		}
	}
}

// TestWholeDiskHasNoError: the real one is asked.
func TestWholeDiskHasNoError(t *testing.T) {
	dir := t.TempDir()
	d, err := openDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	d.every = time.Hour
	b := start(t, Options{Dir: dir, SyncWrites: true, disk: d})
	produce(t, b, 1, 10)
	if !b.disk.stored.Load() {
		t.Error("what was acknowledged is not known to the disk")
	}
	if err := b.disk.check(); err != nil {
		t.Error(err)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
