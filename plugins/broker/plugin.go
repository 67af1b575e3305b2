package broker

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// Config is the broker's part of a file: `broker: {port: 19092}`.
type Config struct {
	Port       *int         `json:"port" doc:"Port on 127.0.0.1. Left out: 19092, or a free one."`
	Partitions int          `json:"partitions" doc:"Partitions of a topic made without saying how many."`
	MaxBytes   sdk.Bytes    `json:"retention_size" alias:"retention_bytes" doc:"Size of a partition; 0: any."`
	MaxAge     sdk.Duration `json:"retention_time" alias:"retention" doc:"Age of a record; 0: any."`
	OnDataLoss string       `json:"on_data_loss" doc:"If acknowledged records are gone at the start: stop or continue."`
	SyncWrites bool         `json:"sync_writes" doc:"Whether records are on the disk before they are acknowledged."`
}

const (
	lossStop     = "stop"
	lossContinue = "continue"
)

// Validate refuses what no broker can do.
func (c *Config) Validate() error {
	if c.Port != nil && (*c.Port < 0 || *c.Port > 65535) {
		return sdk.Fieldf("port", "want 0 to 65535, got %d", *c.Port)
	}
	if c.Partitions < 1 || c.Partitions > 1000 {
		return sdk.Fieldf("partitions", "want 1 to 1000, got %d", c.Partitions)
	}
	if c.OnDataLoss != lossStop && c.OnDataLoss != lossContinue {
		return sdk.Fieldf("on_data_loss", "want %s or %s, got %q", lossStop, lossContinue, c.OnDataLoss)
	}
	if c.MaxAge < 0 {
		return sdk.Fieldf("retention_time", "want 0 or more, got %s", c.MaxAge)
	}
	return nil
}

// Service is the embedded broker; its data lies in <state directory>/broker.
var Service = sdk.Spec[Config]{
	Kind:    sdk.KindService,
	Name:    "broker",
	Summary: "An embedded broker that speaks Kafka's protocol on 127.0.0.1, for pipelines that name none.",
	Example: "broker: {port: 19092, partitions: 4, retention_time: 7d}",
	Defaults: Config{Partitions: 4, MaxAge: sdk.Duration(7 * 24 * time.Hour), SyncWrites: true,
		OnDataLoss: lossStop},
	Open: func(_ context.Context, c *Config, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		b, err := Start(Options{Dir: dirOf(env), Port: c.Port, Partitions: c.Partitions,
			RetentionSize: c.MaxBytes, RetentionTime: c.MaxAge, SyncWrites: c.SyncWrites, Log: env.Log,
			AcceptLoss: c.OnDataLoss == lossContinue})
		if err != nil {
			return nil, err
		}
		return b, nil
	},
}.Plugin()
