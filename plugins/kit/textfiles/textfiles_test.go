package textfiles_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/textfiles"
	"etlengine/plugins/sdk"
)

var compressions = []textfiles.Compression{textfiles.None, textfiles.Gzip, textfiles.Zstd}

func compress(t testing.TB, out io.Writer, c textfiles.Compression, texts ...string) {
	t.Helper()
	w, err := textfiles.NewWriter(out, c, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range texts {
		if _, err := io.WriteString(w, frame); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

func fileOf(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t testing.TB, data []byte, most int) *textfiles.Input {
	t.Helper()
	in, err := textfiles.Open(fileOf(t, data), most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// all reads to the end, some bytes at a time.
func all(in *textfiles.Input, step int) (string, error) {
	var text strings.Builder
	for {
		n := min(step, len(in.Data()))
		text.Write(in.Data()[:n])
		in.Advance(n)
		if n > 0 {
			continue
		}
		if in.Final() {
			return text.String(), nil
		}
		if err := in.More(); err != nil {
			return text.String(), err
		}
	}
}

func TestEveryFlushEndsAWholeFile(t *testing.T) {
	for _, c := range compressions {
		t.Run(string(c), func(t *testing.T) {
			var file bytes.Buffer
			w, err := textfiles.NewWriter(&file, c, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"one,", "", "two,", strings.Repeat("three", 100_000)} {
				if _, err := io.WriteString(w, text); err != nil {
					t.Fatal(err)
				}
				if err := w.Flush(); err != nil {
					t.Fatal(err)
				}
				if got, err := all(opened(t, file.Bytes(), 100), 1000); err != nil || !strings.HasSuffix(got, text) {
					t.Errorf("after %.10q: got %d bytes, %v", text, len(got), err)
				}
			}
			compress(t, &file, c, "appended by another writer")
			got, err := all(opened(t, file.Bytes(), 100), 1000)
			if want := "one,two," + strings.Repeat("three",
				100_000) + "appended by another writer"; err != nil || got != want {
				t.Errorf("got %d bytes, want %d, %v", len(got), len(want), err)
			}
			if c != textfiles.None && file.Len() > len(got)/10 {
				t.Errorf("%d bytes became %d", len(got), file.Len())
			}
		})
	}
}

func TestNothingWrittenIsNoFrame(t *testing.T) {
	for _, c := range compressions {
		var file bytes.Buffer
		if compress(t, &file, c, "", ""); file.Len() > 0 {
			t.Errorf("%s: got %d bytes", c, file.Len())
		}
	}
}

func TestSuffixes(t *testing.T) {
	if got := fmt.Sprint(textfiles.Suffixes(".csv")); got != "[.csv .csv.gz .csv.zst]" {
		t.Errorf("got %s", got)
	}
}

func TestUnknownCompressionIsRefused(t *testing.T) {
	c := textfiles.Compression("lz4")
	if err := c.Validate(); err == nil || err.Error() != `want none, gzip or zstd, got "lz4"` {
		t.Errorf("got %v", err)
	}
}

func TestTruncatedCompressedFileIsNamed(t *testing.T) {
	for _, c := range compressions[1:] {
		var file bytes.Buffer
		compress(t, &file, c, strings.Repeat("some text that compresses well ", 100_000))
		path := fileOf(t, file.Bytes()[:file.Len()-20])
		in, err := textfiles.Open(path, 100)
		if err == nil {
			_, err = all(in, 1<<20)
			defer in.Close()
		}
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in the middle") {
			t.Errorf("%s: got %v", c, err)
		}
	}
}

func TestMissingFileIsNamed(t *testing.T) {
	if _, err := textfiles.Open(filepath.Join(t.TempDir(), "no.csv"), 100); err == nil ||
		!strings.Contains(err.Error(), "no.csv") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestPiecesGrowUpToTheLimit(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 200_000)
	in := opened(t, data, 1_500_000)
	var err error
	for err == nil && !in.Final() {
		err = in.More()
	}
	if !errors.Is(err, textfiles.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
	if n := len(in.Data()); n <= 1_500_000 || !bytes.Equal(in.Data(), data[:n]) {
		t.Errorf("got %d bytes, want more than the limit and the file's own", n)
	}
	in.Advance(len(in.Data()) - 7)
	left := bytes.Clone(in.Data())
	if err := in.More(); err != nil || !bytes.HasPrefix(in.Data(), left) {
		t.Errorf("after advancing: %v", err)
	}
}

func TestSkipLineCrossesPieces(t *testing.T) {
	in := opened(t, append(bytes.Repeat([]byte("x"), 1_000_000), "\nnext\nlast"...), 10)
	for _, want := range []string{"next\nlast", "last", ""} {
		if err := in.SkipLine(); err != nil || string(in.Data()) != want {
			t.Errorf("got %q, %v, want %q", in.Data(), err, want)
		}
	}
	if err := in.SkipLine(); err != nil || !in.Final() {
		t.Errorf("at the end: %v", err)
	}
	if in.Offset() != 1_000_010 {
		t.Errorf("got offset %d", in.Offset())
	}
}

// fakeRows counts.
type fakeRows struct{ rows, bytes int }

func (f *fakeRows) Rows() int  { return f.rows }
func (f *fakeRows) Bytes() int { return f.bytes }

func (f *fakeRows) MaxRowBytes(text int) int { return text }
func (f *fakeRows) NewRecordBatch() arrow.RecordBatch {
	*f = fakeRows{}
	return sdk.EmptyRows(arrow.NewSchema(nil, nil))
}

func TestBatchEndsWhenItIsFull(t *testing.T) {
	rows := &fakeRows{}
	b := textfiles.Batch{Rows: rows, WithPositions: true}
	step := func() error {
		if !b.Fits(3 << 20) {
			return textfiles.ErrFull
		}
		rows.rows, rows.bytes = rows.rows+1, rows.bytes+3<<20
		b.Accept(int64(rows.rows))
		return nil
	}
	for range 2 {
		steps := 0
		_, _, err := b.Next(t.Context(), func() error { steps++; return step() })
		if err != nil || steps != 3 {
			t.Errorf("by bytes: got %d steps, %v, want two rows and a refusal", steps, err)
		}
		if got := b.Positions(); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("got the positions %v, want 1 and 2", got)
		}
	}
	*rows = fakeRows{}
	_, _, err := b.Next(t.Context(), func() error { rows.rows++; return nil })
	if err != nil || rows.rows != 0 {
		t.Errorf("by rows: got %v", err)
	}
}

func TestBatchOfRejectsIsBounded(t *testing.T) {
	b := textfiles.Batch{Rows: &fakeRows{}}
	raw := bytes.Repeat([]byte("x"), 100_000)
	_, rejected, err := b.Next(t.Context(), func() error {
		b.Reject(7, errors.New("reason"), append(raw, "\r\n"...))
		return nil
	})
	if err != nil || len(rejected) != 11 || rejected[0].Position != 7 || !bytes.Equal(rejected[0].Raw, raw) {
		t.Errorf("got %d rejects, %v", len(rejected), err)
	}
}

func TestErrorComesAfterWhatWasReadBeforeIt(t *testing.T) {
	rows := &fakeRows{}
	b := textfiles.Batch{Rows: rows}
	step := func() error {
		if rows.rows++; rows.rows > 2 {
			rows.rows--
			return io.EOF
		}
		return nil
	}
	if got, _, err := b.Next(t.Context(), step); err != nil || got == nil {
		t.Errorf("got %v, %v, want rows", got, err)
	}
	for range 2 {
		if got, _, err := b.Next(t.Context(), step); !errors.Is(err, io.EOF) || got != nil {
			t.Errorf("got %v, %v, want io.EOF", got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Next(ctx, step); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestLimitsAreBounded(t *testing.T) {
	for limit, ok := range map[sdk.Bytes]bool{1: false, 64: true, textfiles.DefaultLimit: true,
		7 << 20: true, 8 << 20: false} {
		if err := textfiles.CheckLimit(limit); (err == nil) != ok {
			t.Errorf("%v: got %v", limit, err)
		}
	}
	if textfiles.CheckSchema(nil) == nil || textfiles.CheckSchema(make(sdk.Schema, 1)) != nil {
		t.Error("schema: want none refused, and one taken")
	}
}
