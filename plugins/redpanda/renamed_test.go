package redpanda_test

import (
	"testing"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

func TestInputsAreTheSameWhileTheyShareATopic(t *testing.T) {
	tests := []struct {
		was, is  []string
		in, sink bool
	}{
		{[]string{"topic://a:1/t"}, []string{"topic://a:1/t"}, true, true},
		{[]string{"topic://a:1/t"}, []string{"topic://b:2/t"}, true, true},
		{[]string{"topic://a:1/t"}, []string{"topic://a:1/u"}, false, false},
		{[]string{"topic://a:1/t", "topic://a:1/u"}, []string{"topic://a:1/u", "topic://a:1/v"}, true, false},
		{nil, []string{"topic://a:1/u"}, false, false},
	}
	for _, tt := range tests {
		if got := redpanda.Source.Renamed(tt.was, tt.is); got != tt.in {
			t.Errorf("input %v to %v: got %v", tt.was, tt.is, got)
		}
		if got := redpanda.Sink.Renamed(tt.was, tt.is); got != tt.sink {
			t.Errorf("output %v to %v: got %v", tt.was, tt.is, got)
		}
	}
}

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
