package benthos

import (
	"testing"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

func TestPlainConfigListensOnlyIfAsked(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	const out = "\noutput: {drop: {}}\n"
	tests := []struct {
		name, text, address string // "" is no server
	}{
		{"nothing about it", "input: {stdin: {}}" + out, ""},
		{"the word in a mapping", "input: {generate: {mapping: 'root = \"http:\" + \"//x\"'}}" + out, ""},
		{"an http processor", "input: {stdin: {}}\npipeline: {processors: [{http: {url: 'http://x'}}]}" + out, ""},
		{"a section", "http: {enabled: true}\ninput: {stdin: {}}" + out, localServer},
		{"a section as JSON", `{"http": {}, "input": {"stdin": {}}, "output": {"drop": {}}}`, localServer},
		{"a section with an address", "http: {address: '0.0.0.0:4195'}\ninput: {stdin: {}}" + out, "0.0.0.0:4195"},
		{"a server without an address", "input: {http_server: {path: /post}}" + out, localServer},
		{"one inside", "input: {broker: {inputs: [{stdin: {}}, {http_server: {}}]}}" + out, localServer},
		{"a server with an address", "input: {http_server: {address: '127.0.0.1:80'}}" + out, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			builder, _, err := PlainConfig{Lookup: none}.builder(service.NewEnvironment(), test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := serverOf(t, builder); got != test.address {
				t.Errorf("got %q, want %q", got, test.address)
			}
		})
	}
}

func TestPlainSettings(t *testing.T) {
	env := func(name string) (string, bool) {
		if name == "T" {
			return "3s", true
		}
		return "", false
	}
	for text, want := range map[string]time.Duration{
		"input: {stdin: {}}":                       20 * time.Second,
		"shutdown_timeout: 1s":                     time.Second,
		"shutdown_timeout: ${T}":                   3 * time.Second,
		"shutdown_timeout: ${NONE:2s}":             2 * time.Second,
		`{"input": {}, "shutdown_timeout": "30s"}`: 30 * time.Second,
	} {
		s, err := settingsOf(text, env)
		if err != nil || s.stopping != want {
			t.Errorf("%s: got %+v, %v, want %v", text, s, err, want)
		}
	}
}

// serverOf is where the HTTP server of a config listens; "" if it does not.
func serverOf(t *testing.T, builder *service.StreamBuilder) string {
	t.Helper()
	text, err := builder.AsYAML()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := service.NewConfigSpec().Fields(service.NewObjectField("http",
		service.NewBoolField("enabled").Default(false),
		service.NewStringField("address").Default("")).Optional()).ParseYAML(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !conf.Contains("http") {
		return ""
	}
	if enabled, err := conf.FieldBool("http", "enabled"); err != nil || !enabled {
		return ""
	}
	address, err := conf.FieldString("http", "address")
	if err != nil {
		t.Fatal(err)
	}
	return address
}
