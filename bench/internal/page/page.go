// Package page keeps the figures of a run and writes them into a Markdown page,
// between marks; what stands outside of the marks is written by people.
package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"etlengine/bench/internal/plot"
)

// Section is what one part of the bench found.
type Section struct {
	Name       string   `json:"name"`
	Conditions string   `json:"taken"` // how many rows, rounds and cores, and when
	Tables     []Table  `json:"tables,omitempty"`
	Targets    []Target `json:"targets,omitempty"`
	Texts      []string `json:"notes,omitempty"`
	Charts     []Figure `json:"charts,omitempty"`
}

// Table is a table; its first column is text, the others are numbers.
type Table struct {
	Title string     `json:"title,omitempty"`
	Head  []string   `json:"head"`
	Rows  [][]string `json:"rows"`
}

// Target is what was wanted of a figure.
type Target struct {
	What    string `json:"what"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	Reached bool   `json:"reached"`
}

// Figure is a chart in a file beside the page. Exactly one of the two is set.
type Figure struct {
	Lines *plot.Chart `json:"lines,omitempty"`
	Bars  *plot.Bars  `json:"bars,omitempty"`
}

// Book is all sections, by name.
type Book map[string]Section

// Load reads the figures of earlier runs; there may be none.
func Load(path string) (Book, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Book{}, nil
	}
	if err != nil {
		return nil, err
	}
	var b Book
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// Save writes the figures.
func (b Book) Save(path string) error {
	data, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// Write puts the figures into the page and the charts beside it.
func (b Book) Write(folder, name string, order []string) error {
	path := filepath.Join(folder, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	out := string(text)
	for _, section := range order {
		s, ok := b[section]
		if !ok {
			continue
		}
		if out, err = Replace(out, section, s.Markdown()); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		if err := s.draw(folder); err != nil {
			return err
		}
	}
	if out, err = Replace(out, "targets", b.targets(order)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

func (s Section) draw(folder string) error {
	for _, f := range s.Charts {
		file, svg := f.document()
		if err := os.WriteFile(filepath.Join(folder, file), []byte(svg), 0o644); err != nil {
			return fmt.Errorf("drawing: %w", err)
		}
	}
	return nil
}

func (f Figure) document() (file, svg string) {
	if f.Lines != nil {
		return f.Lines.File, f.Lines.SVG()
	}
	return f.Bars.File, f.Bars.SVG()
}

func (f Figure) title() string {
	if f.Lines != nil {
		return f.Lines.Title
	}
	return f.Bars.Title
}

// Replace puts text between the marks of a name, which stay.
func Replace(page, name, text string) (string, error) {
	begin, end := "<!-- bench:"+name+" -->\n", "<!-- end of "+name+" -->"
	before, tail, ok := strings.Cut(page, begin)
	if !ok {
		return "", fmt.Errorf("want the mark %q, got none", strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(tail, end)
	if !ok {
		return "", fmt.Errorf("want the mark %q behind %q, got none", end, strings.TrimSpace(begin))
	}
	return before + begin + text + end + after, nil
}

// Markdown is the section as it stands on the page and on a terminal.
func (s Section) Markdown() string {
	var b strings.Builder
	for _, t := range s.Tables {
		if t.Title != "" {
			fmt.Fprintf(&b, "%s\n\n", t.Title)
		}
		b.WriteString(t.markdown())
		b.WriteByte('\n')
	}
	for _, n := range s.Texts {
		fmt.Fprintf(&b, "* %s\n", n)
	}
	if len(s.Texts) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range s.Charts {
		file, _ := f.document()
		fmt.Fprintf(&b, "![%s](%s)\n\n", f.title(), file)
	}
	fmt.Fprintf(&b, "_%s_\n", s.Conditions)
	return b.String()
}

func (t Table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|---|%s\n", strings.Join(t.Head, " | "), strings.Repeat("--:|", len(t.Head)-1))
	for _, row := range t.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// targets is a table of the targets of all sections.
func (b Book) targets(order []string) string {
	t := Table{Head: []string{"target", "wanted", "measured", ""}}
	for _, name := range order {
		for _, target := range b[name].Targets {
			reached := "**missed**"
			if target.Reached {
				reached = "reached"
			}
			t.Rows = append(t.Rows, []string{target.What, target.Want, target.Got, reached})
		}
	}
	return t.markdown()
}
