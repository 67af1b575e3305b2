package aggregation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

// A window that began or ended beyond would be written with a time that nobody reads.
func TestTimesAreThoseWhoseWindowsStayInTheYears1To9999(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		every := 1 + sdk.Duration(r.Int64N(int64(400*24*time.Hour)))/1000*1000 + 999
		size := every * sdk.Duration(1+r.IntN(5))
		w := &Window{Hopping: &Hopping{Size: size, Every: every}, Offset: sdk.Duration(r.Int64N(int64(every))) / 1000 * 1000}
		if r.IntN(2) == 0 {
			w.Offset = -w.Offset
		}
		s := w.spec()
		inside := func(at int64) bool {
			last := s.last(at)
			return s.first(at, last) >= minTime && last+s.size <= maxTime
		}
		first, last := w.times()
		if !inside(first) || !inside(last) || first > minTime && inside(first-1) || last < maxTime && inside(last+1) {
			t.Fatalf("%s every %s, offset %s: the times are not from %d to %d", size, every, w.Offset, first, last)
		}
	}
}

func TestRowWhoseWindowEndsInTheYear10000IsRejected(t *testing.T) {
	for _, window := range []string{`{"tumbling": "1h"}`, `{"session": {"gap": "1h"}}`,
		`{"hopping": {"size": "2h", "every": "1h"}}`} {
		h := newHarness(t, fmt.Sprintf(`{"event_time": "at", "watermark": "0s", "window": %s,
			"group_by": ["kind"], "aggregates": {"n": "count()"}}`, window), schemaOf(t, "at timestamp", "kind string"))
		h.partitions("p")
		h.json("p", `{"at": "9999-12-31T23:59:59Z", "kind": "a"}`)
		h.signal(sdk.Signal{Kind: sdk.End})
		if len(h.out.rejects) != 1 || !strings.Contains(h.out.rejects[0].Reason, "windows begin and end in the years 1") ||
			h.out.emitted != 0 {
			t.Errorf("%s: got %d rows and the rejects %v, want one reject", window, h.out.emitted, h.out.rejects)
		}
	}
}
