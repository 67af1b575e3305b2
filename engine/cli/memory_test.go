package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

func TestGrowthIsBoundedByHeadroom(t *testing.T) {
	tests := []struct {
		name string
		live uint64
		want int
	}{
		{"nothing is live yet", 0, mostGrowth},
		{"little", 5 << 20, mostGrowth},
		{"as much as the headroom allows", 24 << 20, 200},
		{"much", 1 << 30, leastGrowth},
	}
	for _, test := range tests {
		if got := growth(test.live); got != test.want {
			t.Errorf("%s: got %d percent, want %d", test.name, got, test.want)
		}
	}
}

// TestCollectorIsTunedBehindEachCollection, up and down.
func TestCollectorIsTunedBehindEachCollection(t *testing.T) {
	percent := func() int {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return int(sample[0].Value.Uint64())
	}
	before := debug.SetGCPercent(mostGrowth)
	defer debug.SetGCPercent(before)
	tuneCollector(mostGrowth)
	// A cleanup follows its collection in a goroutine of its own: each turn gives
	// it another one to follow.
	comesTo := func(want int) bool {
		for range 1000 {
			if runtime.GC(); percent() == want {
				return true
			}
		}
		return false
	}
	state := make([]byte, 4*headroom)
	if !comesTo(leastGrowth) {
		t.Errorf("with %d MB live: got %d percent, want %d", len(state)>>20, percent(), leastGrowth)
	}
	runtime.KeepAlive(state)
	if !comesTo(mostGrowth) {
		t.Errorf("with next to nothing live: got %d percent, want %d", percent(), mostGrowth)
	}
}
