package cli

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"etlengine/engine/internal/stream"
)

// TestProgressIsLoggedNowAndThen where no terminal shows it, in virtual time.
func TestProgressIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		rows := int64(0)
		p := startLogging(slog.New(slog.NewTextHandler(&text, nil)), func() []stream.Progress {
			rows += 3000
			return []stream.Progress{{Pipeline: "tickets", Rows: rows, Lag: -1}}
		})
		time.Sleep(2*logEvery + time.Second)
		p.stop()
		if n := strings.Count(text.String(), "progress: tickets"); n != 2 {
			t.Errorf("got %d lines, want 2:\n%s", n, text.String())
		}
		if !strings.Contains(text.String(), "6,000 rows") {
			t.Errorf("got %s, want the rows", text.String())
		}
	})
}
