package redpanda

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/kit/staging"
)

// column is strings; a nil is null.
func column(values ...any) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	for _, v := range values {
		if v == nil {
			b.AppendNull()
		} else {
			b.Append(v.(string))
		}
	}
	return b.NewStringArray()
}

// spooled is a sealed spool of rows with a key, a raw value and a header.
func spooled(t testing.TB, keys, values, headers arrow.Array) *spool {
	t.Helper()
	s, err := createSpool(staging.Area{Disk: staging.OSDisk{Private: true}, Folder: t.TempDir()}, 7, []string{"h"})
	if err != nil {
		t.Fatal(err)
	}
	e := &encoder{key: keys, headers: []arrow.Array{headers}, empty: values.IsNull,
		value: func(dst []byte, row int) []byte { return appendPlain(dst, values, row) }}
	for row := range keys.Len() {
		at, _ := s.put(e, row, int64(1000+row))
		if err := s.end(at, int32(row%3)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.flush(), s.seal()); err != nil {
		t.Fatal(err)
	}
	return s
}

// text is all that a spool of some bytes holds.
func text(raw []byte) ([]string, error) {
	r, err := readSpool(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	var lines []string
	for s := new(slab); ; {
		if err := r.next(s); err == io.EOF {
			return lines, nil
		} else if err != nil {
			return nil, err
		}
		for _, record := range s.records {
			line := fmt.Sprintf("%d@%d %q/%t=%q/%t", record.Partition, record.Timestamp.UnixMilli(),
				record.Key, record.Key == nil, record.Value, record.Value == nil)
			for _, h := range record.Headers {
				line += fmt.Sprintf(" %s=%q/%t", h.Key, h.Value, h.Value == nil)
			}
			lines = append(lines, line)
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSpoolGivesBackWhatWasPut(t *testing.T) {
	large := strings.Repeat("x", 3*blockBytes)
	s := spooled(t, column("a", nil, "", "b"), column("1", "2", nil, large), column("x", "", nil, "y"))
	got, err := text(read(t, s.path()))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`0@1000 "a"/false="1"/false h="x"/false`, `1@1001 ""/true="2"/false h=""/false`,
		`2@1002 ""/false=""/true h=""/true`, fmt.Sprintf(`0@1003 "b"/false=%q/false h="y"/false`, large)}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %.500s\nwant %.500s", got, want)
	}
	if info, err := os.Stat(s.path()); err != nil || info.Mode().Perm() != 0o600 || info.Size() != s.size {
		t.Errorf("file: got %v of %d bytes, %v, want rw------- of %d", info.Mode(), info.Size(), err, s.size)
	}
	if fmt.Sprint(s.counts) != "[2 1 1]" || s.total != 4 {
		t.Errorf("counts: got %v of %d", s.counts, s.total)
	}
}

func TestTornOrDamagedSpoolIsRecognised(t *testing.T) {
	s := spooled(t, column("a", "b"), column("1", "2"), column("x", nil))
	raw := read(t, s.path())
	for at := range raw {
		torn := raw[:at]
		if _, err := readAll(torn, int64(len(raw))); err == nil {
			t.Errorf("cut at byte %d: read as whole", at)
		}
		damaged := bytes.Clone(raw)
		damaged[at] ^= 1 << (at % 8)
		if _, err := text(damaged); !errors.Is(err, errDamaged) {
			t.Errorf("byte %d changed: got %v, want %v", at, err, errDamaged)
		}
	}
	longer := append(bytes.Clone(raw), 0)
	for name, content := range map[string][]byte{"torn": raw[:len(raw)-1], "longer": longer} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		area := staging.Area{Disk: staging.OSDisk{}, Folder: filepath.Dir(path)}
		_, err := openSpool(area, &sealed{Name: name, Length: int64(len(raw))})
		if !errors.Is(err, errDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want it named", name, err)
		}
	}
}

func readAll(raw []byte, length int64) (int, error) {
	r, err := readSpool(bytes.NewReader(raw), length)
	if err != nil {
		return 0, err
	}
	n := 0
	for s := new(slab); ; n += len(s.records) {
		if err := r.next(s); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// Whatever a file holds, reading it ends, needs no more memory than the file,
// and gives back only what has its checksum.
func FuzzSpool(f *testing.F) {
	s := spooled(f, column("a", nil), column("1", "2"), column("x", nil))
	f.Add(read(f, s.path()))
	f.Add([]byte(spoolMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines, err := text(raw)
		if err != nil {
			return
		}
		again, err := text(bytes.Clone(raw))
		if err != nil || len(again) != len(lines) || len(lines)*recordHead > len(raw) {
			t.Errorf("%d records of %d bytes, then %d, %v", len(lines), len(raw), len(again), err)
		}
	})
}

func TestSpoolsStayInTheStateDirectory(t *testing.T) {
	seen := make(map[string]string)
	for _, name := range []string{"a", "a-b", "..", ".", "", "a/b", "../../x", `c:\x`, "é", "a.spool", "~"} {
		folder := spoolArea("state", owner{"id", name, name}).Folder
		if inside, err := filepath.Rel("state", folder); err != nil || !filepath.IsLocal(inside) ||
			strings.Count(filepath.ToSlash(inside), "/") != 2 {
			t.Errorf("%q: got %s, want a folder two below state/spool", name, folder)
		}
		if other, twice := seen[folder]; twice {
			t.Errorf("%q and %q share %s", name, other, folder)
		}
		seen[folder] = name
	}
}
