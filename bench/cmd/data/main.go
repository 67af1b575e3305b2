// Command data writes the files that the bench reads: lines of JSON, the same
// for the same seed. It is a program of its own because the memory that a
// process has used counts towards the peak of those it starts.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
)

func main() {
	kind := flag.String("kind", "tickets", "what a line is: tickets, keys or wide")
	rows := flag.Int("n", 1_000_000, "lines")
	width := flag.Int("width", 16, "columns of a wide line")
	seed := flag.Uint64("seed", 1, "same seed, same lines")
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if err := write(*out, *kind, *rows, *width, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "data:", err)
		os.Exit(1)
	}
}

func write(path, kind string, rows, width int, seed uint64) error {
	lines := newLines(rows, width, seed)
	next, ok := map[string]func([]byte) []byte{
		"tickets": lines.ticket,
		"keys":    lines.keys,
		"wide":    lines.appendManyColumns,
	}[kind]
	if !ok {
		return fmt.Errorf("kind: want tickets, keys or wide, got %q", kind)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var line []byte
	for range rows {
		line = next(line[:0])
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return f.Close()
}
