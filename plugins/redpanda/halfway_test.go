package redpanda_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
)

const (
	batchHead  = 12 // what a batch's length does not count
	indexEntry = 15
)

// uncommit removes the last batch of a partition from a broker's files: the
// end of a transaction, as if a kill had come before it was written.
func uncommit(t *testing.T, dir, partition string) {
	t.Helper()
	path := filepath.Join(dir, "partitions", partition, "0.dat")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last, next, batches := 0, 0, int64(0)
	for next < len(raw) {
		last, next = next, next+batchHead+int(binary.BigEndian.Uint32(raw[next+8:]))
		batches++
	}
	const control = 0x20
	if binary.BigEndian.Uint16(raw[last+21:])&control == 0 {
		t.Fatalf("%s: the last batch is not the end of a transaction", path)
	}
	if err := os.Truncate(path, int64(last)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(strings.TrimSuffix(path, ".dat")+".idx", indexEntry*(batches-1)); err != nil {
		t.Fatal(err)
	}
}

// killedAmidCommit copies a broker's folder as a kill leaves it, without the ends of the
// transaction in some partitions, and starts a broker on the copy.
func (w *world) killedAmidCommit(dir string, partitions []string) (*world, string) {
	w.t.Helper()
	left := w.t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range partitions {
		uncommit(w.t, left, p)
	}
	// The kill came before the answer to the commit, which stores that it was acknowledged.
	// Without the file the broker must be allowed to go by the records that there are.
	if err := os.Remove(filepath.Join(left, "acknowledged")); err != nil {
		w.t.Fatal(err)
	}
	next := *w
	next.broker = startBroker(w.t, broker.Options{Dir: left, AcceptLoss: true})
	next.address = next.broker.Address()
	next.connect()
	return &next, left
}

// The embedded broker writes the end of a transaction to one partition after
// the other. Whichever of them a kill keeps from being written, and then once
// more while that is being completed: each row is there once.
func TestInterruptedCommitIsCompletedWhereItIsMissing(t *testing.T) {
	t.Parallel() // it mostly waits
	const partitions = 3
	for mask := range 1 << (partitions + 1) {
		t.Run(fmt.Sprintf("%04b", mask), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := ownWorldIn(t, dir, partitions)
			l := w.live(nil)
			l.write(3, partitions)
			l.mustCommit()
			l.write(3, partitions)
			l.mustCommit()
			l.Close(t.Context())

			names := []string{w.topic + "-0", w.topic + "-1", w.topic + "-2", redpanda.EpochsTopic + "-0"}
			pick := func(mask int) (picked []string) {
				for i, name := range names {
					if mask>>i&1 == 1 {
						picked = append(picked, name)
					}
				}
				return picked
			}
			w, dir = w.killedAmidCommit(dir, pick(mask))
			w.live(l).Close(t.Context())
			w.exactly(18)
			if mask == 0 {
				return
			}
			// What the second life wrote: where the first did not commit, and the marker.
			again := mask | 1<<partitions
			w, _ = w.killedAmidCommit(dir, pick(again&(mask*5+3)))
			l = w.live(l)
			l.write(3, partitions)
			l.mustCommit()
			w.exactly(27)
		})
	}
}
