package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/verify"
)

// bench is what the parts share.
type bench struct {
	ctx        context.Context
	dir        string // everything lies in it
	rows, runs int
	tools      map[string]string // built programs by name
	sparkDir   string            // what spark/setup fills; "": a folder in dir
}

func (b *bench) log(line string) { fmt.Fprintln(os.Stderr, line) }

// tool builds a program when it is first wanted.
func (b *bench) tool(name string) (string, error) {
	if path := b.tools[name]; path != "" {
		return path, nil
	}
	path := filepath.Join(b.dir, "bin", name)
	args := []string{"build", "-trimpath", "-o", path, "./cmd/" + name}
	if name == "engine" { // with the versions of its own module, as users build it
		args = []string{"build", "-C", "..", "-trimpath", "-o", path, "./engine"}
	}
	b.log("building " + name)
	cmd := exec.CommandContext(b.ctx, "go", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	b.tools[name] = path
	return path, nil
}

// build makes sure that programs are there.
func (b *bench) build(names ...string) error {
	for _, name := range names {
		if _, err := b.tool(name); err != nil {
			return err
		}
	}
	return nil
}

// data is a file of JSON lines; it is written when it is first wanted, and stays.
func (b *bench) data(kind string, rows, width int) (string, error) {
	path := filepath.Join(b.dir, fmt.Sprintf("%s-%d-%d.jsonl", kind, rows, width))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	tool, err := b.tool("data")
	if err != nil {
		return "", err
	}
	b.log("writing " + filepath.Base(path))
	_, _, err = measure.Run(b.ctx, measure.Program{Path: tool, Args: []string{"-kind", kind, "-o", path,
		"-n", strconv.Itoa(rows), "-width", strconv.Itoa(width)}})
	return path, err
}

func (b *bench) tickets() (string, error) { return b.data("tickets", b.rows, 0) }

// copies is how often a file is read in the jobs that are to take longer than
// ten seconds.
const copies = 8

// copied is a folder in which a file is several times.
func (b *bench) copied(in string) (string, error) {
	folder := filepath.Join(b.dir, "copies")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	for i := range copies { // the same bytes, so that they need no space
		if err := os.Link(in, filepath.Join(folder, fmt.Sprintf("%d.jsonl", i))); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// query asks DuckDB.
func (b *bench) query(sql string) ([]verify.Row, error) {
	tool, err := b.tool("duck")
	if err != nil {
		return nil, err
	}
	_, out, err := measure.Run(b.ctx, measure.Program{Path: tool, Stdin: sql, Args: []string{"-spill", b.dir}})
	if err != nil {
		return nil, err
	}
	var rows []verify.Row
	d := json.NewDecoder(strings.NewReader(out))
	for {
		var r verify.Row
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading DuckDB's answer: %w", err)
		}
		rows = append(rows, r)
	}
}

// one is query for an answer of one row.
func (b *bench) one(sql string) (verify.Row, error) {
	rows, err := b.query(sql)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("want an answer of one row, got %d to %s", len(rows), sql)
	}
	return rows[0], nil
}

// folder is where a contestant works. Spark takes a comma in a path for the end
// of one.
func (b *bench) folder(name string) string {
	plain := strings.NewReplacer(", ", "-", ",", "", " ", "-").Replace(name)
	return filepath.Join(b.dir, "run", plain)
}

// engine is a contestant that runs a config in an empty folder: out/ and
// .engine/ are made in it.
func (b *bench) engine(name, config string) measure.Contestant {
	dir := b.folder(name)
	return measure.Contestant{
		Name:  name,
		Clean: measure.Remove(dir),
		Program: func() measure.Program {
			b.mustWrite(dir, "job.yaml", config)
			return measure.Program{Path: b.tools["engine"], Args: []string{"run", "-q", "job.yaml"}, Dir: dir}
		},
	}
}

// duck is a contestant that runs SQL; RESULTS in it is the folder for the results.
func (b *bench) duck(name, sql string) measure.Contestant {
	dir := b.folder(name)
	return measure.Contestant{
		Name:  name,
		Clean: measure.Remove(dir),
		Program: func() measure.Program {
			b.mustWrite(dir, "job.sql", sql)
			return measure.Program{Path: b.tools["duck"], Args: []string{"-threads", "2", "-spill", dir},
				Stdin: inFolder(sql, dir)}
		},
	}
}

// inFolder names the folder of the results in a text.
func inFolder(text, dir string) string { return strings.ReplaceAll(text, "RESULTS", dir) }

// size is what the files of a folder take.
func size(folder string) (total int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// hand is a contestant: the program written by hand.
func (b *bench) hand(name string, args ...string) measure.Contestant {
	dir := b.folder(name)
	return measure.Contestant{
		Name:  name,
		Clean: measure.Remove(dir),
		Program: func() measure.Program {
			return measure.Program{Path: b.tools["hand"], Args: append([]string{"-out", dir}, args...)}
		},
	}
}

// mustWrite writes a file into the bench's own folder; if even that fails there
// is nothing left to measure.
func (b *bench) mustWrite(dir, name, text string) {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}
	if err != nil {
		panic(err)
	}
}

// grouped is a number with commas: 5,000,000.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) }
func megabytes(n int64) string       { return strconv.FormatFloat(float64(n)/1e6, 'f', 0, 64) }
func times(r float64) string         { return strconv.FormatFloat(r, 'f', 2, 64) + " ×" }
