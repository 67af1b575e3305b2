package textfiles_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"etlengine/plugins/kit/textfiles"
)

// allocated returns how many bytes f allocates, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// bomb writes a file whose second line has size bytes, compressed by compress.
func bomb(t *testing.T, size int, compress func(*bytes.Buffer) *textfiles.Writer) string {
	t.Helper()
	var out bytes.Buffer
	w := compress(&out)
	block := bytes.Repeat([]byte("a"), 1<<20)
	write := func(data []byte) {
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("first\n"))
	for range size / len(block) {
		write(block)
		if err := w.Flush(); err != nil { // a member, or a frame, of its own
			t.Fatal(err)
		}
	}
	write([]byte("\nlast\n"))
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLineThatDecompressesToManyBytesTakesNoMoreThanItsLimit: the lines around it are
// read. A thousand times the limit comes out of a file of some kilobytes.
func TestLineThatDecompressesToManyBytesUsesNoMoreThanItsLimit(t *testing.T) {
	const limit, size, most = 64 << 10, 64 << 20, 24 << 20 // zstd keeps a window of 8 MB, twice
	for _, c := range []textfiles.Compression{textfiles.Gzip, textfiles.Zstd} {
		path := bomb(t, size, func(out *bytes.Buffer) *textfiles.Writer {
			w, err := textfiles.NewWriter(out, c, false)
			if err != nil {
				t.Fatal(err)
			}
			return w
		})
		var got []string
		bytes := allocated(func() {
			in, err := textfiles.Open(path, limit)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }()
			for {
				text, tooLong, err := in.Lines(nil, 8)
				if err != nil {
					break
				}
				if tooLong {
					got = append(got, "too long")
					continue
				}
				got = append(got, string(text))
			}
		})
		if s := strings.Join(got, "|"); s != "first\n|too long|last\n" {
			t.Errorf("%s: got %q", c, s)
		}
		if bytes > most {
			t.Errorf("%s: reading took %d MB, want %d at most", c, bytes>>20, most>>20)
		}
	}
}

// TestSizesThatZstdClaimsAreNotAllocated: windows, and sizes of contents, that frames of
// ten bytes claim.
func TestSizesThatZstdClaimsAreNotAllocated(t *testing.T) {
	const (
		magic = "\x28\xb5\x2f\xfd"
		line  = "\x23\x00\x00\n" // the last block: four line breaks, run-length encoded
		limit = 2 << 20
	)
	window := func(log int) string { return string([]byte{0, byte((log - 10) << 3)}) }
	tests := []struct{ name, data, want string }{
		{"a small window", magic + window(20) + line, ""},
		{"a window of 256 MB", magic + window(28) + line, "want a zstd window of at most 128MB"},
		{"a window of 512 MB", magic + window(29) + line, "want a zstd window of at most 128MB"},
		{"a window of 2 TB", magic + window(41) + line, "want a zstd window of at most 128MB"},
		{"contents of 1 GB", magic + "\xa0\x00\x00\x00\x40" + line, "want a zstd window of at most 128MB"},
		{"contents of 8 EB", magic + "\xe0\xff\xff\xff\xff\xff\xff\xff\x7f" + line, "want a zstd window of at most 128MB"},
		{"behind a whole frame", magic + window(20) + line + magic + window(29) + line,
			"want a zstd window of at most 128MB"},
	}
	for _, tt := range tests {
		var err error
		bytes := allocated(func() { _, err = readText(t, tt.data) })
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if bytes > 2*limit+4<<20 {
			t.Errorf("%s: reading took %d MB", tt.name, bytes>>20)
		}
	}
}

// TestManyEmptyMembersTakeNoMemoryOfTheirOwn: a member has 20 bytes at the least.
func TestManyEmptyMembersUseNoMemoryOfTheirOwn(t *testing.T) {
	const members = 20_000
	empty := gzipped(t, "")
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		t.Fatal(err)
	}
	frame := string(encoder.EncodeAll(nil, nil))
	for name, data := range map[string]string{
		"gzip": strings.Repeat(empty, members) + gzipped(t, "a\n"),
		"zstd": strings.Repeat(frame, members) + string(encoder.EncodeAll([]byte("a\n"), nil)),
	} {
		var got string
		bytes := allocated(func() { got, err = readText(t, data) })
		if got != "a\n" || err != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if bytes > 16<<20 {
			t.Errorf("%s: reading took %d MB", name, bytes>>20)
		}
	}
}
