package ticketgenerator

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestSequenceOfASeedIsFixed holds users' recorded results to their seeds: if
// it fails, the same seed no longer gives the same tickets.
func TestSequenceOfASeedIsFixed(t *testing.T) {
	var text strings.Builder
	sum := fnv.New64a()
	for i, one := range allTickets(t, openSource(t, busy, testEnv(1, nil))) {
		at := "null"
		if one.at >= 0 {
			at = time.UnixMicro(one.at).UTC().Format(time.RFC3339Nano)
		}
		line := fmt.Sprintf("%s %s %s %s %s %q\n", one.id, one.client, at, one.kind, one.priority, one.text)
		sum.Write([]byte(line))
		if i < 30 {
			text.WriteString(line)
		}
	}
	got := fmt.Sprintf("# %s\n%ssum of all 10000: %x\n",
		strings.Join(strings.Fields(busy), " "), text.String(), sum.Sum64())
	path := filepath.Join("testdata", "seed7.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("seed 7 gives other tickets than before:\ngot\n%s\nwant\n%s", got, want)
	}
}

func TestTicketsAreWellFormed(t *testing.T) {
	id, client := regexp.MustCompile(`^[A-Z0-9]{8}$`), regexp.MustCompile(`^C\d+$`)
	ids, clients := map[string]bool{}, map[string]bool{}
	quotes, commas, accents, newlines := 0, 0, 0, 0
	const n = 200_000
	config := fmt.Sprintf(`{"count": %d, "clients": 50, "seed": 3}`, n)
	for i, one := range allTickets(t, openSource(t, config, testEnv(1, nil))) {
		if !id.MatchString(one.id) || !client.MatchString(one.client) || one.text == "" || one.at < 0 {
			t.Fatalf("ticket %d: got %+v", i, one)
		}
		if !utf8.ValidString(one.text) {
			t.Fatalf("ticket %d: %q is not UTF-8", i, one.text)
		}
		ids[one.id], clients[one.client] = true, true
		count := func(n *int, yes bool) {
			if yes {
				*n++
			}
		}
		count(&quotes, strings.Contains(one.text, `"`))
		count(&commas, strings.Contains(one.text, ","))
		count(&newlines, strings.Contains(one.text, "\n"))
		count(&accents, strings.ContainsFunc(one.text, func(r rune) bool { return r > 127 }))
	}
	if len(ids) != n || len(clients) != 50 {
		t.Errorf("got %d ids and %d clients, want %d and 50", len(ids), len(clients), n)
	}
	for name, share := range map[string]int{"quotes": quotes, "commas": commas, "accents": accents} {
		if share < n/20 {
			t.Errorf("%s are in %d of %d requests, want some", name, share, n)
		}
	}
	if newlines < n/100 || newlines > n/5 {
		t.Errorf("newlines are in %d of %d requests, want now and then", newlines, n)
	}
}

func TestWeightsAreKept(t *testing.T) {
	const n = 100_000
	got := map[string]int{}
	config := fmt.Sprintf(`{"count": %d, "seed": 5, "types": {"billing": 3, "refund": 1, "none": 0},
		"priorites": {"low": 0.9, "p1": 0.1}}`, n)
	for _, one := range allTickets(t, openSource(t, config, testEnv(1, nil))) {
		got[one.kind]++
		got[one.kind+" "+one.priority]++
	}
	for name, want := range map[string]int{"billing": 75_000, "refund": 25_000, "none": 0,
		"billing p1": 7_500, "refund p1": 2_500} {
		if off := got[name] - want; off < -n/200 || off > n/200 || want == 0 && off != 0 {
			t.Errorf("%s: got %d of %d, want about %d", name, got[name], n, want)
		}
	}
}

func TestMalformedTicketsHaveNoTime(t *testing.T) {
	config := `{"count": 20000, "seed": 5, "start": "2026-01-01", "span": "1h", "malformed_ratio": 0.1}`
	holes, noClient, noText, ids := 0, 0, 0, map[string]bool{}
	for i, one := range allTickets(t, openSource(t, config, testEnv(1, nil))) {
		ids[one.id] = true
		if one.at >= 0 {
			if one.client == "" || one.text == "" {
				t.Fatalf("ticket %d has a time and lacks something else: %+v", i, one)
			}
			continue
		}
		holes++
		if one.client == "" {
			noClient++
		}
		if one.text == "" {
			noText++
		}
	}
	if holes < 1800 || holes > 2200 || noClient < 400 || noText < 400 || noClient > 600 || noText > 600 {
		t.Errorf("of 20000: %d without time, %d of them without client, %d without text; want 2000, 500, 500",
			holes, noClient, noText)
	}
	if len(ids) != 20000 {
		t.Errorf("got %d ids, want every ticket to keep its own", len(ids))
	}
}

func TestNullCountsMatchTheBitmaps(t *testing.T) {
	s := openSource(t, `{"count": 5000, "malformed_ratio": 1, "seed": 1}`, testEnv(1, nil))
	got, _ := batches(t, s, 1<<30)
	for _, b := range got {
		for i, column := range b.Rows.Columns() {
			nulls := 0
			for row := range column.Len() {
				if column.IsNull(row) {
					nulls++
				}
			}
			if nulls != column.NullN() {
				t.Errorf("column %d says %d nulls and has %d", i, column.NullN(), nulls)
			}
		}
	}
}
