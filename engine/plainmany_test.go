package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// TestPlainConfigsOfPartsRunAsInBenthos: metadata, batches and resources, byte for
// byte, against Benthos's own stream in this process. What a config of plain.txt
// does not say is the same for all.
func TestPlainConfigsOfPartsRunAsInBenthos(t *testing.T) {
	text, err := os.ReadFile("testdata/benthos/plain.txt")
	if err != nil {
		t.Fatal(err)
	}
	configs := strings.Split(string(text), "---\n")
	if len(configs) < 60 {
		t.Fatalf("got %d configs, want at least 60", len(configs))
	}
	data, err := filepath.Abs("testdata/benthos/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATA", data)
	dir := t.TempDir()
	for i, config := range configs {
		config = "http: {enabled: false}\nlogger: {level: 'OFF'}\n" + strings.Replace(config,
			"pipeline: {", "pipeline: {threads: 1, ", 1)
		if !strings.Contains(config, "\ninput: ") {
			config += "input: {file: {paths: ['${DATA}/objects.jsonl'], scanner: {lines: {}}}}\n"
		}
		if !strings.Contains(config, "\noutput: ") {
			config += "output: {file: {path: '${OUT}/out', codec: lines}}\n"
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
		write(t, path, config)
		want := plainRun(t, func() int {
			streamBenthos(t, config)
			return 0
		})
		got := plainRun(t, func() int {
			code, stdout, stderr := run("run", "--quiet", path)
			if stdout != "" || stderr != "" {
				t.Errorf("the engine says %q and %q", stdout, stderr)
			}
			return code
		})
		if !maps.Equal(got, want) || len(want) < 2 {
			t.Errorf("%s\ngot  %q\nwant %q", configs[i], got, want)
		}
	}
}

// streamBenthos runs a config by Benthos's own stream to its end.
func streamBenthos(t *testing.T, config string) {
	t.Helper()
	b := service.NewStreamBuilder()
	if err := b.SetYAML(config); err != nil {
		t.Errorf("%s: %v", config, err)
		return
	}
	s, err := b.Build()
	if err != nil {
		t.Errorf("%s: %v", config, err)
		return
	}
	if err := s.Run(t.Context()); err != nil {
		t.Errorf("%s: %v", config, err)
		return
	}
}
