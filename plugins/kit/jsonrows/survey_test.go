package jsonrows

import (
	"reflect"
	"strconv"
	"testing"

	"etlengine/plugins/sdk"
)

func TestSurveyNamesColumnsThatNoRowHadAndKeysThatWereDropped(t *testing.T) {
	text := func(key string) sdk.Entry[sdk.Column] {
		return sdk.Entry[sdk.Column]{Key: key, Value: sdk.Column{Type: "string"}}
	}
	inside := sdk.Column{Type: "string", From: "payload.createdAt"}
	schema := sdk.Schema{text("orderId"), text("null_only"), text("bad_only"), text("sometimes"),
		{Key: "created", Value: inside},
		{Key: "addr", Value: sdk.Column{Type: "struct", Fields: sdk.Fields{text("city"), text("zip")}}},
		{Key: "items", Value: sdk.Column{Type: "list(struct)", Fields: sdk.Fields{text("sku")}}},
		{Key: "gone", Value: sdk.Column{Type: "struct", Fields: sdk.Fields{text("below")}}}}
	var s sdk.Survey
	for _, rows := range [][]string{
		{`{"order_id":"1","null_only":null,"addr":{"city":"x","ZIP":"y"},"items":[{"skuu":"a"}]}`},
		{`{"sometimes":"x","payload":{"created_at":"t"},"order_id":"2"}`, `{"bad_only":{}}`}} {
		d := NewDecoder(schema)
		d.Observe(&s)
		for _, row := range rows {
			_ = d.Append([]byte(row)) // a row that is refused had its columns all the same
		}
		d.NewRecordBatch().Release()
	}
	want := []sdk.Missing{{Column: "orderId", Near: "order_id"},
		{Column: "payload.createdAt", Near: "payload.created_at"}, {Column: "addr.zip", Near: "addr.ZIP"},
		{Column: "items.sku", Near: "items.skuu"}, {Column: "gone"}}
	if got := s.Missing(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	unknown := &sdk.Unknown{Keys: 5,
		Names: []string{"addr.ZIP", "items.skuu", "order_id", "payload.created_at"}}
	if got := s.Unknown(); !reflect.DeepEqual(got, unknown) {
		t.Errorf("got  %v\nwant %v", got, unknown)
	}
}

func TestNamesOfDroppedKeysAreBounded(t *testing.T) {
	var s sdk.Survey
	d := NewDecoder(sdk.Schema{{Key: "a", Value: sdk.Column{Type: "int64"}}})
	d.Observe(&s)
	for i := range 300 {
		if err := d.Append([]byte(`{"a":1,"k` + strconv.Itoa(i) + `":2}`)); err != nil {
			t.Fatal(err)
		}
	}
	d.NewRecordBatch().Release()
	if got := s.Unknown(); got.Keys < 290 || len(got.Names) != sdk.MaxNames || s.Missing() != nil {
		t.Errorf("got %d keys, %d names, missing %v", got.Keys, len(got.Names), s.Missing())
	}
}

func TestKeysKeptAsExtraAreNotDropped(t *testing.T) {
	var s sdk.Survey
	d := NewDecoder(WithExtra(sdk.Schema{{Key: "a", Value: sdk.Column{Type: "int64"}}}, "rest"))
	d.Observe(&s)
	if err := d.Append([]byte(`{"a":1,"b":2,"c":"x"}`)); err != nil {
		t.Fatal(err)
	}
	d.NewRecordBatch().Release()
	if s.Unknown() != nil || s.Missing() != nil {
		t.Errorf("got %v, %v", s.Unknown(), s.Missing())
	}
}
