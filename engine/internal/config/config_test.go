package config

import (
	"os"
	"testing"
)

// load writes files into a folder and loads them in the order of their names' list.
func load(t *testing.T, o Options, files ...string) (*File, []Problem) {
	t.Helper()
	t.Chdir(t.TempDir())
	for i, text := range files {
		name := string(rune('a'+i)) + ".yaml"
		write(t, name, text)
		o.Paths = append(o.Paths, name)
	}
	return Load(o)
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// mustLoad is load for files that have no problems.
func mustLoad(t *testing.T, o Options, files ...string) *File {
	t.Helper()
	f, problems := load(t, o, files...)
	for _, p := range problems {
		t.Errorf("unexpected problem: %v", p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return f
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.Mkdir(name, 0o755); err != nil {
		t.Fatal(err)
	}
}
