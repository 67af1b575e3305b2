package redpanda

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

// OpenSourceWith opens a source whose client has more options.
func OpenSourceWith(ctx context.Context, config []byte, env sdk.Env, more ...kgo.Opt) (sdk.Source, error) {
	c := SourceConfig{Format: formatJSON, Start: Start{From: startEarliest}, OnDataLoss: lossStop}
	if faults := sdk.Faults(sdk.Decode(config, &c)); len(faults) > 0 {
		return nil, faults[0]
	}
	s, err := openWith(ctx, &c, env, more...)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// GatherFor is how long records of a slow stream are gathered.
const GatherFor = gatherFor
