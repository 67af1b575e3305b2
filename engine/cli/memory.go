package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	mostGrowth  = 400      // percent of the live heap that it grows by before it is collected
	leastGrowth = 100      // the same where the live heap is large
	headroom    = 48 << 20 // bytes that are enough to grow by: more makes a stream no faster
	memoryShare = 0.75     // of what the container or the machine has; the rest is for the file system's cache
)

// tuneMemory sets the collector for streams, unless GOGC and GOMEMLIMIT say
// otherwise. A limit that cannot be found is none.
func (a *app) tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(mostGrowth)
		tuneCollector(mostGrowth)
	}
	available := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)
	if _, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(available)); err != nil {
		a.log().Debug("finding the memory limit", "error", err)
	}
}

// growth is by how many percent a live heap may grow before it is collected.
func growth(live uint64) int {
	return int(min(max(100*headroom/max(live, 1), leastGrowth), mostGrowth))
}

// tuneCollector sets anew behind each collection when the next one is to be. It
// is called by the collector, by way of an object that nobody holds.
func tuneCollector(percent int) {
	runtime.AddCleanup(new(sentinel), func(before int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		// Setting it stops the world for a moment: not for a small difference.
		now := growth(live[0].Value.Uint64())
		if 10*now < 9*before || 9*now > 10*before {
			debug.SetGCPercent(now)
			before = now
		}
		tuneCollector(before)
	}, percent)
}

// sentinel is large enough to be allocated by itself, so that it dies alone.
type sentinel [64]byte
