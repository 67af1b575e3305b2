package csv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"etlengine/plugins/kit/textfiles"
)

const tooLong = "want a row of at most 64B, got a longer one"

// TestRowsOverTheLimitAreDeadLettersToTheirTrueEnd: rows of random lengths around the
// limit, with line breaks, delimiters and doubled quotes inside quotes, and with faults.
func TestRowsOverTheLimitAreDeadLettersToTheirTrueEnd(t *testing.T) {
	const limit, records = 64, 3000
	r := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"a", "é", ",", "\n", "\r\n", `""`, "\n7,8\n", "long text"}
	text := strings.Builder{}
	text.WriteString("a,b\n")
	var rows, dead []string // the lines where they begin
	for line, i := 2, 0; i < records; i++ {
		var cell strings.Builder
		for range r.IntN(30) {
			cell.WriteString(pieces[r.IntN(len(pieces))])
		}
		record := `"` + cell.String() + `",` + fmt.Sprint(i) + []string{"\n", "\r\n"}[r.IntN(2)]
		faulty := r.IntN(10) == 0
		if faulty {
			record = "x" + `"` + strings.Repeat("y", r.IntN(100)) + `,` + record
		}
		switch {
		case len(record) > limit:
			dead = append(dead, fmt.Sprintf("%d: %s", line, tooLong))
		case faulty:
			dead = append(dead, fmt.Sprintf("%d: want a cell with a quote", line))
		default:
			rows = append(rows, fmt.Sprintf(`"b":%d,"_line":%d}`, i, line))
		}
		text.WriteString(record)
		line += strings.Count(record, "\n")
	}
	got, rejected, err := readText(t, text.String(), abSchema+`,"max_line_bytes":64,"metadata":"line"`)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got, want []string, same func(got, want string) bool) {
		t.Helper()
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("%s: got %d, want %d, or others", what, len(got), len(want))
		}
	}
	check("rows", got, rows, strings.HasSuffix)
	check("dead letters", rejected, dead, strings.HasPrefix)
}

func TestRowOverTheLimitKeepsItsBeginningOnly(t *testing.T) {
	long := `"` + strings.Repeat("é\n", 3_000_000) + `",1`
	lines, rejected, err := readText(t, "a,b\nx,1\n"+long+"\ny,2\n"+strings.Repeat("z", 70)+",2\n",
		abSchema+`,"max_line_bytes":64`)
	if want := []string{`{"a":"x","b":1}`, `{"a":"y","b":2}`}; err != nil || !slices.Equal(lines, want) {
		t.Fatalf("got %s, %v", lines, err)
	}
	want := []string{"3: " + tooLong + " with a quote that is open there: is it a stray one? max_line_bytes sets the limit",
		"3000005: " + tooLong + `; max_line_bytes sets the limit: "` + strings.Repeat("z", 70) + ",2"}
	if !slices.EqualFunc(rejected, want, strings.HasPrefix) {
		t.Errorf("got %.300q", rejected)
	}
	if len(rejected[0]) > 8<<10 || strings.Contains(rejected[0], `\xc3`) || !utf8.ValidString(rejected[0]) {
		t.Errorf("got a dead letter of %d bytes, ending %q", len(rejected[0]), rejected[0][len(rejected[0])-20:])
	}
}

// TestReadingResumesBehindRowsOverTheLimit: they count as records of the cursor.
func TestReadingResumesBehindRowsOverTheLimit(t *testing.T) {
	dir := t.TempDir()
	long := `"` + strings.Repeat("7,8\n", 100) + "\",0\n"
	text := "a,b\n" + strings.Repeat(long+"x,1\n", 5_000)
	must(t, os.WriteFile(filepath.Join(dir, "a.csv"), []byte(text), 0o666))
	config := `"path":"a.csv"` + abSchema + `,"max_line_bytes":64`
	s, err := source(t, dir, config, nil)
	must(t, err)
	resume, rows, dead := map[string][]byte{}, 0, 0
	for rows < 100 {
		item, err := s.Next(t.Context())
		must(t, err)
		if b := item.Batch; b != nil {
			resume[b.Partition] = b.Cursor
			rows, dead = rows+int(b.NumRows()), dead+len(b.Rejected)
		}
	}
	again, err := source(t, dir, config, resume)
	must(t, err)
	lines, rejected, err := read(t, again)
	if err != nil || rows+len(lines) != 5_000 || dead+len(rejected) != 5_000 || len(lines) == 0 {
		t.Errorf("got %d rows after %d, %d dead letters after %d, %v", len(lines), rows, len(rejected), dead, err)
	}
}

// TestRowThatDecompressesToManyBytesStaysWithinItsLimit: a thousand times the limit
// comes out of a file of some kilobytes, within quotes and without.
func TestRowThatDecompressesToManyBytesStaysWithinItsLimit(t *testing.T) {
	const size, most = 64 << 20, 28 << 20 // zstd keeps a window of 8 MB, twice
	for _, compression := range []textfiles.Compression{textfiles.Gzip, textfiles.Zstd} {
		for _, cell := range []string{`"%s"`, "%s"} {
			dir := t.TempDir()
			writeBomb(t, filepath.Join(dir, "a.csv"), compression, cell, size)
			var lines, rejected []string
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := source(t, dir, `"path":"a.csv"`+abSchema+`,"max_line_bytes":"64KB"`, nil)
			must(t, err)
			lines, rejected, err = read(t, s)
			runtime.ReadMemStats(&after)
			if want := []string{`{"a":"x","b":1}`, `{"a":"y","b":3}`}; err != nil || !slices.Equal(lines, want) ||
				len(rejected) != 1 {
				t.Errorf("%s, %s: got %s, %d dead letters, %v", compression, cell, lines, len(rejected), err)
			}
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > most {
				t.Errorf("%s, %s: reading allocated %d MB, want %d at most", compression, cell, bytes>>20, most>>20)
			}
		}
	}
}

// writeBomb writes three rows, the second one with a cell of size bytes.
func writeBomb(t *testing.T, path string, compression textfiles.Compression, cell string, size int) {
	t.Helper()
	var out bytes.Buffer
	w, err := textfiles.NewWriter(&out, compression, false)
	must(t, err)
	before, after, _ := strings.Cut(cell, "%s")
	write := func(text string) {
		_, err := w.Write([]byte(text))
		must(t, err)
	}
	write("a,b\nx,1\n" + before)
	for block := strings.Repeat("a", 1<<20); size > 0; size -= len(block) {
		write(block)
		must(t, w.Flush())
	}
	write(after + ",2\ny,3\n")
	must(t, w.End())
	must(t, os.WriteFile(path, out.Bytes(), 0o600))
}
