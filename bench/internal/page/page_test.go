package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etlengine/bench/internal/plot"
)

func TestReplaceKeepsWhatPeopleWrote(t *testing.T) {
	page := "before\n<!-- bench:full -->\nold\n<!-- end of full -->\nafter\n"
	got, err := Replace(page, "full", "new\n")
	want := "before\n<!-- bench:full -->\nnew\n<!-- end of full -->\nafter\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := Replace(page, "other", "new\n"); err == nil || !strings.Contains(err.Error(), "bench:other") {
		t.Errorf("got %v, want the mark that is missing", err)
	}
}

func TestBookComesBackAndIsWritten(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "results.json")
	book, err := Load(path)
	if err != nil || len(book) != 0 {
		t.Fatalf("no file: got %v, %v, want an empty book", book, err)
	}
	book["full"] = Section{
		Name: "full", Conditions: "1 row", Texts: []string{"a note"},
		Tables:  []Table{{Head: []string{"program", "wall"}, Rows: [][]string{{"engine", "1 s"}}}},
		Targets: []Target{{What: "wall", Want: "≤ 1", Got: "0.9", Reached: true}, {What: "memory", Want: "≤ 1"}},
		Charts:  []Figure{{Bars: &plot.Bars{File: "full.svg", Title: "Wall"}}},
	}
	if err := book.Save(path); err != nil {
		t.Fatal(err)
	}
	if book, err = Load(path); err != nil {
		t.Fatal(err)
	}
	text := "<!-- bench:targets -->\n<!-- end of targets -->\n<!-- bench:full -->\n<!-- end of full -->\n"
	if err := os.WriteFile(filepath.Join(folder, "p.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := book.Write(folder, "p.md", []string{"full", "absent"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(folder, "p.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| engine | 1 s |", "* a note", "![Wall](full.svg)", "_1 row_",
		"| wall | ≤ 1 | 0.9 | reached |", "| memory | ≤ 1 |  | **missed** |"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the page lacks %q:\n%s", want, data)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "full.svg")); err != nil {
		t.Errorf("the chart: %v", err)
	}
}
