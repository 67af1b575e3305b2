package csv

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const abSchema = `,"schema":{"a":"string","b":"int64"}`

func TestColumnsAreMatchedByName(t *testing.T) {
	lines, rejected, err := readText(t, "\xef\xbb\xbfextra,b,a\r\n1,2,x\r\n\r\n3,4,\"y\r\nz\"\r\n", abSchema)
	want := []string{`{"a":"x","b":2}`, `{"a":"y\r\nz","b":4}`}
	if err != nil || len(rejected) > 0 || !slices.Equal(lines, want) {
		t.Errorf("got %s, %q, %v", lines, rejected, err)
	}
}

func TestColumnsAreMatchedByIndexWithoutAHeader(t *testing.T) {
	lines, rejected, err := readText(t, "x,2\ny,4", abSchema+`,"header":false`)
	if want := []string{`{"a":"x","b":2}`, `{"a":"y","b":4}`}; err != nil || len(rejected) > 0 ||
		!slices.Equal(lines, want) {
		t.Errorf("got %s, %q, %v", lines, rejected, err)
	}
}

func TestListsAndStructsAreJSON(t *testing.T) {
	text := `n;when;l;s` + "\n" + `1;31.01.2026;"[1, null]";"{""a"":""x;"",""l"":[true]}"` + "\n" +
		`2;;;` + "\n" +
		`3;;null;{}` + "\n" + `4;;[1;` + "\n" + `5;;;"{""a"":1,""l"":[2]}"` + "\n" + `6;1.1.2026;[];[]`
	lines, rejected, err := readText(t, text, `,"delimiter":";","metadata":"line","schema":{`+
		`"at":{"type":"date","format":"%d.%m.%Y","from":"when"},"n":"int64","l":"list(int64)",`+
		`"s":{"type":"struct","fields":{"a":"string","l":"list(bool)"}}}`)
	want := []string{`{"at":"2026-01-31","n":1,"l":[1,null],"s":{"a":"x;","l":[true]},"_line":2}`,
		`{"at":null,"n":2,"l":null,"s":null,"_line":3}`,
		`{"at":null,"n":3,"l":null,"s":{"a":null,"l":null},"_line":4}`}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v\nwant %s", lines, err, want)
	}
	want = []string{`5: l: want a list(int64), got "[1": "4;;[1;"`,
		`6: s.l.0: want a bool, got 2: "5;;;\"{\"\"a\"\":1,\"\"l\"\":[2]}\""`,
		`7: s: want a struct, got an array: "6;1.1.2026;[];[]"`}
	if !slices.Equal(rejected, want) {
		t.Errorf("got  %q\nwant %q", rejected, want)
	}
}

func TestBadRowsAreRejectedWithTheirLines(t *testing.T) {
	text := "a,b\nx,1\n\nshort\n\"two\nlines\",x\ny,2,3\n\"stray\" quote,1\nz,3\n"
	lines, rejected, err := readText(t, text, abSchema)
	if want := []string{`{"a":"x","b":1}`, `{"a":"z","b":3}`}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v", lines, err)
	}
	want := []string{`4: want 2 cells, got 1: "short"`, `5: b: want an int64, got "x": "\"two\nlines\",x"`,
		`7: want 2 cells, got 3: "y,2,3"`,
		`8: want a delimiter or the end of the line after a closing quote: "\"stray\" quote,1"`}
	if !slices.Equal(rejected, want) {
		t.Errorf("got  %q\nwant %q", rejected, want)
	}
}

func TestFilesThatCannotBeReadSayWhere(t *testing.T) {
	tests := []struct{ name, text, keys, want string }{
		{"no such column", "a,c\nx,1\n", abSchema, `a.csv:1: reading the header: want a column "b", got a, c`},
		{"header after blank lines", "\n\na,c\n", abSchema,
			`a.csv:3: reading the header: want a column "b", got a, c`},
		{"quote never closed", "a,b\nx,1\n\"y,2\nz,3\n", abSchema, `a.csv:3: a quote is opened and never closed`},
		{"quote of a long row never closed", "a,b\n\"" + strings.Repeat("x\n", 200), abSchema + `,"max_line_bytes":100`,
			`a.csv:2: a quote is opened and never closed`},
		{"header too long", strings.Repeat("x", 200) + ",b\n", abSchema + `,"max_line_bytes":100`,
			`a.csv:1: reading the header: want a row of at most 100B, got a longer one; max_line_bytes sets`},
		{"not UTF-8", "\xff\xfea\x00", abSchema, `a.csv:1: want UTF-8, got UTF-16`},
		{"cut gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", abSchema, `the file ends in the middle`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := readText(t, tt.text, tt.keys)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant …%s", err, tt.want)
			}
		})
	}
}

