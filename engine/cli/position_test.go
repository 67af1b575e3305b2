package cli

import (
	"encoding/json"
	"testing"
)

func TestPositionsAreForPeople(t *testing.T) {
	for cursor, want := range map[string]string{
		`{"offset":25011,"epoch":0,"topic_id":"a1c5"}`:                                "offset 25,011",
		`{"v":1,"records":1,"size":65,"modified":1795862811538153524}`:                "1 record",
		`{"v":1,"records":4000,"size":65,"modified":1795862811538153524,"done":true}`: "4,000 records, read to its end",
		`{"index":1000,"done":1000,"newest":1795888030053307}`:                        "1,000 records, newest of 2026-11-28T17:47:10Z",
		`{"page":"x9"}`: `{"page":"x9"}`,
		`"text"`:        `"text"`,
		`7`:             `7`,
	} {
		if got := position(json.RawMessage(cursor)); got != want {
			t.Errorf("%s: got %s, want %s", cursor, got, want)
		}
	}
}
