package benthos

import (
	"regexp"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// ours are plugins of this engine that do what components beyond Benthos's core do.
var ours = map[string]string{
	"kafka": "redpanda", "kafka_franz": "redpanda", "redpanda": "redpanda", "redpanda_common": "redpanda",
	"ockam_kafka": "redpanda", "redpanda_migrator": "redpanda", "kafka_migrator": "redpanda",
	"parquet": "parquet", "parquet_encode": "parquet", "parquet_decode": "parquet",
}

// beyond are the beginnings of names that Redpanda Connect adds to the core.
var beyond = []string{"a2a_", "amqp", "avro", "awk", "aws_", "azure_", "beanstalkd", "cassandra", "cockroachdb",
	"cohere_", "couchbase", "cypher", "discord", "elasticsearch", "gcp_", "git", "hdfs", "iceberg", "influxdb",
	"javascript", "kafka", "memcached", "mongodb", "mqtt", "msgpack", "mysql_", "nanomsg", "nats", "nsq",
	"ockam", "ollama_", "openai_", "opensearch", "parquet", "pinecone", "postgres", "protobuf", "pulsar",
	"pusher", "qdrant", "questdb", "redis", "redpanda", "ristretto", "schema_registry", "sentry", "sftp",
	"slack", "snowflake", "spicedb", "splunk", "sql", "timeplus", "twitter", "wasm", "xml", "zmq4"}

// elsewhere names who has a component that Benthos's core has not, or is "".
func elsewhere(name string) string {
	if plugin := ours[name]; plugin != "" {
		return "this engine has the plugin " + plugin + " for it, under pipelines; " +
			"Benthos's " + name + " comes with Redpanda Connect (rpk connect run)"
	}
	at := slices.IndexFunc(beyond, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	if at < 0 {
		return ""
	}
	return name + " comes with Redpanda Connect (rpk connect run), not with Benthos's core (pure and io)"
}

// missingName is the name that a linter does not know.
func missingName(what string) string {
	if m := missing.FindStringSubmatch(what); m != nil {
		return m[1]
	}
	return ""
}

var missing = regexp.MustCompile(`(?:unable to infer component type|component type.*):? ?([a-z0-9_]+)$`)

// whoHas is the hint for a component that a linter does not know.
func (c *Components) whoHas(typ, what string) string {
	return whoHas(c.env, typ, what)
}

func whoHas(env *service.Environment, typ, what string) string {
	name := missingName(what)
	if name == "" {
		return ""
	}
	var names []string
	add := func(name string, _ *service.ConfigView) { names = append(names, name) }
	walks := map[string]func(func(string, *service.ConfigView)){"input": env.WalkInputs,
		"processor": env.WalkProcessors, "output": env.WalkOutputs, "cache": env.WalkCaches,
		"rate_limit": env.WalkRateLimits, "buffer": env.WalkBuffers, "scanner": env.WalkScanners}
	for kind, each := range walks {
		if typ == "" || typ == kind {
			each(add)
		}
	}
	if near := sdk.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	if where := elsewhere(name); where != "" {
		return where
	}
	return name + " is not in Benthos's core (pure and io); Redpanda Connect has many more (rpk connect list)"
}
