package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func scanned(t *testing.T, lines string) *block {
	t.Helper()
	var s scanner
	b := &block{}
	if err := s.scan([]byte(lines), b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestScannerReadsWhatEncodingJSONReads(t *testing.T) {
	lines := []string{
		`{"ticket_id":"A","client_id":"C","created_at":"2026-01-01T00:00:01.250Z",` +
			`"demande":"x","type":"t","priorite":"p","duration_ms":7}`,
		`{"ticket_id":"B","client_id":"","created_at":"2026-01-01T00:01:00Z",` +
			`"demande":"say \"é\\\n\u00e9","type":"t","priorite":"p","duration_ms":-12}`,
		`{"duration_ms":3,"ticket_id":"D","created_at":"2025-12-31T23:59:59.999999Z","client_id":"C",` +
			`"type":"t","demande":"","priorite":"q"}`,
	}
	b := scanned(t, strings.Join(lines, "\n")+"\n")
	for i, line := range lines {
		var want struct {
			TicketID  string    `json:"ticket_id"`
			CreatedAt time.Time `json:"created_at"`
			Demande   string    `json:"demande"`
			Priorite  string    `json:"priorite"`
			Duration  int64     `json:"duration_ms"`
		}
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%s %d %s %s %d", b.texts[ticketID][i], b.at[i], b.texts[demande][i],
			b.texts[priorite][i], b.numbers[i])
		wanted := fmt.Sprintf("%s %d %s %s %d", want.TicketID, want.CreatedAt.UnixMicro(), want.Demande,
			want.Priorite, want.Duration)
		if got != wanted {
			t.Errorf("%s:\ngot  %s\nwant %s", line, got, wanted)
		}
	}
}

func TestScannerRefusesWhatIsNoTicket(t *testing.T) {
	for _, line := range []string{`{}`, `{"ticket_id":"A"}`, `[]`, `{"other":1}`, `{"ticket_id":"A`} {
		var s scanner
		if err := s.scan([]byte(line+"\n"), &block{}); err == nil {
			t.Errorf("%s: got no error", line)
		}
	}
}

func TestChunksHaveEveryLineOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	var text strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", i%97))
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var got strings.Builder
	buffer := make([]byte, 0, chunkBytes+64<<10)
	for nth := int64(0); ; nth++ {
		lines, err := chunk(f, nth, buffer)
		if err != nil {
			t.Fatal(err)
		}
		if lines == nil {
			break
		}
		got.Write(lines)
	}
	if got.String() != text.String() {
		t.Errorf("got %d bytes in other lines than the %d there are", got.Len(), text.Len())
	}
}

func TestMiddleOfABinIsNearItsValues(t *testing.T) {
	for _, v := range []int64{0, 1, 63, 64, 127, 128, 1000, 65535, 1 << 20, 123_456_789} {
		if off := math.Abs(middleOf(binOf(v))-float64(v)) / math.Max(float64(v), 1); off > 1.0/128 {
			t.Errorf("%d: got a bin around %v, %.2f %% off", v, middleOf(binOf(v)), 100*off)
		}
	}
}
