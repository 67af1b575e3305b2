package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBrokenFilesAreExplained renders everything wrong with each file of
// testdata/broken: exact positions, codes, and what to write instead.
func TestBrokenFilesAreExplained(t *testing.T) {
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(paths) < 60 {
		t.Fatalf("got %d broken files (%v), want at least 60", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			f, problems := Load(Options{Paths: []string{path}})
			var got bytes.Buffer
			for i := range problems {
				got.WriteString("[" + problems[i].Code + "]\n")
				f.Render(&got, problems[i:i+1])
			}
			text := strings.ReplaceAll(got.String(), filepath.ToSlash(filepath.Dir(path))+"/", "")
			compare(t, strings.TrimSuffix(path, ".yaml")+".golden", text)
		})
	}
}

// compare holds a text against a golden file, or writes it there with -update.
func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		write(t, golden, got)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEveryProblemHasAStableCodeAndAPlace(t *testing.T) {
	code := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	paths, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, path := range paths {
		_, problems := Load(Options{Paths: []string{path}})
		if len(problems) == 0 {
			t.Errorf("%s: got no problem", path)
		}
		for _, p := range problems {
			if !code.MatchString(p.Code) || p.File != path || p.Message == "" {
				t.Errorf("%s: code %q, file %q, message %q", path, p.Code, p.File, p.Message)
			}
			if p.Code != "not-utf8" && (p.Line < 1 || p.Column < 1) {
				t.Errorf("%s: %s has no position", path, p.Code)
			}
		}
	}
}
