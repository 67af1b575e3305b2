package redpanda_test

import (
	"slices"
	"testing"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

func firstProblem(problems []sdk.Problem) string {
	if len(problems) == 0 {
		return ""
	}
	return problems[0].Error()
}

func TestSourceConfigIsChecked(t *testing.T) {
	const schema = `"schema": {"a": "string"}`
	tests := []struct{ name, config, want string }{
		{"the main job's", `{"topic": "t", ` + schema + `}`, ""},
		{"everything", `{"brokers": "a:1,b:2", "topic": ["t", "u"], ` + schema + `, "format": "json",
			"start": "latest", "consumer_group": "g", "tls": true, "on_data_loss": "continue",
			"sasl": {"mechanism": "SCRAM-SHA-512", "username": "u", "password": "p"}}`, ""},
		{"raw needs no schema", `{"topic": "t", "format": "raw"}`, ""},
		{"timestamp", `{"topic": "t", ` + schema + `, "start": {"timestamp": "2026-01-31T00:00:00Z"}}`, ""},
		{"no topic", `{` + schema + `}`, "topic is missing (it is required: Topic to read, or a list of them.)"},
		{"empty topic", `{"topic": "", ` + schema + `}`, "topic: want a topic, got an empty list"},
		{"bad topic", `{"topic": "a b", ` + schema + `}`,
			`topic.0: want 1 to 249 letters, digits, dots, dashes or underscores, got "a b"`},
		{"topic twice", `{"topic": ["t", "t"], ` + schema + `}`, "topic.1: t is named twice"},
		{"no schema", `{"topic": "t"}`, "schema is missing (format json needs columns, nothing is inferred)"},
		{"raw with columns", `{"topic": "t", "format": "raw", "schema": {"a": "int64"}}`,
			"schema: want one column of bytes or string for format raw, got 1 (int64 first)"},
		{"metadata", `{"topic": "t", ` + schema + `,
			"metadata": "key,key_bytes,partition,offset,timestamp,headers"}`, ""},
		{"other metadata", `{"topic": "t", ` + schema + `, "metadata": ["ofset"]}`,
			`metadata.0: want key, key_bytes, partition, offset, timestamp or headers, got "ofset" ` +
				`(did you mean offset?)`},
		{"extra", `{"topic": "t", ` + schema + `, "extra": "rest"}`, ""},
		{"extra of no keys", `{"topic": "t", ` + schema + `, "format": "csv", "extra": "rest"}`,
			"extra: is for format json, which has keys; the format is csv"},
		{"cells without names", `{"topic": "t", "format": "csv", "schema": {"a": {"type": "string", "from": "b"}}}`,
			"schema.a.from: names a cell by the header's name, and there is no header; columns are taken in order"},
		{"metadata twice", `{"topic": "t", ` + schema + `, "metadata": ["key", "key"]}`,
			"metadata.1: key is named twice"},
		{"start", `{"topic": "t", ` + schema + `, "start": "oldest"}`,
			`start: want earliest, latest or {timestamp: 2026-01-31T00:00:00Z}, got "oldest"`},
		{"format", `{"topic": "t", ` + schema + `, "format": "jsn"}`,
			`format: want json, csv or raw, got "jsn" (did you mean json?)`},
		{"broker without port", `{"brokers": "a", "topic": "t", ` + schema + `}`,
			`brokers.0: want host:port, got "a"`},
		{"neighbours", `{"seed_brokers": "a:1", "topic": "t", ` + schema + `}`,
			"seed_brokers: unknown field, did you mean brokers?"},
		{"neighbours' topics", `{"topics": "t", ` + schema + `}`, "topics: unknown field, did you mean topic?"},
		{"mechanism", `{"brokers": "a:1", "topic": "t", ` + schema + `,
			"sasl": {"mechanism": "GSSAPI", "username": "u", "password": "p"}}`,
			`sasl.mechanism: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, got "GSSAPI"`},
		{"login at the embedded broker", `{"topic": "t", ` + schema + `,
			"sasl": {"mechanism": "PLAIN", "username": "u", "password": "p"}}`,
			"sasl: the embedded broker has no users; name brokers, or leave it"},
		{"encryption at the embedded broker", `{"topic": "t", ` + schema + `, "tls": true}`,
			"tls: the embedded broker does not encrypt; name brokers, or leave it"},
		{"half a pair", `{"brokers": "a:1", "topic": "t", ` + schema + `, "tls": {"cert_file": "x"}}`,
			"tls.cert_file: cert_file and key_file go together"},
		{"tls", `{"brokers": "a:1", "topic": "t", ` + schema + `, "tls": "maybe"}`,
			`tls: want true, false or a map, got "maybe"`},
		{"data loss", `{"topic": "t", ` + schema + `, "on_data_loss": "ignore"}`,
			`on_data_loss: want stop or continue, got "ignore"`},
		{"tombstones", `{"topic": "t", ` + schema + `, "tombstones": "skip"}`,
			`tombstones: want rows, ignore or dead_letters, got "skip"`},
	}
	for _, tt := range tests {
		if got := firstProblem(redpanda.Source.Describe([]byte(tt.config), nil).Problems); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestSinkConfigIsCheckedAgainstItsColumns(t *testing.T) {
	var s sdk.Schema
	sdk.Decode([]byte(`{"client_id": "string", "amount": "float64", "note": "string"}`), &s)
	tests := []struct{ name, config, want string }{
		{"the main job's", `{"topic": "t"}`, ""},
		{"everything", `{"brokers": "a:1", "topic": "t", "partitions": 3, "key": "client_id",
			"headers": {"h": "note"}, "format": "csv", "compression": "zstd", "tls": {"skip_verify": true}}`, ""},
		{"several topics", `{"topic": ["t", "u"]}`, "topic: want a string, got a list"},
		{"partitions", `{"topic": "t", "partitions": -1}`, "partitions: want 0 to 10000, got -1"},
		{"a million partitions", `{"topic": "t", "partitions": 1000000}`, "partitions: want 0 to 10000, got 1000000"},
		{"compression", `{"topic": "t", "compression": "brotli"}`,
			`compression: want none, snappy, lz4, zstd or gzip, got "brotli"`},
		{"key", `{"topic": "t", "key": "clientid"}`, `key: no column named "clientid", did you mean client_id?`},
		{"key of a type", `{"topic": "t", "key": "amount"}`,
			"key: want a column of strings, bytes, whole numbers or bools, amount is float64"},
		{"header", `{"topic": "t", "headers": {"h": "notes"}}`,
			`headers.h: no column named "notes", did you mean note?`},
		{"raw", `{"topic": "t", "format": "raw"}`, "format: raw wants one column of strings or bytes besides key " +
			"and headers, got client_id: string, amount: float64, note: string (use json, or select the column)"},
		{"a key of the other direction", `{"topic": "t", "start": "latest"}`,
			"start: unknown field (have brokers, tls, sasl, topic, partitions, key, headers, format, " +
				"compression, keep_metadata, transaction_timeout)"},
		{"the engine's topic", `{"topic": "_engine.epochs"}`, "topic: _engine.epochs is the engine's own topic, " +
			"in which it notes what was published (choose another name)"},
		{"the broker's topic", `{"topic": "__consumer_offsets"}`, "topic: __consumer_offsets belongs to the " +
			"broker, " +
			"which keeps its own records in it (choose another name)"},
		{"a topic that begins alike", `{"topic": "_engine.epochs2"}`, ""},
		{"no timeout", `{"topic": "t", "transaction_timeout": "0s"}`,
			"transaction_timeout: want 1s to 24h0m0s, got 0s"},
	}
	for _, tt := range tests {
		problems := redpanda.Sink.Describe([]byte(tt.config), nil).Problems
		if len(problems) == 0 {
			_, problems = sdktest.Plan(redpanda.Sink, []byte(tt.config), s.Arrow())
		}
		if firstProblem(problems) != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, firstProblem(problems), tt.want)
		}
	}
}

func TestReaderAndWriterOfATopicNameTheSameResource(t *testing.T) {
	out := redpanda.Sink.Describe([]byte(`{"brokers": ["b:2", "a:1"], "topic": "t"}`), nil).Resources
	in := redpanda.Source.Describe([]byte(`{"brokers": "a:1, b:2", "topic": ["s", "t"], "format": "raw"}`), nil).Resources
	if !slices.Equal(out, []string{"topic://a:1,b:2/t"}) || !slices.Contains(in, out[0]) || len(in) != 2 {
		t.Errorf("got %v and %v", out, in)
	}
	embedded := redpanda.Sink.Describe([]byte(`{"brokers": "", "topic": "t"}`), nil).Resources
	if !slices.Equal(embedded, []string{"topic://embedded/t"}) {
		t.Errorf("embedded: got %v", embedded)
	}
	if needs := redpanda.Sink.Describe([]byte(`{"brokers": "a:1", "topic": "t"}`), nil).Needs; len(needs) != 0 {
		t.Errorf("with brokers: needs %v", needs)
	}
}

func TestPasswordIsNotPrinted(t *testing.T) {
	for _, f := range redpanda.Source.Fields {
		if f.Name == "sasl" && f.Fields[2].Type != "secret" {
			t.Errorf("password: documented as %s, want a secret", f.Fields[2].Type)
		}
	}
}
