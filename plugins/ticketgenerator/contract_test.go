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
