package ticketgenerator

import (
	"testing"

	"etlengine/plugins/sdk/sdktest"
)

func TestContract(t *testing.T) {
	for name, config := range map[string]string{
		"with a seed": busy,
		"with a drawn seed and a span that ends now": `{"count": 10000, "span": "1h", "disorder": "5s"}`,
	} {
		t.Run(name, func(t *testing.T) {
			sdktest.Source(t, Source, config, sdktest.Options{
				Blocked: `{"rate": 0.001}`,
			})
		})
	}
}

func TestLimitEndsAnEndlessGenerator(t *testing.T) {
	env, limit := testEnv(1, nil), int64(5000)
	env.Bounds.Records = &limit
	s := openSource(t, `{"seed": 1}`, env)
	if got := s.Lag(); got != 5000 {
		t.Errorf("lag before the first ticket: got %d, want the limit", got)
	}
	got, ended := batches(t, s, 10)
	if n := len(got); !ended || n != 2 || got[0].NumRows()+got[1].NumRows() != 5000 {
		t.Errorf("limited to 5000: got %d batches, ended %v", n, ended)
	}
	if got := s.Lag(); got != 0 {
		t.Errorf("lag at the limit: got %d", got)
	}
}
