package verify

import (
	"strings"
	"testing"
)

func TestSameNamesTheColumnThatDiffers(t *testing.T) {
	want := Row{"rows": "5", "demande": "123"}
	if err := Same(want, Row{"rows": "5", "demande": "123"}); err != nil {
		t.Errorf("got %v, want equality", err)
	}
	err := Same(want, Row{"rows": "5", "demande": "124"})
	if err == nil || !strings.Contains(err.Error(), "demande: want 123, got 124") {
		t.Errorf("got %v, want the column and both values", err)
	}
	if err := Same(want, Row{}); err == nil {
		t.Error("got equality with an empty row")
	}
}

func TestCheck(t *testing.T) {
	fine := func() Row {
		return Row{"windows": 9.0, "unpaired": 0.0, "wrong": 0.0, "clients_off": 0.03, "p95_off": 0.005}
	}
	tests := []struct {
		name, field string
		value       any
		want        string
	}{
		{"nothing is wrong", "windows", 9.0, ""},
		{"no windows", "windows", 0.0, "empty"},
		{"a window too many", "unpaired", 1.0, "one of the reports only"},
		{"a wrong sum", "wrong", 2.0, "another count"},
		{"a bad sketch of clients", "clients_off", 0.07, "clients are up to 7.00 % off"},
		{"a bad sketch of the quantile", "p95_off", 0.011, "p95 is up to 1.10 % off"},
		{"a quantile that is no number", "p95_off", nil, "p95 is up to NaN"},
	}
	for _, test := range tests {
		answer := fine()
		answer[test.field] = test.value
		_, err := Stated{Clients: 0.064, P95: 0.01}.Check(answer)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", test.name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestFingerprintCoversEveryColumn(t *testing.T) {
	query := Fingerprint(TicketsOf("in.jsonl"))
	for _, c := range ticket {
		if !strings.Contains(query, "hash("+c+")") {
			t.Errorf("the fingerprint leaves %s out: %s", c, query)
		}
	}
}
