package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const fromPipe = "pipelines:\n  p:\n    input: { jsonl: { path: in } }\n    output: { csv: { path: out } }\n"

// pipe is the path of a pipe that holds text: what <(…) gives.
func pipe(t *testing.T, text string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return fmt.Sprintf("/dev/fd/%d", r.Fd())
}

func TestConfigsAreReadFromPipes(t *testing.T) {
	tests := []struct {
		name    string
		options func(text string) Options
	}{
		{"standard input", func(text string) Options {
			return Options{Paths: []string{"-"}, Stdin: strings.NewReader(text)}
		}},
		{"a pipe with a path", func(text string) Options { return Options{Paths: []string{pipe(t, text)}} }},
	}
	for _, test := range tests {
		f, problems := Load(test.options(fromPipe))
		if len(problems) > 0 || len(f.Pipelines) != 1 {
			t.Errorf("%s: got %v", test.name, problems)
		}
		f, problems = Load(test.options("input:\n  stdin: {}\n"))
		if len(problems) > 0 || f.Plain != "input:\n  stdin: {}\n" {
			t.Errorf("%s, a plain Benthos config: got %q, %v", test.name, f.Plain, problems)
		}
		o := test.options("pipelines: [\n")
		f, problems = Load(o)
		var shown strings.Builder
		f.Render(&shown, problems)
		if !strings.Contains(shown.String(), o.Paths[0]+":1:") || !strings.Contains(shown.String(), "1 | pipelines: [") {
			t.Errorf("%s, a fault: got %s, want it with its line", test.name, shown.String())
		}
	}
}

func TestADeviceWithoutAnEndIsRefused(t *testing.T) {
	_, problems := Load(Options{Paths: []string{"/dev/zero"}})
	if len(problems) != 1 || problems[0].Code != "file-too-large" {
		t.Errorf("got %v, want that it is too large", problems)
	}
}
