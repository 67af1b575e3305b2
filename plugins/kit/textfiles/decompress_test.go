package textfiles_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"etlengine/plugins/kit/textfiles"
)

// readText is all that a file holds, read as the formats of text do.
func readText(t *testing.T, data string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := textfiles.Open(path, 1<<20)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	if err := in.More(); err != nil {
		return "", err
	}
	if err := in.Begin(0); err != nil {
		return "", err
	}
	var all []byte
	for {
		lines, _, err := in.Lines(nil, 1<<10)
		if errors.Is(err, io.EOF) {
			return string(all), nil
		}
		if err != nil {
			return string(all), err
		}
		all = append(all, lines...)
	}
}

func gzipped(t *testing.T, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&out)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestWholeCompressedFilesAreRead(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(text string) string { return string(encoder.EncodeAll([]byte(text), nil)) }
	skippable := "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	tests := []struct{ name, data, want string }{
		{"one member", gzipped(t, "a\n"), "a\n"},
		{"members, one of them empty", gzipped(t, "a", "", "b\n"), "ab\n"},
		{"padding", gzipped(t, "a\n") + strings.Repeat("\x00", 1000), "a\n"},
		{"one zero", gzipped(t, "a\n") + "\x00", "a\n"},
		{"frames", frame("a") + frame("") + frame("b\n"), "ab\n"},
		{"a skippable frame first", skippable + frame("a\n"), "a\n"},
		{"skippable frames everywhere", skippable + skippable + frame("a") + skippable + frame("b\n") + skippable, "ab\n"},
		{"nothing but a skippable frame", skippable, ""},
	}
	for _, tt := range tests {
		if got, err := readText(t, tt.data); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestWhatIsNoTextIsNamed(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := gzipped(t, strings.Repeat("abc\n", 100))
	zstdOf := func(text string) string { return string(encoder.EncodeAll([]byte(text), nil)) }
	frame, skippable := zstdOf("a\n"), "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc"
	// Several blocks: compressed, run-length encoded, and some that are as they are.
	random := make([]byte, 300<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	long := zstdOf(strings.Repeat("abc\n", 1<<18) + strings.Repeat("x", 1<<20) + string(random))
	const utf16 = "a\x00,\x00b\x00\n\x00"
	tests := []struct{ name, data, want string }{
		{"bytes behind gzip", whole + "garbage", `its compressed data is whole, and behind it stand bytes that are no gzip, "garbage"`},
		{"bytes behind padding", whole + "\x00\x00x", `no gzip, "x": were they added to the file? (2 zeros before them`},
		{"a member cut short", whole + whole[:5], "reading the next gzip member: unexpected EOF"},
		{"gzip cut short", whole[:20], "the file ends in the middle of its compressed data"},
		{"bytes behind zstd", frame + "garbage", `behind its whole zstd frames stand bytes that are none, "garbage"`},
		{"one byte behind zstd", frame + "\n", `bytes that are none, "\n": is the file damaged`},
		{"three bytes behind zstd", skippable + frame + long + "abc", `bytes that are none, "abc": `},
		{"a zstd frame cut short at its mark", frame + frame[:3], "the file ends in the middle of its compressed data"},
		{"a zstd frame cut short", long + frame[:len(frame)-1], "the file ends in the middle of its compressed data"},
		{"a zstd frame cut short by much", long[:len(long)/2], "the file ends in the middle of its compressed data"},
		{"gzip within gzip", gzipped(t, whole), "want text, got gzip within gzip: was the file compressed twice?"},
		{"zstd within gzip", gzipped(t, frame), "got zstd within gzip"},
		{"gzip within zstd", zstdOf(whole), "got gzip within zstd"},
		{"zstd within zstd", zstdOf(skippable + frame), "got zstd within zstd"},
		{"a zip within gzip", gzipped(t, "PK\x03\x04...."), "in gzip: want text, plain or compressed with gzip or zstd, " +
			"got a file of the format zip"},
		{"bzip2", "BZh91AY&SY", "format bzip2"},
		{"xz", "\xfd7zXZ\x00\x00\x04", "format xz"},
		{"zip", "PK\x03\x04....", "format zip"},
		{"Parquet", "PAR1\x15\x04", "format Parquet, which the plugin parquet reads"},
		{"UTF-16", "\xff\xfea\x00", "want UTF-8, got UTF-16: convert the file, with iconv -f utf-16 -t utf-8"},
		{"UTF-16 of the other order", "\xfe\xff\x00a", "got UTF-16: "},
		{"UTF-16 without a mark", utf16, "got UTF-16LE: convert the file, with iconv -f utf-16le"},
		{"the other order without a mark", "\x00" + utf16[:7], "got UTF-16BE: "},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", "got UTF-32: convert the file, with iconv -f utf-32 "},
		{"UTF-32 of the other order", "\x00\x00\xfe\xff\x00\x00\x00a", "got UTF-32: "},
		{"UTF-32 without a mark", "a\x00\x00\x00b\x00\x00\x00", "got UTF-32LE: "},
		{"CR alone", "a,b\r1,2\r3,4\r", `got a file whose lines end in CR alone: convert it, with tr '\r' '\n'`},
	}
	for _, tt := range tests {
		if _, err := readText(t, tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestTextWithCRInItIsRead(t *testing.T) {
	for _, text := range []string{"a\r", "a\r\nb\r\n", "\"a\rb\",c", "a\rb\nc", "\xef\xbb\xbfa\n", ""} {
		want := strings.TrimPrefix(text, "\xef\xbb\xbf")
		if got, err := readText(t, text); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
