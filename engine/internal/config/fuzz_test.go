package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad feeds any text as a file, an overlay and a --set: no panic, no hang,
// JSON that is JSON, and problems that can be rendered.
func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "pipelines.p.output.csv.path=x")
	}
	f.Add(tickets, "pipelines.report.output.per_minute.output.csv.path=x")
	f.Add(base, "pipelines.p.input.redpanda.start.timestamp=${X:1}")
	f.Fuzz(func(t *testing.T, text, set string) {
		dir := t.TempDir()
		first, second := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")
		write(t, first, text)
		write(t, second, base)
		for _, paths := range [][]string{{first}, {second, first}} {
			file, problems := Load(Options{Paths: paths, Set: []string{set}, LookupEnv: env("TOPIC", "t")})
			var out bytes.Buffer
			file.Render(&out, problems)
			if len(problems) > 0 && out.Len() == 0 {
				t.Error("problems that print nothing")
			}
			if !json.Valid(file.Root.JSON()) {
				t.Errorf("not JSON: %s", file.Root.JSON())
			}
			for _, p := range file.Pipelines {
				for _, s := range p.steps() {
					if s.Label == "" || s.Config == nil || !strings.HasPrefix(s.Path, "pipelines.") {
						t.Errorf("a step without label, config or path: %+v", s)
					}
				}
			}
		}
	})
}
