package main

import (
	"strings"
	"testing"
)

// TestNothingSaidHoldsASecret, whatever the message is about.
func TestNothingSaidHoldsASecret(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("KEY", "also-the-secret")
	write(t, "fault.yaml", `pipelines:
  p:
    input: { redpanda: { topic: "${KEY}", brokers: "${KEY}", sasl: { mechanism: nope, username: u, password: "${KEY}" }, nope: a-secret-in-line, schema: { id: int64 } } }
    output: { csv: { path: out, null_value: "${KEY}", delimiter: "${KEY}" } }
cache_resources: [ { label: c, memory: {}, api_token: a-secret-in-line } ]
`)
	write(t, "fine.yaml", `pipelines:
  p:
    input: { file: { paths: [in.txt] }, schema: { id: int64 } }
    processors:
      - mapping: 'root = if this.id == 2 { throw("http://u:a-secret-in-line@host/ refused") }'
        schema: { id: int64 }
    output: { http_client: { url: "http://u:a-secret-in-line@127.0.0.1:1/also-the-secret", retries: 0, headers: { Authorization: also-the-secret } } }
    dead_letters: { jsonl: { path: dead } }
`)
	write(t, "plain.yaml", `input: { file: { paths: [ "http://u:a-secret-in-line@h/" ], nope: a-secret-in-line } }
output: { http_client: { url: x, basic_auth: { password: a-secret-in-line }, oauth2: { client_secret: "${KEY}", token_url: "${KEY}" } } }
`)
	write(t, "in.txt", "{\"id\":1}\n{\"id\":2}\n")
	for _, args := range [][]string{
		{"lint", "fault.yaml"}, {"lint", "fault.yaml", "--json"}, {"run", "fault.yaml"}, {"graph", "fault.yaml"},
		{"state", "fault.yaml"}, {"lint", "plain.yaml"}, {"lint", "plain.yaml", "--json"}, {"run", "plain.yaml"},
		{"lint", "fine.yaml"}, {"graph", "fine.yaml", "--format", "json"},
		{"run", "fine.yaml", "--json", "--log-level", "debug"}, {"state", "fine.yaml"},
		{"lint", "fine.yaml", "--set", "pipelines.p.password:a-secret-in-line"},
		{"lint", "fine.yaml", "--set", "pipelines.p.input.sasl.password=a-secret-in-line"},
		{"a-secret-in-line", "password=a-secret-in-line"}, {"run", "fine.yaml", "--secret=a-secret-in-line"},
	} {
		_, stdout, stderr := run(args...)
		if said := stdout + stderr; said == "" || strings.Contains(said, "a-secret") || strings.Contains(said, "also-the") {
			t.Errorf("engine %s: said\n%s", strings.Join(args, " "), said)
		}
	}
}

func TestNamesOfFilesDoNotReachTheTerminalAsTheyAre(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a\x1b[31m\r\nengine: fine\x07.jsonl", "{\"id\":1}\n{\"id\":x\x1b]0;title\x07}\n")
	write(t, "p.yaml", "pipelines:\n  p:\n    input: { jsonl: { path: in, schema: { id: int64 } } }\n"+
		"    output: { jsonl: { path: out } }\n")
	code, _, stderr := run("run", "p.yaml", "--log-level", "debug")
	if code != 1 || strings.ContainsAny(stderr, "\x1b\x07\r") || strings.Contains(stderr, "\nengine: fine") {
		t.Errorf("exit %d, want 1 and nothing but text\n%q", code, stderr)
	}
}
