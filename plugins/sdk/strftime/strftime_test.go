package strftime

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is a value as a time, its offset taken in.
func at(v Value) string {
	return time.UnixMicro(v.Days*secondsPerDay*microsPerSecond + v.Micros - v.Offset).UTC().
		Format("2006-01-02T15:04:05.999999Z")
}

func TestTextIsReadByItsPattern(t *testing.T) {
	tests := []struct{ pattern, text, want string }{
		{"%d/%m/%Y", "31/01/2026", "2026-01-31T00:00:00Z"},
		{"%d/%m/%Y", "1/2/2026", "2026-02-01T00:00:00Z"},
		{"%d/%m/%Y %H:%M:%S", "31/01/2026 23:59:58", "2026-01-31T23:59:58Z"},
		{"%Y%m%d%H%M%S", "20260131235958", "2026-01-31T23:59:58Z"},
		{"%F %T.%f", "2026-01-31 01:02:03.123456789", "2026-01-31T01:02:03.123456Z"},
		{"%FT%T%z", "2026-01-31T01:02:03+02:00", "2026-01-30T23:02:03Z"},
		{"%F %R %z", "2026-01-31 01:02 -0130", "2026-01-31T02:32:00Z"},
		{"%F %R%z", "2026-01-31 01:02Z", "2026-01-31T01:02:00Z"},
		{"%F %R%z", "2026-01-31 01:02+05", "2026-01-30T20:02:00Z"},
		{"%b %e, %Y %I:%M %p", "Jan  3, 2026 12:05 am", "2026-01-03T00:05:00Z"},
		{"%B %-d %Y %l%p", "september 3 2026 12PM", "2026-09-03T12:00:00Z"},
		{"%a, %d %h %Y %T %z", "Sat, 31 jan 2026 10:11:12 +0000", "2026-01-31T10:11:12Z"},
		{"%A %D", "sunday 02/01/26", "2026-02-01T00:00:00Z"},
		{"%d.%m.%y", "01.02.69", "1969-02-01T00:00:00Z"},
		{"%d.%m.%y", "01.02.68", "2068-02-01T00:00:00Z"},
		{"%Y-%j", "2024-366", "2024-12-31T00:00:00Z"},
		{"%s", "-1", "1969-12-31T23:59:59Z"},
		{"@%s.%f", "@1700000000.5", "2023-11-14T22:13:20.5Z"},
		{"100%% %Y%t%m%n%d", "100% 2026\t01\n31", "2026-01-31T00:00:00Z"},
		{"%d/%m/%Y", "29/02/2024", "2024-02-29T00:00:00Z"},
		{"%d/%m/%Y", "01/01/0001", "0001-01-01T00:00:00Z"},
		{"%H:%M", "23:59", "1970-01-01T23:59:00Z"},
	}
	for _, tt := range tests {
		l, err := New(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if v, ok := l.Read([]byte(tt.text)); !ok || at(v) != tt.want {
			t.Errorf("%s of %q: got %s %t, want %s", tt.pattern, tt.text, at(v), ok, tt.want)
		}
	}
}

func TestTextOfAnotherPatternIsRefused(t *testing.T) {
	tests := map[string][]string{
		"%d/%m/%Y": {"", "31/01/26", "32/01/2026", "30/02/2026", "29/02/2026",
			"00/01/2026", "1/13/2026", "31-01-2026",
			"31/01/2026 ", " /01/2026", "31/01/20260", "+1/01/2026", "31/01/-026"},
		"%F %T":    {"2026-01-31 24:00:00", "2026-01-31 10:60:00", "2026-01-31 10:00:60", "2026-01-31"},
		"%Y-%j":    {"2026-366", "2026-0", "2026-367"},
		"%F %I %p": {"2026-01-31 0 am", "2026-01-31 13 am", "2026-01-31 10 xm", "2026-01-31 10 a"},
		"%b %d %Y": {"Jänner 1 2026", "Ja 1 2026", ""},
		"%F %R%z": {"2026-01-31 01:02", "2026-01-31 01:02+2", "2026-01-31 01:02+2:00", "2026-01-31 01:02+0260",
			"2026-01-31 01:02+02:", "2026-01-31 01:02+02:0"},
		"%F %T.%f": {"2026-01-31 01:02:03.", "2026-01-31 01:02:03.1234567890", "2026-01-31 01:02:03"},
		"%s":       {"", "-", "1.5", "1234567890123"},
		"%a %F":    {"Xyz 2026-01-31"},
	}
	for pattern, texts := range tests {
		l, err := New(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, text := range texts {
			if v, ok := l.Read([]byte(text)); ok {
				t.Errorf("%s of %q: got %s, want it refused", pattern, text, at(v))
			}
		}
	}
}

func TestPatternsThatSayTooLittleOrTooMuchAreRefused(t *testing.T) {
	tests := map[string]string{
		"%d/%m":      "want the whole of a date",
		"%Y":         "want the whole of a date",
		"dd/MM/yyyy": "want a date or a time, such as %d/%m/%Y",
		"":           "want a date or a time",
		"%d/%m/%Y %": "want a directive after the last %",
		"%d/%m/%Q":   "no directive %Q (have %Y %y",
		"%d/%d/%Y":   "%d says what was said before",
		"%d/%e/%Y":   "%e says what was said before",
		"%F %Z":      "%Z is not read",
		"%F %I:%M":   "want %I and %p together",
		"%F %H %p":   "want %H, or %I with %p",
		"%F %M":      "want hours with minutes",
		"%F %H %S":   "want hours with minutes",
		"%F %H.%f":   "want %S before %f",
		"%F %s":      "want %s alone",
		"%F %j":      "want %j or month and day",
		"%F %y":      "want one of %Y and %y",
		"%F %b":      "want one of %m and %b",
		"%H:%M %z":   "want a date with %z",
	}
	for pattern, want := range tests {
		if _, err := New(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", pattern, err, want)
		}
	}
}

// FuzzLayout holds what is read against time.Parse for the patterns that both
// know, and wants no panic for any other.
func FuzzLayout(f *testing.F) {
	f.Add("%d/%m/%Y %H:%M", "31/01/2026 23:59", int64(1_700_000_000))
	f.Add("%b %e %Y %I:%M:%S %p", "Jan  3 2026 1:2:3 PM", int64(-1))
	f.Add("%Y-%jT%T.%f%z", "2026-366T00:00:00.1+01:00", int64(1<<32))
	f.Add("%s%", "%%%-", int64(0))
	f.Fuzz(func(t *testing.T, pattern, text string, unix int64) {
		if l, err := New(pattern); err == nil {
			l.Read([]byte(text))
		}
		when := time.Unix(unix%(1<<37), 0).UTC()
		if when.Year() < 1 || when.Year() > 9999 {
			return
		}
		for pattern, layout := range map[string]string{"%d/%m/%Y %T": "02/01/2006 15:04:05",
			"%A %B %d %Y %I:%M:%S %p": "Monday January 02 2006 03:04:05 PM", "%Y-%j %T%z": "2006-002 15:04:05-07:00",
			"%a %b %e %T %Y": time.ANSIC} {
			l, err := New(pattern)
			if err != nil {
				t.Fatal(err)
			}
			v, ok := l.Read([]byte(when.Format(layout)))
			if want := when.Format("2006-01-02T15:04:05.999999Z"); !ok || at(v) != want {
				t.Fatalf("%s of %s: got %s, want %s", pattern, when.Format(layout), at(v), want)
			}
		}
	})
}

func ExampleLayout() {
	l, _ := New("%d/%m/%Y %H:%M")
	v, ok := l.Read([]byte("31/01/2026 18:30"))
	fmt.Println(v.Days, v.Micros/1e6, ok)
	// Output: 20484 66600 true
}
