//go:build unix

package redpanda_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"etlengine/plugins/broker"
	"etlengine/plugins/redpanda"
)

// dying names to a process of this test where to die; it comes by dyingVariable.
type dying struct {
	Stage         string
	Dir           string // of its own broker's files; "": the broker at Address outlives it
	Address       string
	Topic, Engine string
	State         string // directory
	Record        string // file, see record
	Partitions    int
	Each          int // rows of an epoch in a partition
}

// blocks is how many of a spool's an epoch has at least.
const blocks = 3

const dyingVariable = "ENGINE_TEST_DYING"

// halfway is while the broker writes the end of the transaction.
const halfway = "halfway"

// record is what the engine would have recorded of a life.
type record struct {
	Next        int64
	Epoch       uint64
	Committable []byte
}

func (d *dying) record(t *testing.T) *life {
	t.Helper()
	raw, err := os.ReadFile(d.Record)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var r record
	if err := errors.Join(err, json.Unmarshal(raw, &r)); err != nil {
		t.Fatal(err)
	}
	return &life{next: r.Next, epoch: r.Epoch, committable: r.Committable}
}

// TestDyingEngine is what the processes of the tests below run: it goes on from
// the record, commits two epochs, and dies on the way. By itself it is done
// at once.
func TestDyingEngine(t *testing.T) {
	given := os.Getenv(dyingVariable)
	if given == "" {
		return
	}
	var d dying
	if err := json.Unmarshal([]byte(given), &d); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, topic: d.Topic, engine: d.Engine, state: d.State, address: d.Address,
		log: new(strings.Builder)}
	if d.Dir != "" {
		// Slow enough to be caught between two partitions.
		w.address = startBroker(t, broker.Options{Dir: d.Dir, SyncWrites: d.Stage == halfway}).Address()
	}
	armed, sent := false, 0
	w.stage = func(reached string) {
		if reached == "sending" {
			sent++
		}
		switch {
		case !armed, reached == "sending" && sent%blocks != 0: // some are on their way by then
		case reached == "end" && d.Stage == halfway:
			go dieOnceItGrows(d.Dir)
		case reached == d.Stage:
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	before := d.record(t)
	if armed = before != nil; !armed { // the first life commits one epoch in peace
		before = w.live(nil)
		before.write(d.Each, d.Partitions)
		before.mustCommit()
		before.Close(t.Context())
	}
	l := w.live(before)
	for range 2 {
		l.write(d.Each, d.Partitions)
		l.record()
		raw, err := json.Marshal(record{l.next, l.epoch, l.committable})
		if err = errors.Join(err, os.WriteFile(d.Record, raw, 0o600)); err != nil {
			t.Fatal(err)
		}
		armed = true
		if d.Stage == "fence" { // which otherwise comes at the start only
			l.Close(t.Context())
			l = w.live(l)
			continue
		}
		if err := l.commit(); err != nil {
			t.Fatal(err)
		}
	}
}

// dieOnceItGrows kills the process when the broker has written to a partition.
func dieOnceItGrows(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "partitions", "*", "*.dat"))
	sizes := make(map[string]int64)
	for {
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			if was, seen := sizes[path]; seen && info.Size() > was {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			sizes[path] = info.Size()
		}
	}
}

// die runs a process that is killed, and reports whether it was.
func (d *dying) die(t *testing.T) bool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestDyingEngine$", "-test.timeout=60s")
	// It cannot remove what it makes for itself: that lies in a folder of this test's.
	cmd.Env = append(os.Environ(), dyingVariable+"="+string(spec), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() &&
		status.Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil || d.Stage != halfway {
		t.Fatalf("dying at %s: got %v, want a kill:\n%s", d.Stage, err, out)
	}
	return false
}

func TestKillWhileCommittingLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, stages := range []string{"fence", "sending", "flushed", "end", "committed", halfway,
		"sending fence sending", "flushed end", "end sending", "committed flushed end", halfway + " sending",
		halfway + " " + halfway + " " + halfway, "end fence " + halfway} {
		t.Run(stages, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := ownWorldIn(t, dir, 12)
			w.broker.Close(t.Context())
			d := dying{Dir: dir, Topic: w.topic, Engine: w.engine, State: w.state, Partitions: 12, Each: 3000,
				Record: filepath.Join(t.TempDir(), "record")}
			for _, d.Stage = range strings.Fields(stages) {
				d.die(t)
			}
			w.broker = startBroker(t, broker.Options{Dir: dir})
			w.address = w.broker.Address()
			w.connect()
			w.goOn(&d)
		})
	}
}

// goOn recovers what a killed process has recorded, and commits one more epoch.
func (w *world) goOn(d *dying) {
	w.t.Helper()
	before := d.record(w.t)
	if before == nil {
		w.t.Fatal("nothing was recorded: it died too soon")
	}
	l := w.live(before)
	w.t.Logf("%d rows in %d epochs; %s", l.next, l.epoch, w.log)
	w.exactly(l.next)
	l.write(5, d.Partitions)
	l.mustCommit()
	w.exactly(l.next)
}

// A cluster, or an embedded broker in a process of its own, outlives the engine.
func TestKillOfTheEngineAloneLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, stages := range []string{"fence", "sending", "flushed", "end", "committed",
		"sending flushed end fence"} {
		t.Run(stages, func(t *testing.T) {
			w := newWorld(t, 4)
			d := dying{Address: w.address, Topic: w.topic, Engine: w.engine, State: w.state, Partitions: 4, Each: 9000,
				Record: filepath.Join(t.TempDir(), "record")}
			for _, d.Stage = range strings.Fields(stages) {
				d.die(t)
			}
			began := time.Now()
			w.goOn(&d)
			// One that nobody ends lasts 5 minutes.
			if elapsed := time.Since(began); elapsed > 2*time.Minute {
				t.Errorf("going on took %s: as long as a transaction that nobody ended", elapsed)
			}
		})
	}
}

// The broker dies alone, in a process of its own, while it writes the end of a
// transaction, and comes back; the engine lives on.
func TestKillOfTheBrokerAloneLosesAndRepeatsNothing(t *testing.T) {
	dir := t.TempDir()
	w := ownWorldIn(t, dir, 12)
	l := w.live(nil)
	l.write(200, 12)
	l.mustCommit()
	l.write(200, 12)
	l.record()
	redpanda.AtStage(l.Sink, func(reached string) {
		if reached != "end" {
			return
		}
		redpanda.AtStage(l.Sink, nil)
		// As a kill leaves it: everything but the end, with none of what an
		// orderly end would have written down.
		left := t.TempDir()
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			t.Error(err)
		}
		w.restart(left)
	})
	if err := l.commit(); err != nil {
		t.Fatal(err)
	}
	l.write(5, 12)
	l.mustCommit()
	w.exactly(l.next)
}
