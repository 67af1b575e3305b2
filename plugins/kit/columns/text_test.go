package columns_test

import (
	"testing"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/sdk"
)

func TestTextIsReadByType(t *testing.T) {
	tests := []struct{ kind, text, want string }{ // want "": refused
		{"int64", "007", "7"}, {"int64", "-0", "0"}, {"int64", "", ""}, {"int64", "-", ""}, {"int64", "+1", ""},
		{"int64", "1_000", ""}, {"int64", "0x1", ""}, {"int64", " 1", ""}, {"int64", "９", ""},
		{"int64", "-9223372036854775808", "-9223372036854775808"}, {"int64", "-9223372036854775809", ""},
		{"int64", "000000000000000000000000000001", "1"}, {"int64", "+000000000000000000001", ""},
		{"int32", "2147483647", "2147483647"}, {"int32", "-2147483649", ""},
		{"uint64", "18446744073709551616", ""}, {"uint64", "+1", ""}, {"uint64", "", ""},
		{"float64", "1e5", "100000"}, {"float64", ".5", "0.5"}, {"float64", "0x1p4", ""}, {"float64", "inf", "Infinity"},
		{"float64", "-Inf", "-Infinity"}, {"float64", "+infinity", "Infinity"}, {"float32", "nan", "NaN"},
		{"float64", "--inf", ""}, {"float64", "infinit", ""}, {"float64", "nan1", ""},
		{"int64", "1.0", "1"}, {"int64", "-0.0", "0"}, {"int32", "2.147483647e9", "2147483647"}, {"int32", "2147483648.0", ""},
		{"int64", "9223372036854775807.000", "9223372036854775807"}, {"int64", "1E3", "1000"}, {"int64", "1.5", ""},
		{"int64", "1e-1", ""}, {"int64", "1.", ""}, {"int64", ".0", ""}, {"int64", "1e400", ""}, {"int64", "1.0.0", ""},
		{"uint64", "1.8446744073709551615e19", "18446744073709551615"}, {"uint64", "-1.0", ""}, {"uint64", "1e20", ""},
		{"float64", "Infinity", "Infinity"}, {"float64", "NaN", "NaN"}, {"float64", "1e999", ""}, {"float64",
			"1_0", ""},
		{"float64", "", ""}, {"float32", "16777217", "16777216"},
		{"bool", "TRUE", "true"}, {"bool", "0", "false"}, {"bool", "yes", ""}, {"bool", "", ""},
		{"bytes", "!", ""}, {"string", "\xff", ""},
		{"decimal(5,2)", "123.45", "123.45"}, {"decimal(5,2)", "-0.05", "-0.05"}, {"decimal(5,2)", "1", "1.00"},
		{"decimal(5,2)", "0000001.5000", "1.50"}, {"decimal(5,2)", "0.00", "0.00"}, {"decimal(5,2)", "-0", "0.00"},
		{"decimal(5,2)", "1234", ""}, {"decimal(5,2)", "1.234", ""}, {"decimal(5,2)", ".5", ""},
		{"decimal(5,2)", "5.", ""}, {"decimal(5,2)", "1e2", "100.00"}, {"decimal(5,2)", "-1.5E+1", "-15.00"},
		{"decimal(5,2)", "1e-2", "0.01"}, {"decimal(5,2)", "12300e-4", "1.23"}, {"decimal(5,2)", "0.00012e4", "1.20"},
		{"decimal(5,2)", "0e999999999999", "0.00"}, {"decimal(5,2)", "-0.0e-7", "0.00"}, {"decimal(5,2)", "1e3", ""},
		{"decimal(5,2)", "1e-3", ""}, {"decimal(5,2)", "1e999999999", ""}, {"decimal(5,2)", "1e-999999999", ""},
		{"decimal(5,2)", "1e", ""}, {"decimal(5,2)", "e1", ""}, {"decimal(5,2)", "1e+-1", ""}, {"decimal(5,2)", "1e1.0", ""},
		{"decimal(5,2)", ".5e1", ""}, {"decimal(5,2)", "5.e1", ""}, {"decimal(5,2)", "1e1e1", ""}, {"decimal(5,2)", "-e1", ""},
		{"decimal(38,38)", "1E-38", "0.00000000000000000000000000000000000001"},
		{"decimal(38,0)", "1.7976931348623157e+37", "17976931348623157000000000000000000000"},
		{"decimal(5,2)", "", ""}, {"decimal(5,2)",
			"-", ""},
		{"decimal(5,2)", "1.2.3", ""}, {"decimal(5,0)", "12345", "12345"}, {"decimal(2,2)", "0.99", "0.99"},
		{"decimal(38,0)", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
		{"decimal(38,38)", "-0.00000000000000000000000000000000000001",
			"-0.00000000000000000000000000000000000001"},
		{"decimal(19,0)", "9223372036854775808", "9223372036854775808"},
	}
	for _, tt := range tests {
		b := columns.NewBuilder(sdk.Schema{{Key: "v", Value: sdk.Column{Type: tt.kind}}})
		ok := b.Columns()[0].SetText([]byte(tt.text))
		if !ok {
			if tt.want != "" {
				t.Errorf("%s %q: refused, want %s", tt.kind, tt.text, tt.want)
			}
			continue
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := text(b.NewRecordBatch())[0]; got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.kind, tt.text, got, tt.want)
		}
	}
}

