package sdktest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// recorder is a test that may fail without failing the one it runs in.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// failing runs checks and returns what each of those that failed said.
func failing(t *testing.T, s *suite, checks []check) map[string]string {
	t.Helper()
	failed := map[string]string{}
	for _, c := range checks {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				for _, f := range slices.Backward(r.cleanups) {
					f()
				}
			}()
			c.run(r, s)
		}()
		<-done
		if len(r.failures) > 0 {
			failed[c.name] = strings.Join(r.failures, "\n")
		}
	}
	return failed
}

// broken is a fault and the promise that it breaks.
type broken struct {
	fault   string
	promise string // name of a check that must fail; others may
	says    string // part of what it must say
}

// catches runs a sound plugin, which must pass, and then the broken ones.
func catches(t *testing.T, faults []broken, checks []check, suiteOf func(fault string) *suite) {
	t.Helper()
	for name, said := range failing(t, suiteOf(""), append(configChecks(), checks...)) {
		t.Errorf("the sound plugin fails %s: %s", name, said)
	}
	for _, b := range faults {
		t.Run(b.fault, func(t *testing.T) {
			others := func(c check) bool { return c.name != b.promise }
			only := slices.DeleteFunc(append(configChecks(), checks...), others)
			said, ok := failing(t, suiteOf(b.fault), only)[b.promise]
			if !ok || !strings.Contains(said, b.says) {
				t.Errorf("want %s to fail with %q, got %v, %q", b.promise, b.says, ok, said)
			}
		})
	}
}

func faultySpec(fault string, kind sdk.Kind) sdk.Spec[modelConfig] {
	spec := sdk.Spec[modelConfig]{Kind: kind, Name: "model", Summary: "Is a model.",
		Example: "model: { size: 2 }", Defaults: modelConfig{Size: 4}}
	switch fault {
	case "no summary":
		spec.Summary = ""
	case "example of another plugin":
		spec.Example = "other: {}"
	}
	return spec
}

// modelConfig is the config of all models.
type modelConfig struct {
	Size  int      `json:"size" doc:"Rows of a batch." required:"true"`
	Names []string `json:"names" doc:"Names to keep."`
	Wait  bool     `json:"wait" doc:"Whether to wait for ever after the first batch."`
}

// spoil changes what a plugin says of its config.
func spoil(p sdk.Plugin, fault string) sdk.Plugin {
	describe := p.Describe
	problems := func(change func([]sdk.Problem) []sdk.Problem) {
		p.Describe = func(config []byte, in *arrow.Schema) sdk.Description {
			d := describe(config, in)
			d.Problems = change(d.Problems)
			return d
		}
	}
	without := func(left func(sdk.Problem) bool) {
		problems(func(all []sdk.Problem) []sdk.Problem { return slices.DeleteFunc(all, left) })
	}
	switch fault {
	case "lenient about unknown keys":
		without(func(p sdk.Problem) bool { return p.Key })
	case "words of its own":
		problems(func(all []sdk.Problem) []sdk.Problem {
			for i := range all {
				all[i].Message = "bad"
			}
			return all
		})
	case "lenient about missing keys":
		without(func(p sdk.Problem) bool { return p.Path == "" })
	case "moody":
		calls := 0
		problems(func(all []sdk.Problem) []sdk.Problem {
			calls++
			return append(all, sdk.Problem{Message: fmt.Sprint("call ", calls), Warning: true})
		})
	case "no documentation":
		p.Fields = append([]sdk.Field{{Name: "size", Type: "int"}}, p.Fields[1:]...)
	}
	return p
}

// configFaults are those that every kind of plugin can have.
func configFaults() []broken {
	return []broken{
		{"no summary", "PluginDocumentsItself", "summary: want one sentence"},
		{"example of another plugin", "PluginDocumentsItself", "begins with model:"},
		{"no documentation", "PluginDocumentsItself", "field size: want a doc"},
		{"lenient about unknown keys", "UnknownKeyIsAProblem", "want the problem"},
		{"lenient about missing keys", "MissingKeysAreProblems", "size is missing"},
		{"words of its own", "WrongTypesAreProblems", "want a whole number"},
		{"moody", "DescribeIsPure", "twice"},
	}
}
