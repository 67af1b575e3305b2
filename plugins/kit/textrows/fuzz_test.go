package textrows_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

// bareReturn is what encoding/csv takes for text outside of quotes, too.
var bareReturn = regexp.MustCompile(`\r[^\n]`)

// FuzzNext holds the reader against encoding/csv on what that accepts.
func FuzzNext(f *testing.F) {
	for _, seed := range []string{"a,b\nc,d\n", "\"a\"\"b\",\"c\nd\"\r\n", ",\n,", "a\r\n\r\nb", "\"\"",
		"\"a", "a\"b",
		"\"a\"b\n", "x\ry,z\r", "é,\"ü\"\n", "long enough for a word,and another one\n"} {
		f.Add([]byte(seed))
	}
	decoders := map[int]*textrows.Decoder{}
	f.Fuzz(func(t *testing.T, data []byte) {
		neverStuck(t, data)
		r := csv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = -1
		records, err := r.ReadAll()
		if err != nil || !utf8.Valid(data) || bareReturn.Match(data) {
			return
		}
		for i := 0; len(data) > 0; {
			if blank := len(data) - len(bytes.TrimPrefix(bytes.TrimPrefix(data, []byte("\r")),
				[]byte("\n"))); blank > 0 &&
				(data[blank-1] == '\n' || blank == len(data)) {
				data = data[blank:]
				continue
			}
			if i == len(records) {
				t.Fatalf("encoding/csv is at its end, left is %q", data)
			}
			want := records[i]
			d := decoders[len(want)]
			if d == nil {
				d = textrows.NewDecoder(stringColumns(len(want)), textrows.Options{})
				decoders[len(want)] = d
			}
			n, err := d.Next(data, true)
			if err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			compare(t, asJSON(d.NewRecordBatch())[0], want)
			data = data[n:]
			i++
		}
	})
}

// neverStuck reads to the end: every call takes bytes or says why not.
func neverStuck(t *testing.T, data []byte) {
	d := textrows.NewDecoder(stringColumns(2), textrows.Options{})
	for len(data) > 0 {
		n, err := d.Next(data, true)
		if errors.Is(err, textrows.ErrUnclosed) {
			return
		}
		if n == 0 {
			t.Fatalf("%q: no bytes taken, %v", data, err)
		}
		if skipped, err := d.Skip(data, true); skipped != n || err != nil {
			t.Fatalf("%q: read %d bytes, skipped %d, %v", data, n, skipped, err)
		}
		data = data[n:]
	}
}

func stringColumns(n int) sdk.Schema {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("c%d: string", i))
	}
	return schemaOf(lines...)
}

func compare(t *testing.T, row string, want []string) {
	t.Helper()
	var got map[string]string // null becomes ""
	if err := json.Unmarshal([]byte(row), &got); err != nil {
		t.Fatal(err)
	}
	for i, text := range want {
		// encoding/csv makes \n of \r\n inside quotes; here a cell is as it is.
		if cell := strings.ReplaceAll(got[fmt.Sprintf("c%d", i)], "\r\n", "\n"); cell != text {
			t.Fatalf("cell %d: got %q, encoding/csv has %q", i, cell, text)
		}
	}
}
