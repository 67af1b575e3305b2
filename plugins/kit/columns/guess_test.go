package columns_test

import (
	"regexp"
	"strings"
	"testing"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// TestARefusedTimeNamesAFormatThatReadsIt: the format offered is tried on the text.
func TestARefusedTimeNamesAFormatThatReadsIt(t *testing.T) {
	offered := regexp.MustCompile(`; give the column format: '?([^']+)'?`)
	for _, text := range []string{"2026-01-01 08:00:00", "2026-01-01 08:00:00.25", "2026-01-01 08:00:00 +0200",
		"2026-01-01 08:00", "2026-01-01T08:00:00", "2026-01-01T08:00:00.123456", "2026-01-01", "31/01/2026 08:00:00",
		"31/01/2026 08:00", "31/01/2026", "1700000000", "1700000000000", "1700000000000000"} {
		plain := columns.NewBuilder(sdk.Schema{{Key: "at", Value: sdk.Column{Type: "timestamp"}}})
		plain.Columns()[0].SetBad(`"` + text + `"`)
		err := plain.Commit()
		if err == nil {
			t.Fatalf("%s: want an error", text)
		}
		m := offered.FindStringSubmatch(err.Error())
		if m == nil {
			t.Errorf("%s: got %v, want a format", text, err)
			continue
		}
		formatted := sdk.Column{Type: "timestamp", Format: m[1]}
		if err := formatted.Validate(); err != nil {
			t.Errorf("%s: %s: %v", text, m[1], err)
			continue
		}
		b := columns.NewBuilder(sdk.Schema{{Key: "at", Value: formatted}})
		if !b.Columns()[0].SetText([]byte(text)) {
			t.Errorf("%s: the format offered, %s, does not read it", text, m[1])
		}
	}
}

func TestARefusedTextThatIsNoTimeOffersNoFormat(t *testing.T) {
	b := columns.NewBuilder(sdk.Schema{{Key: "at", Value: sdk.Column{Type: "timestamp"}}})
	b.Columns()[0].SetBad(`"yesterday"`)
	if err := b.Commit(); err == nil || strings.Contains(err.Error(), "format") {
		t.Errorf("got %v, want no format", err)
	}
}
