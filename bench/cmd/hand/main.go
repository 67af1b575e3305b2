// Command hand is the report-and-archive job as a plain Go program: no windows
// that close, no recovery, no config; what one would write for this one file.
// Workers take chunks of the file in turn and each writes files of its own;
// what they counted is added up at the end.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

const chunkBytes = 1 << 20

func main() {
	in := flag.String("in", "", "file of JSON lines")
	out := flag.String("out", "", "folder for the results")
	workers := flag.Int("workers", 2, "goroutines that decode, count and write")
	archive := flag.Bool("archive", true, "write the rows themselves too")
	flag.Parse()
	debug.SetGCPercent(400)
	if err := run(*in, *out, *workers, *archive); err != nil {
		fmt.Fprintln(os.Stderr, "hand:", err)
		os.Exit(1)
	}
}

func run(in, out string, workers int, archive bool) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	var next atomic.Int64
	var wg sync.WaitGroup
	tables, errs := make([]*table, workers), make([]error, workers)
	for i := range workers {
		wg.Go(func() {
			tables[i], errs[i] = work(f, &next, out, i, archive)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, t := range tables[1:] {
		tables[0].add(t)
	}
	return tables[0].write(out)
}

// work takes chunks until there are no more.
func work(f *os.File, next *atomic.Int64, out string, id int, archive bool) (t *table, err error) {
	t = newTable()
	var to *archiver
	if archive {
		if to, err = newArchiver(out, id); err != nil {
			return nil, err
		}
	}
	s := scanner{}
	var b block
	buffer := make([]byte, 0, chunkBytes+64<<10)
	for {
		lines, err := chunk(f, next.Add(1)-1, buffer)
		if err != nil {
			return nil, err
		}
		if lines == nil {
			break
		}
		if err := s.scan(lines, &b); err != nil {
			return nil, err
		}
		t.count(&b)
		if to == nil {
			continue
		}
		if err := to.write(&b); err != nil {
			return nil, err
		}
	}
	if to != nil {
		return t, to.close()
	}
	return t, nil
}

// chunk is the lines that begin in the nth chunk of the file, or nil behind its
// end.
func chunk(f *os.File, nth int64, buffer []byte) ([]byte, error) {
	from, skip := nth*chunkBytes, 0
	if nth > 0 {
		from, skip = from-1, 1 // the byte before shows whether a line begins here
	}
	buffer = buffer[:chunkBytes+skip]
	n, err := f.ReadAt(buffer, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	buffer = buffer[:n]
	if n <= skip {
		return nil, nil
	}
	begin := 0
	if skip > 0 {
		for begin < n && buffer[begin] != '\n' {
			begin++
		}
		begin++
		if begin >= n {
			return []byte{}, nil
		}
	}
	var tail [4096]byte
	for buffer[len(buffer)-1] != '\n' { // the last line ends in the next chunk
		m, err := f.ReadAt(tail[:], from+int64(len(buffer)))
		for i := range m {
			if tail[i] == '\n' {
				return append(buffer[begin:], tail[:i+1]...), nil
			}
		}
		buffer = append(buffer, tail[:m]...)
		if errors.Is(err, io.EOF) {
			buffer = append(buffer, '\n')
		} else if err != nil {
			return nil, err
		}
	}
	return buffer[begin:], nil
}
