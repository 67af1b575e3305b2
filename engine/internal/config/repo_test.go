package config

import (
	"path/filepath"
	"testing"
)

// TestShippedConfigsHaveNoProblems holds the configs of the repository, which
// set a default for every variable or need it to be given.
func TestShippedConfigsHaveNoProblems(t *testing.T) {
	paths, err := filepath.Glob("../../../configs/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %d configs, %v", len(paths), err)
	}
	given := func(string) (string, bool) { return "given", true }
	for _, path := range paths {
		if _, problems := Load(Options{Paths: []string{path}, LookupEnv: given}); len(problems) > 0 {
			t.Errorf("%s: %v", path, problems)
		}
	}
}
