package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestARunningEngineIsAsked(t *testing.T) {
	for _, name := range []string{"s", strings.Repeat("a-long-path/", 12) + "s"} { // longer than a socket's may be
		t.Run(name[:1], func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "p.yaml", "state_dir: "+name+"\n"+endless)
			if code, _, stderr := run("health", "p.yaml"); code != 1 || !strings.Contains(stderr, "no engine answers") {
				t.Errorf("before: exit %d, %s", code, stderr)
			}
			if err := os.MkdirAll(name, 0o700); err != nil {
				t.Fatal(err)
			}
			if l, err := net.Listen("unix", filepath.Join(name, "engine.sock")); err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false) // as a process leaves it that is killed
				l.Close()
			}
			p := start(t, "run", "p.yaml", "--log-level", "debug")
			p.until(t, "epoch published")
			if code, stdout, stderr := run("health", "p.yaml"); code != 0 || stdout != "running\n" {
				t.Errorf("while it runs: exit %d, %q, %s", code, stdout, stderr)
			}
			code, stdout, stderr := run("state", "p.yaml", "--json")
			var state struct {
				Running   struct{ PID int }
				Pipelines []struct{ Epoch int }
			}
			if err := json.Unmarshal([]byte(stdout), &state); err != nil || code != 0 ||
				state.Running.PID != p.Process.Pid || len(state.Pipelines) != 1 || state.Pipelines[0].Epoch == 0 {
				t.Errorf("state: exit %d, %v\n%s%s", code, err, stdout, stderr)
			}
			if _, stdout, _ := run("state", "p.yaml"); !strings.Contains(stdout, "\nrunning since ") ||
				!strings.Contains(stdout, " rows read") {
				t.Errorf("got %s, want how far it is", stdout)
			}
			code, stdout, stderr = run("state", "export", "p.yaml")
			var line struct {
				Pipeline string
				Record   struct{ Epoch int }
			}
			if err := json.NewDecoder(strings.NewReader(stdout)).Decode(&line); err != nil || code != 0 || line.Record.Epoch == 0 {
				t.Errorf("state export: exit %d, %v\n%s%s", code, err, stdout, stderr)
			}
			info, err := os.Stat(filepath.Join(name, "engine.sock"))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket: got %v, %v, want mode 0600", info, err)
			}
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code, messages := p.end(t); code != 143 {
				t.Errorf("exit %d\n%s", code, messages)
			}
			if code, _, _ := run("health", "p.yaml"); code != 1 {
				t.Errorf("afterwards: exit %d, want 1", code)
			}
			if _, err := os.Stat(filepath.Join(name, "engine.sock")); err == nil {
				t.Error("the socket is still there")
			}
			if code, stdout, stderr := run("state", "p.yaml"); code != 0 || strings.Contains(stdout, "running since") {
				t.Errorf("afterwards: exit %d, %s%s", code, stdout, stderr)
			}
		})
	}
}
