package broker

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// disk finds the errors of a disk that kfake does not hear: it syncs the files of
// records before it answers, and ignores what that returns. The system reports an error
// of writing to each descriptor of the file system that was open before. Asking it costs
// a sync of the whole file system, which is too much for every answer.
type disk struct {
	folder *os.File
	every  time.Duration
	sync   func(folder *os.File) error
	stored atomic.Bool // since the last sync records were acknowledged, or a transaction's end
}

const syncEvery = time.Second

// openDisk must come before kfake writes.
func openDisk(dir string) (*disk, error) {
	folder, err := os.Open(dir)
	return &disk{folder: folder, every: syncEvery, sync: syncDisk}, err
}

// check returns an error of anything that was written since the last check.
func (d *disk) check() error {
	if d == nil || !d.stored.Swap(false) {
		return nil
	}
	if err := d.sync(d.folder); err != nil {
		return fmt.Errorf("writing to the disk, where what was acknowledged since the last %v may be missing: %w",
			d.every, err)
	}
	return nil
}

func (d *disk) close() {
	if d != nil && d.folder != nil {
		d.folder.Close()
	}
}

// watchDisk ends the broker at the first such error.
func (b *Broker) watchDisk() {
	tick := time.NewTicker(b.disk.every)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			if err := b.disk.check(); err != nil {
				b.fail(err)
				return
			}
		}
	}
}
