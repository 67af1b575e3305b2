package columns_test

import (
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

// nestedSchema is {l: list(int64), s: {a: string!, l: list(string)}}.
func nestedSchema() sdk.Schema {
	return sdk.Schema{{Key: "l", Value: sdk.Column{Type: "list(int64)"}},
		{Key: "s", Value: sdk.Column{Type: "struct", Fields: sdk.Fields{
			{Key: "a", Value: sdk.Column{Type: "string", Required: true}},
			{Key: "l", Value: sdk.Column{Type: "list(string)"}}}}}}
}

// setList sets a list to items, of which ∅ is null.
func setList(c *columns.Column, items ...string) {
	c.Begin()
	for _, item := range items {
		if item == "∅" {
			c.Inside()[0].SetNull()
		} else if !c.Inside()[0].SetText([]byte(item)) {
			c.Inside()[0].SetBad(item)
		}
		if !c.EndItem() {
			break
		}
	}
	c.End()
}

func setStruct(c *columns.Column, a string, items ...string) {
	c.Begin()
	c.Inside()[0].SetBytes([]byte(a))
	setList(&c.Inside()[1], items...)
	c.End()
}

func valid(t *testing.T, rows arrow.RecordBatch) {
	t.Helper()
	var check func(a arrow.Array)
	check = func(a arrow.Array) {
		nulls := 0
		for row := range a.Len() {
			if a.IsNull(row) {
				nulls++
			}
		}
		if nulls != a.NullN() {
			t.Errorf("%s: says %d nulls, has %d", a.DataType(), a.NullN(), nulls)
		}
		switch a := a.(type) {
		case *array.List:
			if err := a.ValidateFull(); err != nil {
				t.Error(err)
			}
			check(a.ListValues())
		case *array.Struct:
			for i := range a.NumField() {
				if a.Field(i).Len() != a.Len() {
					t.Errorf("field %d: %d of %d rows", i, a.Field(i).Len(), a.Len())
				}
				check(a.Field(i))
			}
		}
	}
	for _, column := range rows.Columns() {
		check(column)
	}
}

func TestListsAndStructsAreBuilt(t *testing.T) {
	b := columns.NewBuilder(nestedSchema())
	for range 2 { // the second time in what the first has left
		l, s := &b.Columns()[0], &b.Columns()[1]
		setList(l, "1", "∅", "3")
		setStruct(s, "x", "p", "∅")
		commit(t, b, "")
		setList(l, "7", "∅", "8") // set, and set again: the last time wins
		setList(l)
		setStruct(s, "dropped", "∅", "∅", "∅")
		setStruct(s, "y")
		commit(t, b, "")
		setList(l, "9", "∅")
		setStruct(s, "gone", "∅", "∅")
		b.Abort()
		commit(t, b, "") // nulls
		setStruct(s, "z", "q")
		commit(t, b, "")
		rows := b.NewRecordBatch()
		valid(t, rows)
		for i, want := range []string{`[[1,null,3],[],null,null]`,
			`[{"a":"x","l":["p",null]},{"a":"y","l":[]},null,{"a":"z","l":["q"]}]`} {
			got, err := rows.Column(i).MarshalJSON()
			if text := strings.ReplaceAll(string(got), "\n", ""); err != nil || text != want {
				t.Errorf("got %s, %v, want %s", text, err, want)
			}
		}
	}
}

func commit(t *testing.T, b *columns.Builder, want string) {
	t.Helper()
	got := ""
	if err := b.Commit(); err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFaultsInsideNameTheirPath(t *testing.T) {
	b := columns.NewBuilder(nestedSchema())
	l, s := &b.Columns()[0], &b.Columns()[1]
	setList(l, "1", "x")
	commit(t, b, `l.1: want an int64, got x`)
	s.Begin()
	s.End()
	commit(t, b, `s.a: want a string, got nothing`)
	s.Begin()
	s.Inside()[0].SetNull()
	s.End()
	commit(t, b, `s.a: want a string, got null`)
	setStruct(s, "x", "fine", "\xff")
	commit(t, b, "s.l.1: want a string, got \xff")
	s.SetBad("5")
	commit(t, b, `s: want a struct, got 5`)
	if b.Rows() != 0 || b.Bytes() != 0 {
		t.Errorf("got %d rows of %d bytes after nothing but bad ones", b.Rows(), b.Bytes())
	}
}

func TestRowThatGrowsTooLargeIsRefused(t *testing.T) {
	b := columns.NewBuilder(nestedSchema())
	l := &b.Columns()[0]
	l.Begin()
	n := 0
	for ; ; n++ {
		l.Inside()[0].SetInt(1)
		if !l.EndItem() {
			break
		}
	}
	l.End()
	commit(t, b, `l: want a list that fits into 8MB, got a larger one`)
	if most := 2*sdk.MaxBatchBytes/8 + 2048; n > most {
		t.Errorf("got %d items before it was noticed, want at most %d", n, most)
	}
	l.Begin()
	for range sdk.MaxBatchBytes/8 + 1 {
		l.Inside()[0].SetInt(1)
		l.EndItem()
	}
	l.End()
	if err := b.Commit(); err == nil || !strings.HasPrefix(err.Error(), "want a row of at most 8MB in columns") {
		t.Errorf("got %v", err)
	}
	setList(l, "1")
	commit(t, b, "")
	valid(t, b.NewRecordBatch())
}

func TestMaxRowBytesIsEnoughForAnyText(t *testing.T) {
	deep := sdk.Schema{{Key: "l", Value: sdk.Column{Type: "list(list(struct))", Fields: sdk.Fields{
		{Key: "a", Value: sdk.Column{Type: "decimal(38,2)"}}, {Key: "b", Value: sdk.Column{Type: "int64"}}}}}}
	b := columns.NewBuilder(deep)
	l := &b.Columns()[0]
	l.Begin()
	text := len("[")
	for range 100 {
		l.Inside()[0].Begin()
		for range 10 {
			l.Inside()[0].Inside()[0].SetNull()
			l.Inside()[0].EndItem()
		}
		l.Inside()[0].End()
		l.EndItem()
		text += len("[") + 10*len("{},") // shorter than it can be
	}
	l.End()
	commit(t, b, "")
	if size, most := b.Bytes(), b.MaxRowBytes(text); size > most {
		t.Errorf("%d bytes of text became %d, want at most %d", text, size, most)
	}
}

func TestTextsAreReadAsTheirSchemaSays(t *testing.T) {
	tests := []struct{ kind, format, zone, text, want string }{
		{"timestamp", "%d/%m/%Y %H:%M", "", "31/01/2026 12:00", "2026-01-31T12:00:00Z"},
		{"timestamp", "%d/%m/%Y %H:%M", "Europe/Paris", "31/01/2026 12:00", "2026-01-31T11:00:00Z"},
		{"timestamp", "%d/%m/%Y", "America/New_York", "01/07/2026", "2026-07-01T04:00:00Z"},
		{"timestamp", "%F %T%z", "", "2026-01-31 12:00:00+01:00", "2026-01-31T11:00:00Z"},
		{"timestamp", "", "Europe/Paris", "2026-07-31T12:00:00", "2026-07-31T10:00:00Z"},
		{"timestamp", "", "Europe/Paris", "2026-07-31 12:00:00.5", "2026-07-31T10:00:00.500Z"},
		{"timestamp", "", "Europe/Paris", "2026-07-31T12:00:00Z", "2026-07-31T12:00:00Z"},
		{"timestamp", "", "Europe/Paris", "2026-03-29T02:30:00", "refused"},              // the clock skips it
		{"timestamp", "", "Europe/Paris", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"}, // twice: the first
		{"timestamp", "rfc3339", "", "2026-07-31T12:00:00", "refused"},
		{"timestamp", "unix_ms", "", "1000", "1970-01-01T00:00:01Z"},
		{"date", "%d.%m.%y", "", "31.12.69", "1969-12-31"},
		{"date", "%d.%m.%y", "", "1969-12-31", "refused"},
		{"time", "%I:%M %p", "", "11:30 PM", "23:30:00"},
		{"time", "%I:%M %p", "", "23:30:00", "refused"},
	}
	for _, tt := range tests {
		b := columns.NewBuilder(sdk.Schema{{Key: "c", Value: sdk.Column{Type: tt.kind, Format: tt.format,
			Timezone: tt.zone}}})
		got := "refused"
		if b.Columns()[0].SetText([]byte(tt.text)) {
			commit(t, b, "")
			got = text(b.NewRecordBatch())[0]
		}
		if got != tt.want {
			t.Errorf("%s %s in %q: got %s, want %s", tt.kind, tt.text, tt.zone, got, tt.want)
		}
	}
}

func TestWantNamesThePattern(t *testing.T) {
	b := columns.NewBuilder(sdk.Schema{{Key: "c", Value: sdk.Column{Type: "timestamp", Format: "%d/%m/%Y",
		From: "payload.at"}}})
	b.Columns()[0].SetBad(`"x"`)
	commit(t, b, `payload.at: want a timestamp (%d/%m/%Y), got "x"`)
}

// TestTimeThatTheClockSkippedSaysSo, and text that is no time says nothing of it.
func TestTimeThatTheClockSkippedSaysSo(t *testing.T) {
	const skipped = ", which there was not in Europe/Paris: the clock was put forward then"
	for _, tt := range []struct{ format, zone, text, want string }{
		{"%d/%m/%Y %H:%M", "Europe/Paris", "29/03/2026 02:30", skipped},
		{"", "Europe/Paris", "2026-03-29T02:30:00", skipped},
		{"%d/%m/%Y %H:%M", "Europe/Paris", "2026-03-29 02:30", ""},
		{"%d/%m/%Y %H:%M", "", "2026-03-29 02:30", ""},
		{"", "", "2026-03-29T02:30:00", ""},
		{"unix_s", "", "x", ""},
	} {
		b := columns.NewBuilder(sdk.Schema{{Key: "c", Value: sdk.Column{Type: "timestamp", Format: tt.format,
			Timezone: tt.zone}}})
		c := &b.Columns()[0]
		if text := []byte(tt.text); c.SetText(text) || c.Why(text) != tt.want {
			t.Errorf("%s in %q: got %q, want %q", tt.text, tt.zone, c.Why(text), tt.want)
		}
	}
}

// TestZonesAgreeWithTheLibrary reads local times around the clock's changes.
func TestZonesAgreeWithTheLibrary(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
		"UTC", "Africa/Casablanca", "Pacific/Apia"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		b := columns.NewBuilder(sdk.Schema{{Key: "c", Value: sdk.Column{Type: "timestamp", Timezone: name}}})
		c := &b.Columns()[0]
		for at := time.Date(2011, 1, 1, 0, 15, 0, 0, time.UTC); at.Year() < 2013; at = at.Add(30 * time.Minute) {
			local := at.In(zone)
			if !c.SetText([]byte(local.Format("2006-01-02T15:04:05"))) {
				t.Fatalf("%s: %s is refused", name, local)
			}
			commit(t, b, "")
			got := b.NewRecordBatch().Column(0).(*array.Timestamp).Value(0).ToTime(arrow.Microsecond)
			// Of a local time that comes twice, the first is taken.
			if !got.Equal(at) && (got.After(at) || got.In(zone).Format(time.DateTime) != local.Format(time.DateTime)) {
				t.Fatalf("%s: %s was read as %s", name, local, got.In(zone))
			}
		}
	}
}
