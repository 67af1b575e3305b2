package files

import (
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

func TestFoldersGiveColumns(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/day=2026-01-02/kind=a%2Fb/a.txt"), "1\n2\n")
	put(t, filepath.Join(dir, "in/day=2026-01-03/kind="+hiveNull+"/a.txt"), "3\n")
	cfg := DefaultSource()
	cfg.Path = "in"
	cfg.Schema = sdk.Schema{{Key: "kind", Value: sdk.Column{Type: "string"}}, numberSchema[0],
		{Key: "day", Value: sdk.Column{Type: "date"}}}
	s, err := NewSource(cfg, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := drainAll(t, s.(sdk.Source))
	a, b := "in/day=2026-01-02/kind=a%2Fb/a.txt", "in/day=2026-01-03/kind="+hiveNull+"/a.txt"
	wantItems(t, got, "partitions "+a+" "+b, a+": a/b/1/2026-01-02 a/b/2/2026-01-02", a+": ",
		"partitions "+b, b+": (null)/3/2026-01-03", b+": ")

	cfg.Schema[2].Value.Type = "int64"
	s, err = NewSource(cfg, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	src := s.(sdk.Source)
	for err == nil {
		_, err = src.Next(t.Context())
	}
	wantError(t, err, "opening in/day=2026-01-02",
		`day: a column of type int64 cannot be read from "2026-01-02"`)
	cfg.Schema[2].Value.Type, cfg.Schema[0].Value.Required = "date", true
	if s, err = NewSource(cfg, sourceEnv(dir, nil), numbers); err != nil {
		t.Fatal(err)
	}
	src = s.(sdk.Source)
	for err == nil {
		_, err = src.Next(t.Context())
	}
	wantError(t, err, "kind: want a value, the folder says null")
}

func TestAColumnThatTwoFoldersGiveIsRefused(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "in/kind=a/kind=b/a.txt"), "1\n")
	cfg := DefaultSource()
	cfg.Path, cfg.Schema = "in", sdk.Schema{numberSchema[0], {Key: "kind", Value: sdk.Column{Type: "string"}}}
	s, err := NewSource(cfg, sourceEnv(dir, nil), numbers)
	for err == nil {
		_, err = s.(sdk.Source).Next(t.Context())
	}
	wantError(t, err, "opening in/kind=a/kind=b/a.txt: kind: want one folder that gives the column, got 2: a, b")
}

func TestWhatASinkWroteIsReadBack(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig()
	cfg.Path, cfg.PartitionBy = "out", []string{"kind"}
	k, err := newSink(cfg, testSchema, testEnv(dir), Format{Suffix: ".txt",
		Start: func(w io.Writer, _ *arrow.Schema, _ bool) (Encoder, error) { return &lineEncoder{w: w}, nil }},
		staging.OSDisk{})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	write(t, k, batchOf(0, 6, "x/y", "-", "z"))
	commit(t, k, 1, prepare(t, k, 1, true))
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	in := DefaultSource()
	in.Path, in.Schema = "out", sdk.Schema{numberSchema[0], {Key: "kind", Value: sdk.Column{Type: "string"}}}
	s, err := NewSource(in, sourceEnv(dir, nil), numbers)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	items, _ := drainAll(t, s.(sdk.Source))
	for _, item := range items {
		_, values, _ := strings.Cut(item, ": ")
		for v := range strings.FieldsSeq(values) {
			rows[v] = true
		}
	}
	want := map[string]bool{"0/x/y": true, "1/(null)": true, "2/z": true,
		"3/x/y": true, "4/(null)": true, "5/z": true}
	if !maps.Equal(rows, want) {
		t.Errorf("want %v, got %v", want, rows)
	}
}
