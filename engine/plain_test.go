package main

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// plainRun runs a plain config with nothing but its own folder to write to, and
// returns what each file holds; "stdout" is what went there.
func plainRun(t *testing.T, run func() int) map[string]string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("OUT", dir)
	in, err := os.Open(filepath.Join("testdata", "benthos", "data", "lines.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdin, stdout := os.Stdin, os.Stdout
	os.Stdin, os.Stdout = in, out
	code := run()
	os.Stdin, os.Stdout = stdin, stdout
	if code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		made[filepath.Base(path)] = string(data)
	}
	return made
}

// asBenthos is set for processes of this test binary that are to be Benthos.
const asBenthos = "ENGINE_TEST_AS_BENTHOS"

// runBenthos is Benthos's own runner. It has a process of its own, because it
// ends the one it runs in 21 s after its stream has ended.
func runBenthos(t *testing.T, path string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, "run", path)
	c.Env = append(os.Environ(), asBenthos+"=1")
	c.Stdin, c.Stdout = os.Stdin, os.Stdout
	if err := c.Run(); err != nil {
		t.Errorf("Benthos: %v", err)
	}
	return c.ProcessState.ExitCode()
}

// beBenthos is what such a process does.
func beBenthos() int {
	args := append([]string{"benthos"}, os.Args[1:]...)
	code, err := service.RunCLIToCode(context.Background(), service.CLIOptSetArgs(args...))
	if err != nil {
		return 1
	}
	return code
}

// TestPlainConfigsRunAsInBenthos: byte for byte, against Benthos's own runner.
func TestPlainConfigsRunAsInBenthos(t *testing.T) {
	paths, err := filepath.Glob("testdata/benthos/*.yaml")
	if err != nil || len(paths) < 60 {
		t.Fatalf("got %d plain configs (%v), want at least 60", len(paths), err)
	}
	data, err := filepath.Abs("testdata/benthos/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATA", data)
	silent := []string{"07-drop-everything", "55-drop"}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			want := plainRun(t, func() int { return runBenthos(t, path) })
			got := plainRun(t, func() int {
				code, stdout, stderr := run("run", "--quiet", path)
				if stdout != "" || stderr != "" {
					t.Errorf("the engine says %q and %q", stdout, stderr)
				}
				return code
			})
			if !maps.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			some := slices.ContainsFunc(slices.Collect(maps.Values(want)),
				func(s string) bool { return s != "" })
			if some == slices.Contains(silent, name) {
				t.Errorf("output: got %q", want)
			}
		})
	}
}
