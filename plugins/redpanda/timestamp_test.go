package redpanda

import (
	"math"
	"testing"
	"time"
)

// A producer may give a record any number of milliseconds.
func TestTimestampsOfNoYearAreRefused(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "", 253_402_300_799_999: "",
		253_402_300_800_000:    "_timestamp: want one of the years 1 to 9999, got 253402300800000 ms since 1970",
		math.MaxInt64/1000 + 1: "_timestamp: want one of the years 1 to 9999, got 9223372036854776 ms since 1970",
	} {
		got := ""
		if err := checkTimestamp(time.UnixMilli(ms)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d: got %q, want %q", ms, got, want)
		}
	}
}