func TestRowsBeforeAFaultAreRead(t *testing.T) {
	lines, _, err := readText(t, "a,b\nx,1\n\"y", abSchema)
	if err == nil || !slices.Equal(lines, []string{`{"a":"x","b":1}`}) {
		t.Errorf("got %s, %v", lines, err)
	}
}

func TestRowsOfTheLimitAreAccepted(t *testing.T) {
	row := strings.Repeat("x", 97) + ",1\n"
	for _, end := range []string{"", "y,2\n", strings.Repeat("y,2\n", 200_000)} {
		lines, rejected, err := readText(t, "a,b\n"+row+end, abSchema+`,"max_line_bytes":100`)
		if err != nil || len(rejected) > 0 || len(lines) != 1+strings.Count(end, "\n") {
			t.Errorf("got %d rows, %q, %v", len(lines), rejected, err)
		}
	}
}

func TestEmptyFilesHaveNoRows(t *testing.T) {
	for _, text := range []string{"", "\xef\xbb\xbf", "a,b", "a,b\n", "\n\r\n", "a,b\r\n\r\n\r"} {
		lines, rejected, err := readText(t, text, abSchema)
		if err != nil || len(lines)+len(rejected) > 0 {
			t.Errorf("%q: got %s, %q, %v", text, lines, rejected, err)
		}
	}
}

func TestBlankLinesAreRowsOfOneColumn(t *testing.T) {
	lines, _, err := readText(t, "a\nx\n\n\"\"\n", `,"schema":{"a":"string"}`)
	if want := []string{`{"a":"x"}`, `{"a":null}`, `{"a":""}`}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v", lines, err)
	}
}

func TestLargeFilesComeInBoundedBatches(t *testing.T) {
	var text strings.Builder
	text.WriteString("a,b\n")
	const count = 30_000
	for i := range count {
		fmt.Fprintf(&text, "\"%s\n\",%d\n", strings.Repeat("long ", i%200), i)
	}
	lines, rejected, err := readText(t, text.String(), abSchema)
	if err != nil || len(rejected) > 0 || len(lines) != count {
		t.Fatalf("got %d rows, %q, %v", len(lines), rejected, err)
	}
	for i, line := range lines {
		if !strings.HasSuffix(line, fmt.Sprintf(`"b":%d}`, i)) {
			t.Fatalf("row %d is %s", i, line)
		}
	}
}

func TestReadingResumesAfterTheCursor(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("a,b\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "\"x\n\",%d\n", i)
		if i%1000 == 0 {
			text.WriteString("bad\n")
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte(text.String()), 0o666))
	s, err := source(t, dir, `"path":"a.csv"`+abSchema, nil)
	must(t, err)
	resume, seen, rejects := map[string][]byte{}, 0, 0
	for seen < 4096 {
		item, err := s.Next(t.Context())
		must(t, err)
		if b := item.Batch; b != nil {
			resume[b.Partition] = b.Cursor
			seen, rejects = seen+int(b.NumRows()), rejects+len(b.Rejected)
		}
	}
	again, err := source(t, dir, `"path":"a.csv"`+abSchema, resume)
	must(t, err)
	lines, rejected, err := read(t, again)
	if err != nil || seen+len(lines) != 10_000 || rejects+len(rejected) != 10 {
		t.Fatalf("got %d rows after %d, %d rejects after %d, %v", len(lines), seen, len(rejected), rejects, err)
	}
	if want := fmt.Sprintf(`{"a":"x\n","b":%d}`, seen); lines[0] != want {
		t.Errorf("resumed at %s, want %s", lines[0], want)
	}
	line := 1 + 2*9001 + 9 + 1 // after the header, rows of two lines, and bad ones
	if want := fmt.Sprintf(`%d: want 2 cells, got 1: "bad"`, line); rejected[len(rejected)-1] != want {
		t.Errorf("last reject: got %s, want %s", rejected[len(rejected)-1], want)
	}
}

func TestCompressedFilesAreKnownByTheirContent(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "a.csv"))
	must(t, err)
	for _, member := range []string{"a,b\nx,", "1\ny,2\n"} {
		w := gzip.NewWriter(file)
		_, err = w.Write([]byte(member))
		must(t, err)
		must(t, w.Close())
	}
	must(t, file.Close())
	s, err := source(t, dir, `"path":"a.csv"`+abSchema, nil)
	must(t, err)
	lines, _, err := read(t, s)
	if want := []string{`{"a":"x","b":1}`, `{"a":"y","b":2}`}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("got %s, %v", lines, err)
	}
}
