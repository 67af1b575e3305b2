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

// TestLongNamesLeaveTheCountsInTheLine of a narrow terminal, which would show nothing
// but the names.
func TestLongNamesLeaveTheCountsInTheLine(t *testing.T) {
	p := &progress{before: map[string]sample{}}
	one := stream.Progress{Pipeline: "a_rather_long_name_of_a_pipeline", Rows: 1234, Lag: -1}
	line := []rune(p.line(one, shortened(one.Pipeline, 60-countsWidth), time.Now()))
	if text := string(line[:min(len(line), 59)]); !strings.HasPrefix(text, "a_rather_long_name_of") ||
		!strings.Contains(text, "1,234 rows") || !strings.HasSuffix(text, "rows/s") {
		t.Errorf("got %q, want a shorter name, rows and rate in 59 columns", text)
	}
	if got := shortened("tickets", 3); got != "tickets" {
		t.Errorf("a short name became %q", got)
	}
}
