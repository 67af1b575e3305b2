package benthos

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

func TestTimesAreWrittenAsTheirColumnReadsThem(t *testing.T) {
	at := time.Date(2026, 7, 5, 22, 4, 5, 678_000_000, time.UTC)
	whole := at.Truncate(time.Second)
	tests := []struct {
		column sdk.Column
		at     time.Time
		want   any
	}{
		{sdk.Column{Type: "timestamp"}, at, "2026-07-05T22:04:05.678Z"},
		{sdk.Column{Type: "string"}, at, "2026-07-05T22:04:05.678Z"},
		{sdk.Column{Type: "date"}, at, "2026-07-05"},
		{sdk.Column{Type: "time"}, at, "22:04:05.678"},
		{sdk.Column{Type: "timestamp", Format: "unix_s"}, at, json.Number("1783289045.678000")},
		{sdk.Column{Type: "timestamp", Format: "unix_ms"}, at, json.Number("1783289045678.000")},
		{sdk.Column{Type: "timestamp", Format: "unix_us"}, at, int64(1783289045678000)},
		{sdk.Column{Type: "timestamp", Format: "unix_s"}, time.UnixMicro(-1_500_000),
			json.Number("-1.500000")},
		{sdk.Column{Type: "timestamp", Format: "%d/%m/%Y %H:%M:%S"}, whole, "05/07/2026 22:04:05"},
		{sdk.Column{Type: "timestamp", Format: "%d/%m/%Y %H:%M:%S", Timezone: "Europe/Paris"}, whole,
			"06/07/2026 00:04:05"},
		{sdk.Column{Type: "timestamp", Format: "%F %T.%f"}, at, "2026-07-05 22:04:05.678000"},
		{sdk.Column{Type: "timestamp", Format: "%e %b %Y, %I:%M:%S %p %%"}, whole,
			" 5 Jul 2026, 10:04:05 PM %"},
		{sdk.Column{Type: "timestamp", Format: "%s"}, whole, "1783289045"},
		{sdk.Column{Type: "date", Format: "%-d.%m.%y"}, at, "5.07.26"},
		{sdk.Column{Type: "timestamp", Format: "%F %k:%M:%S"}, whole.Add(-14 * time.Hour), "2026-07-05  8:04:05"},
		{sdk.Column{Type: "timestamp", Format: "%F %l:%M:%S %p"}, whole, "2026-07-05 10:04:05 PM"},
		{sdk.Column{Type: "timestamp", Format: "%D%n%T%t%a"}, whole, "07/05/26\n22:04:05\tSun"},
		{sdk.Column{Type: "time", Format: "%H:%M:%S.%f"}, at, "22:04:05.678000"},
	}
	for _, test := range tests {
		got, err := timeFor(test.column, test.at)
		if err != nil || got != test.want {
			t.Errorf("%+v: got %v, %v, want %v", test.column, got, err, test.want)
		}
	}
}

func TestTimeThatItsPatternDoesNotHoldIsAnError(t *testing.T) {
	at := time.Date(2026, 7, 5, 22, 4, 5, 678_000_000, time.UTC)
	for _, c := range []sdk.Column{{Type: "timestamp", Format: "%d/%m/%Y"}, {Type: "timestamp",
		Format: "%F %T"},
		{Type: "time", Format: "%H:%M"}} {
		if got, err := timeFor(c, at); err == nil || !strings.Contains(err.Error(),
			"does not fit into the format") {
			t.Errorf("%s: got %v, %v, want an error", c.Format, got, err)
		}
	}
}

func TestObjectIsNotChangedWhenItIsMadeToFit(t *testing.T) {
	inner := map[string]any{"other": 1}
	object := map[string]any{"at": time.UnixMicro(0), "text": []byte("é"), "raw": []byte{0xff},
		"id": int64(7), "p": inner}
	schema := sdk.Schema{{Key: "at", Value: sdk.Column{Type: "timestamp"}}, {Key: "text",
		Value: sdk.Column{Type: "string"}},
		{Key: "raw", Value: sdk.Column{Type: "string"}}, {Key: "id", Value: sdk.Column{Type: "int64",
			From: "p.q.id"}},
		{Key: "absent", Value: sdk.Column{Type: "int64", From: "p.absent"}}}
	before := len(object)
	got, err := fitting(schema, object)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"at": "1970-01-01T00:00:00Z", "text": "é", "raw": []byte{0xff}, "id": int64(7),
		"p": map[string]any{"other": 1, "q": map[string]any{"id": int64(7)}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if _, ok := object["at"].(time.Time); !ok || len(object) != before || len(inner) != 1 {
		t.Errorf("the object became %v", object)
	}
}
