package cli

import (
	"testing"
	"time"
)

func TestSignalsOfOneSecondAreOneRequest(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		after           time.Duration
		first, repeated bool
	}{
		{0, true, false},
		{0, false, false}, // to the process and to its group
		{time.Millisecond, false, false},
		{time.Second, false, false},
		{time.Second + time.Millisecond, false, true},
		{time.Minute, false, true},
	}
	var i interrupts
	for _, test := range tests {
		first, repeated := i.count(start.Add(test.after))
		if first != test.first || repeated != test.repeated {
			t.Errorf("after %s: got first %t, repeated %t, want %t, %t", test.after, first, repeated,
				test.first, test.repeated)
		}
	}
}
