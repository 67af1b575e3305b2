package cli

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	collectAt   = 400  // percent of the live heap, which is small in a stream
	memoryShare = 0.75 // of what the container or the machine has; the rest is for the file system's cache
)

// tuneMemory sets the collector for streams, unless GOGC and GOMEMLIMIT say
// otherwise. A limit that cannot be found is none.
func (a *app) tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	available := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)
	if _, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(available)); err != nil {
		a.log().Debug("finding the memory limit", "error", err)
	}
}
