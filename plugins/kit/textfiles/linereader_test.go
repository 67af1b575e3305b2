package textfiles_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/sdk"
)

const longest = 3000

// lineTexts takes lines as they are, but for those that begin with a !.
type lineTexts struct{ *columns.Builder }

func (l lineTexts) Append(line []byte) error {
	switch {
	case bytes.HasPrefix(line, []byte("!")):
		return errors.New("bad")
	case bytes.HasPrefix(line, []byte("panic")):
		panic("on purpose")
	}
	l.Columns()[0].SetBytes(line)
	return l.Commit()
}

func (l lineTexts) UnknownKeys() int64 { return 0 }

func newLineTexts() textfiles.LineDecoder {
	return lineTexts{columns.NewBuilder(sdk.Schema{{Key: "line", Value: sdk.Column{Type: "string"}}})}
}

// record is a line that is not blank.
type record struct {
	line int64
	text string
	bad  bool
}

// someText has blank lines, bad ones and such as are too long.
func someText(random *rand.Rand, size int) string {
	var text strings.Builder
	for text.Len() < size {
		switch random.IntN(20) {
		case 0:
			text.WriteString(" \r")
		case 1:
			text.WriteString("!bad")
		case 2:
			text.WriteString(strings.Repeat("y", longest-2+random.IntN(5)))
		default:
			text.WriteString(strings.Repeat("x", random.IntN(100)))
		}
		if random.IntN(20_000) == 0 {
			text.WriteString(strings.Repeat("z", 1_500_000))
		}
		text.WriteByte('\n')
	}
	return text.String()[:text.Len()-random.IntN(2)]
}

// recordsOf reads line by line.
func recordsOf(text string) (records []record) {
	number := int64(0)
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.TrimSpace(line) == "":
		case len(line) > longest:
			records = append(records, record{number, line[:min(len(line), 4096)], true})
		default:
			records = append(records, record{number, line, line[0] == '!'})
		}
	}
	return records
}

// drained is all that a reader gives, each batch in the order of its lines.
func drained(t *testing.T, r *textfiles.LineReader) (records []record, err error) {
	t.Helper()
	for {
		rows, rejected, err := r.Next(t.Context())
		if err != nil {
			return records, err
		}
		before := len(records)
		for _, reject := range rejected {
			records = append(records, record{reject.Position, string(reject.Raw), true})
		}
		if rows != nil {
			for i, at := range r.Positions() {
				records = append(records, record{at, rows.Column(0).(*array.String).Value(i), false})
			}
		}
		batch := records[before:]
		slices.SortFunc(batch, func(a, b record) int { return int(a.line - b.line) })
		if before > 0 && batch[0].line <= records[before-1].line {
			t.Fatalf("a batch with line %d came after line %d", batch[0].line, records[before-1].line)
		}
	}
}

func lineReader(t *testing.T, data []byte, done int64) *textfiles.LineReader {
	t.Helper()
	in, err := textfiles.Open(fileOf(t, data), longest)
	if err != nil {
		t.Fatal(err)
	}
	r, err := textfiles.ReadLines(t.Context(), in, done, true, newLineTexts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func manyProcs(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestLinesAreAsIfReadOneByOne(t *testing.T) {
	manyProcs(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{100, 300_000, 5_000_000} {
		text := someText(random, size)
		want := recordsOf(text)
		for _, c := range compressions {
			var file bytes.Buffer
			compress(t, &file, c, text)
			for _, done := range []int{0, 1, random.IntN(len(want)), len(want)} {
				got, err := drained(t, lineReader(t, file.Bytes(), int64(done)))
				if !errors.Is(err, io.EOF) {
					t.Fatalf("%d bytes, %s, from %d: %v", size, c, done, err)
				}
				sameRecords(t, fmt.Sprintf("%d bytes, %s, from %d", size, c, done), got, want[done:])
			}
		}
	}
}

func sameRecords(t *testing.T, what string, got, want []record) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s, record %d: got %.200v, want %.200v", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got %d records, want %d", what, len(got), len(want))
	}
}

func TestFileThatBecameShorterIsRefused(t *testing.T) {
	in, err := textfiles.Open(fileOf(t, []byte("a\n\nb\n")), longest)
	if err != nil {
		t.Fatal(err)
	}
	_, err = textfiles.ReadLines(t.Context(), in, 3, false, newLineTexts)
	if err == nil || !strings.Contains(err.Error(), "want the 3 records that were read before, got 2") {
		t.Errorf("got %v", err)
	}
}

func TestErrorComesAfterTheLinesBeforeIt(t *testing.T) {
	manyProcs(t)
	text := someText(rand.New(rand.NewPCG(3, 4)), 5_000_000)
	want := recordsOf(text)
	for _, c := range compressions[1:] {
		var file bytes.Buffer
		compress(t, &file, c, text)
		r := lineReader(t, file.Bytes()[:file.Len()/2], 0)
		got, err := drained(t, r)
		if err == nil || !strings.Contains(err.Error(), "in the middle") {
			t.Errorf("%s: got %v", c, err)
		}
		if len(got) < len(want)/4 || len(got) > len(want)*3/4 {
			t.Errorf("%s: got %d of %d records of half a file", c, len(got), len(want))
		}
		sameRecords(t, string(c), got, want[:len(got)])
		if _, _, again := r.Next(t.Context()); !errors.Is(again, err) {
			t.Errorf("%s: once more: got %v, want %v", c, again, err)
		}
	}
}

func TestPanicOfADecoderIsAnError(t *testing.T) {
	manyProcs(t)
	lines := strings.Repeat("0123456789\n", 100_000)
	got, err := drained(t, lineReader(t, []byte(lines+"panic\n"+lines), 0))
	if err == nil || !strings.Contains(err.Error(), "panic: on purpose\n") ||
		!strings.Contains(err.Error(), "lineTexts.Append") {
		t.Errorf("got %v, want the panic and where it was", err)
	}
	if len(got) > 100_000 || len(got) < 90_000 {
		t.Errorf("got %d records before it", len(got))
	}
}

func TestReadingAheadIsBounded(t *testing.T) {
	manyProcs(t)
	r := lineReader(t, bytes.Repeat([]byte("0123456789\n"), 3_000_000), 0)
	if rows, _, err := r.Next(t.Context()); err != nil || rows.NumRows() != sdk.DefaultBatchRows {
		t.Fatalf("got %v, %v", rows, err)
	}
	if r.Offset() > 1<<20 {
		t.Errorf("the first batch ends before %d", r.Offset())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
} // Close waits for goroutines that can hand on no more

func BenchmarkLineReader(b *testing.B) {
	data := bytes.Repeat([]byte(strings.Repeat("x", 180)+"\n"), 200_000)
	path := fileOf(b, data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		in, err := textfiles.Open(path, longest)
		if err != nil {
			b.Fatal(err)
		}
		r, err := textfiles.ReadLines(b.Context(), in, 0, false, newLineTexts)
		if err != nil {
			b.Fatal(err)
		}
		var rows arrow.RecordBatch
		for err == nil {
			rows, _, err = r.Next(b.Context())
		}
		if _ = rows; !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
