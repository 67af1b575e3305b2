package columns_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/kit/columns"
)

func TestTimestampsAreRead(t *testing.T) {
	var clock columns.Clock
	for text, want := range map[string]string{
		"2026-02-28T23:59:59Z":                      "2026-02-28T23:59:59Z",
		"2026-02-28 23:59:59z":                      "2026-02-28T23:59:59Z",
		"2026-02-28t23:59:59.5+00:00":               "2026-02-28T23:59:59.500Z",
		"2024-02-29T00:00:00.123456789-12:34":       "2024-02-29T12:34:00.123456Z",
		"0000-01-01T00:00:00Z":                      "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":               "9999-12-31T23:59:59.999999Z",
		"1969-12-31T23:59:59.999Z":                  "1969-12-31T23:59:59.999Z",
		"2026-01-01T00:00:00.00000000000000000001Z": "2026-01-01T00:00:00Z",
	} {
		for range 2 { // the second time the minute is known
			micros, ok := clock.Parse([]byte(text))
			if got := string(clock.Append(nil, micros)); !ok || got != want {
				t.Errorf("%s: got %s, %v, want %s", text, got, ok, want)
			}
		}
	}
}

func TestOtherTextIsNoTimestamp(t *testing.T) {
	var clock columns.Clock
	if _, ok := clock.Parse([]byte("2026-02-28T23:59:59Z")); !ok {
		t.Fatal("want a first one")
	}
	for _, text := range []string{"", "2026-02-28", "2026-02-28T23:59:59", "2026-02-28T23:59Z",
		"2026-02-28T23:59:60Z",
		"2026-02-28T23:59:5xZ", "2026-02-28T23:59.59Z", "2026-02-28T23:59:59.Z", "2026-02-28T23:59:59,5Z",
		"2026-02-28T23:59:59.5", "2026-02-28T23:59:59+0100", "2026-02-28T23:59:59+01:60",
		"2026-02-28T23:59:59+24:00",
		"2026-02-28T23:59:59+01:00x", "2026-02-28T23:59:59ZZ", "2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
		"2026/01/01T00:00:00Z", "2026-01-01_00:00:00Z", "２026-01-01T00:00:00Z", "+026-01-01T00:00:00Z",
		"2026-1-01T00:00:00.0Z", "2026-02-28T23:59:59é", "2026-02-28T23:59:59:00Z"} {
		if micros, ok := clock.Parse([]byte(text)); ok {
			t.Errorf("%q: got %s", text, clock.Append(nil, micros))
		}
	}
}

// TestNewClockKnowsNoMinute: the zero bytes of its buffer are no minute that it has
// read.
func TestNewClockKnowsNoMinute(t *testing.T) {
	var clock columns.Clock
	text := string(make([]byte, 16)) + ":00Z"
	if micros, ok := clock.Parse([]byte(text)); ok {
		t.Errorf("%q: got %s", text, clock.Append(nil, micros))
	}
}

func TestTimestampsAreWrittenAsTimeDoes(t *testing.T) {
	var clock columns.Clock
	random := rand.New(rand.NewPCG(3, 4))
	micros := int64(-30_000_000)
	for range 20_000 {
		micros += random.Int64N(10_000_000) - 4_000_000
		if random.IntN(3) == 0 {
			micros = random.Int64N(253_402_300_800_000_000+62_167_219_200_000_000) - 62_167_219_200_000_000
		}
		layout := "2006-01-02T15:04:05.000000Z"
		switch random.IntN(3) {
		case 0:
			micros, layout = micros/1_000_000*1_000_000, "2006-01-02T15:04:05Z"
		case 1:
			micros, layout = micros/1_000*1_000, "2006-01-02T15:04:05.000Z"
		}
		want := time.UnixMicro(micros).UTC().Format(layout)
		want = strings.Replace(strings.Replace(want, ".000000Z", "Z", 1), ".000Z", "Z", 1)
		got := string(clock.Append(nil, micros))
		if got != want && !(strings.HasSuffix(layout, "000000Z") && micros%1000 == 0) {
			t.Fatalf("%d: got %s, want %s", micros, got, want)
		}
		if back, ok := clock.Parse([]byte(got)); !ok || back != micros {
			t.Fatalf("%s: read back as %d, %v, want %d", got, back, ok, micros)
		}
	}
	if got := string(clock.Append(nil, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())); got !=
		"12026-01-01T00:00:00Z" {
		t.Errorf("a year of five digits: got %s", got)
	}
}

func TestDatesAndTimesAreRead(t *testing.T) {
	for _, text := range []string{"1970-01-01", "1969-12-31", "2024-02-29", "0000-01-01", "9999-12-31"} {
		days, ok := columns.ParseDate([]byte(text))
		if got := string(columns.AppendDate(nil, days)); !ok || got != text {
			t.Errorf("%s: got %s, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "2026-02-29", "2026-2-1", "2026-02-01 ", "2026-02-0x"} {
		if days, ok := columns.ParseDate([]byte(text)); ok {
			t.Errorf("%q: got %d", text, days)
		}
	}
	for text, want := range map[string]string{"00:00:00": "00:00:00", "23:59:59.999999": "23:59:59.999999",
		"12:00:00.5": "12:00:00.500", "01:02:03.1234567": "01:02:03.123456"} {
		micros, ok := columns.ParseTime([]byte(text))
		if got := string(columns.AppendTime(nil, micros)); !ok || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "24:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.",
		"12:00:00,5", "12:00:00.5x",
		"1:00:00", "12:00:00Z"} {
		if micros, ok := columns.ParseTime([]byte(text)); ok {
			t.Errorf("%q: got %d", text, micros)
		}
	}
}

var rfc3339 = regexp.MustCompile(
	`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzClock holds the parser against time.Parse, which takes more than RFC 3339
// has.
func FuzzClock(f *testing.F) {
	f.Add("2026-01-01T00:00:00Z", "2026-01-01T00:00:59.5+01:00")
	f.Add("2026-02-29T00:00:00Z", "2026-02-28T00:00:00Z")
	f.Add(string(make([]byte, 16))+":00Z", "")
	f.Fuzz(func(t *testing.T, first, second string) {
		var clock columns.Clock
		for _, text := range []string{first, second, first} {
			micros, ok := clock.Parse([]byte(text))
			want, err := time.Parse(time.RFC3339, strings.ToUpper(strings.Replace(text, " ", "T", 1)))
			if wanted := err == nil && rfc3339.MatchString(text); ok != wanted || ok && micros != want.UnixMicro() {
				t.Fatalf("%q: got %d, %v, time.Parse has %v, %v", text, micros, ok, want, err)
			}
		}
	})
}
