package parquet

import (
	"bytes"
	"strings"
	"testing"
)

// A join may leave two columns of one name: nothing says which one is meant.
func TestTwoColumnsOfOneNameAreRefused(t *testing.T) {
	inFile := decoded(t, `{"id":"int64","value":"int64","valuX":"int64",
		"s":{"type":"struct","fields":{"a":"int64","X":"string"}}}`)
	data := written(t, plainOptions, inFile.Arrow(), rowsOf(t, inFile, `[{"id":1,"value":10,"valuX":100}]`))
	data = bytes.ReplaceAll(data, []byte("valuX"), []byte("value"))
	for config, want := range map[string]string{
		`{"id":"int64","value":"int64"}`:                 `want each column once, got "value" twice`,
		`{"v":{"type":"int64","from":"value"}}`:          `want each column once, got "value" twice`,
		`{"id":"int64"}`:                                 "", // the one that is read is there once
		`{"s":{"type":"struct","fields":{"a":"int64"}}}`: "",
	} {
		_, _, err := tryRead(t, onDisk(t, data), decoded(t, config), 0)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", config, err, want)
		}
	}
	data = bytes.ReplaceAll(data, []byte("\x18\x01X"), []byte("\x18\x01a")) // the fields' names
	data = bytes.ReplaceAll(data, []byte("\x01s\x01X"), []byte("\x01s\x01a"))
	want := `column "s": want each column once, got "a" twice`
	_, _, err := tryRead(t, onDisk(t, data), decoded(t, `{"s":{"type":"struct","fields":{"a":"int64"}}}`), 0)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
