package redpanda_test

import (
	"testing"

	"etlengine/plugins/sdk"
)

func TestPositionsFromAnotherAddressMustProveTheirTopic(t *testing.T) {
	w := newWorld(t, 2)
	w.put(0, `{"n":"a"}`, `{"n":"b"}`)
	in := w.open(`{}`, nil)
	in.drain()
	w.put(0, `{"n":"c"}`)
	w.put(1, `{"n":"d"}`)
	w.adjust = func(env *sdk.Env) { env.Was = []string{"topic://elsewhere:9092/" + w.topic} }
	again := w.open(`{}`, in.at)
	again.drain()
	again.want(0, "c")
	again.want(1, "d")

	const of = "the cluster elsewhere:9092"
	other := map[string][]byte{w.topic + "/0": []byte(
		`{"offset":1,"epoch":0,"topic_id":"00000000000000000000000000000001"}`)}
	_, err := w.tryOpen(`{"on_data_loss": "continue"}`, other)
	wantError(t, "another topic", err, of, "the topic there has the id "+
		"00000000000000000000000000000001", "undo the change")
	_, err = w.tryOpen(`{}`, map[string][]byte{w.topic + "/0": []byte(`{"offset":1,"epoch":0}`)})
	wantError(t, "without an id", err, of, "nothing shows that the topic here is the same")
	none := w.open(`{}`, map[string][]byte{w.topic + "/0": []byte(`{"offset":0,"epoch":0}`)})
	none.drain()
	none.want(0, "a", "b", "c")
}