// TestTimestampsInOtherFormsAreRead, if a year of four digits comes out of them.
func TestTimestampsInOtherFormsAreRead(t *testing.T) {
	tests := []struct{ format, text, want string }{
		{"unix_s", "0", "1970-01-01T00:00:00Z"}, {"unix_s", "1.5", "1970-01-01T00:00:01.500Z"},
		{"unix_s", "-0.5", "1969-12-31T23:59:59.500Z"}, {"unix_s", "1.0000019", "1970-01-01T00:00:01.000001Z"},
		{"unix_ms", "1.5", "1970-01-01T00:00:00.001500Z"}, {"unix_us", "1.9", "1970-01-01T00:00:00.000001Z"},
		{"unix_s", "1.", ""}, {"unix_s", ".5", ""}, {"unix_s", "1.x", ""}, {"unix_s", "1e3", "1970-01-01T00:16:40Z"},
		{"unix_ms", "1.7E12", "2023-11-14T22:13:20Z"}, {"unix_s", "1e300", ""}, {"unix_s", "1e", ""},
		{"unix_ms", "253402300799999.9994", "9999-12-31T23:59:59.999999Z"}, {"unix_ms", "253402300800000", ""},
		{"unix_s", "-62135596800", "0001-01-01T00:00:00Z"}, {"unix_s", "-62135596800.000001", ""},
		{"unix_us", "9223372036854775807", ""}, {"unix_us", "-9223372036854775808", ""},
		{"%s", "253402300799", "9999-12-31T23:59:59Z"}, {"%s", "253402300800", ""},
		{"%FT%T%z", "9999-12-31T23:59:59-00:01", ""}, {"%FT%T%z", "0001-01-01T00:00:00+00:01", ""},
		{"rfc3339", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
		{"rfc3339", "9999-12-31T23:59:59-00:01", ""}, {"rfc3339", "0001-01-01T00:00:00+00:01", ""},
		{"unix_s", "9223372036855", ""}, {"unix_s", "-9223372036855", ""}, {"unix_s", "", ""},
	}
	for _, tt := range tests {
		b := columns.NewBuilder(sdk.Schema{{Key: "v", Value: sdk.Column{Type: "timestamp", Format: tt.format}}})
		if ok := b.Columns()[0].SetText([]byte(tt.text)); !ok {
			if tt.want != "" {
				t.Errorf("%s %q: refused, want %s", tt.format, tt.text, tt.want)
			}
			continue
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := text(b.NewRecordBatch())[0]; got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.format, tt.text, got, tt.want)
		}
	}
}
