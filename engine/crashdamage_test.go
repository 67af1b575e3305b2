package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// damage is what becomes of a file.
type damage struct {
	name string
	to   func(data []byte) []byte // nil: the file is gone
}

var damages = []damage{
	{"gone", nil},
	{"empty", func([]byte) []byte { return nil }},
	{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
	{"its end cut off", func(b []byte) []byte { return b[:max(0, len(b)-3)] }},
	{"another first byte", func(b []byte) []byte { return flipped(b, 0) }},
	{"another byte in the middle", func(b []byte) []byte { return flipped(b, len(b)/2) }},
	{"another last byte", func(b []byte) []byte { return flipped(b, len(b)-1) }},
}

func flipped(b []byte, at int) []byte {
	b = append([]byte{}, b...)
	if at >= 0 && at < len(b) {
		b[at] ^= 0x15
	}
	return b
}

// TestDamageAfterACrashIsNamedOrHarmless spoils files that a killed engine leaves
// beside its outputs. The next run says so and what to do, or it gives the right
// output; it never gives a wrong one, and never shows the inside of a program.
// With many -crash.kills each file is spoilt in every way, else in some.
func TestDamageAfterACrashIsNamedOrHarmless(t *testing.T) {
	k := makeTickets(t, 6, 60, 20, 260)
	unharmed := k.neverKilled(t, smallJob(fromFiles, rollsOften))
	const rollsNever = "size: 1MB, interval: 1h" // whatever the clock has made of the epochs
	for name, roll := range map[string]string{"staged": rollsNever, "about to be visible": rollsOften} {
		j := smallJob(fromFiles, roll)
		sinks := j.sinks()
		whole := newVictim(t, k, j, unharmed)
		whole.pace = sabotage{Rows: 10, PerEpoch: 2}
		for _, point := range []killPoint{
			{Step: sinks[0], Call: callCommit, Epoch: 2, Order: sinks},
			{Step: sinks[0], Call: callRecord, Epoch: 2, Order: sinks},
			{Step: sinks[0], Call: callCommit, Epoch: 3, Order: sinks}} {
			whole.dieAt(t, point)
		}
		for i, file := range spoilable(t, whole.dir) {
			for n, d := range damages {
				if *crashKills < 60 && (i+n)%4 != 0 {
					continue
				}
				consumed := d.to == nil && roll == rollsOften // as by a reader who removes it
				if isPart(file) && consumed {
					continue
				}
				t.Run(name+"/"+file+" "+d.name, func(t *testing.T) {
					t.Parallel()
					v := newVictim(t, k, j, unharmed)
					v.dir, v.pace = filepath.Join(t.TempDir(), "job"), sabotage{Rows: 10}
					v.survive(t, whole.dir, file, d)
				})
			}
		}
	}
}

// spoilable are the files in the state directory and in the staging directories.
func spoilable(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		folder := filepath.Dir(name)
		if filepath.Base(name) == "engine.lock" && folder != ".raw_csv.engine" {
			return err // all locks of staging directories are alike
		}
		if strings.HasPrefix(name, "state") || strings.HasPrefix(name, ".") && !seen[folder] {
			names = append(names, name) // one of those of a folder in a staging directory
			seen[folder] = true
		}
		return err
	})
	if err != nil || len(names) < 10 {
		t.Fatalf("got %q, %v; want the files of a state and of staging directories", names, err)
	}
	return names
}

// copyTree copies a folder as it is. The input's times must stay: they are part
// of what the engine remembers of it.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if e.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if !e.Type().IsRegular() {
			return nil // the socket that a killed run has left
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		err = os.WriteFile(target, data, 0o644)
		return errors.Join(err, os.Chtimes(target, info.ModTime(), info.ModTime()))
	})
}

func (d damage) spoil(path string) error {
	if d.to == nil {
		return os.Remove(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, d.to(data), 0o644)
}

// survive copies a job that was killed and runs it over damage to a file.
func (v *victim) survive(t *testing.T, from, damaged string, d damage) {
	t.Helper()
	err := copyTree(v.dir, from)
	if err == nil {
		err = d.spoil(filepath.Join(v.dir, damaged))
	}
	if err != nil {
		t.Fatal(err)
	}
	p, release := launch(t, v.dir, v.pace, "run", "p.yaml")
	release.Close()
	code, messages := p.end(t)
	switch {
	case strings.Contains(messages, "goroutine ") || strings.Contains(messages, "panic"):
		t.Errorf("exit %d, and the inside of a program:\n%s", code, messages)
	case code == 0:
		v.seen(t)
		for _, o := range v.job.outputs {
			wantSame(t, o.folder, v.before[o.folder], v.unharmed[o.folder])
		}
	case code != 1:
		t.Errorf("exit %d, want 0 or 1:\n%s", code, messages)
	case !hasLine(messages, []string{"engine: ", filepath.Dir(damaged)}) && !namesState(messages):
		t.Errorf("no line names the folder of %s:\n%s", damaged, messages)
	case !saysWhatToDo(messages):
		t.Errorf("no way on is named:\n%s", messages)
	}
	v.seen(t)
	if t.Failed() {
		t.Logf("exit %d:\n%s", code, messages)
	} else if strings.Contains(messages, "--fresh") {
		v.beginAnew(t)
	}
}

// beginAnew takes the way on that a message named.
func (v *victim) beginAnew(t *testing.T) {
	t.Helper()
	p, release := launch(t, v.dir, v.pace, "run", "--fresh", "--yes", "p.yaml")
	release.Close()
	if code, messages := p.end(t); code != 0 {
		t.Fatalf("a run with --fresh: exit %d:\n%s", code, messages)
	}
	now := v.read(t, v.dir)
	for _, o := range v.job.outputs {
		wantSame(t, o.folder, now[o.folder], v.unharmed[o.folder])
	}
}

// saysWhatToDo reports whether a message names a way on.
func saysWhatToDo(messages string) bool {
	ways := []string{"--fresh", "put it back", "set another state_dir"}
	return slices.ContainsFunc(ways, func(way string) bool { return strings.Contains(messages, way) })
}

// namesState reports whether a message names the state directory, or what shows
// that the state in it is an older one: the end of its log is gone.
func namesState(messages string) bool {
	return hasLine(messages, []string{"engine: ", "the state directory state"}) ||
		hasLine(messages, []string{"engine: ", "the state is older than the files"})
}

// isPart reports whether a file in a staging directory holds rows.
func isPart(file string) bool {
	return strings.HasPrefix(filepath.Base(file), "part.")
}
