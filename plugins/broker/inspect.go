package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// damaged is a file that holds less than what was acknowledged.
type damaged struct {
	path string
	why  string
}

// Error names the file and the way on.
func (d *damaged) Error() string {
	return fmt.Sprintf("the file %s is damaged: %s; put it back from a copy together with the whole state directory, "+
		"or move the broker's folder away and run with --fresh to begin anew", d.path, d.why)
}

// inspect makes sure that a partition's files hold what they held. kfake would cut
// off whatever it cannot read, and all that lies behind: records that were
// acknowledged, for all that it says in a line of the log. A kill leaves no more
// than a batch at the very end that was not written to its end. Between files
// nothing is missing, unless they have been compacted.
func inspect(files []*segment, compacted bool) error {
	for i, f := range files {
		if f.broken || f.rest > 0 && i < len(files)-1 {
			return &damaged{f.data, fmt.Sprintf("what is in it from byte %d on, %d bytes, is no batch", f.size, f.rest)}
		}
		if i == 0 || compacted {
			continue
		}
		if before := files[i-1].next(); before != f.base {
			return &damaged{f.data, fmt.Sprintf("it begins at offset %d, and what there is before it ends at %d", f.base, before)}
		}
	}
	return nil
}

// noteFile lists the files of all partitions, and their bytes, as they are while the
// broker is closed. Nothing but a broker changes them.
const noteFile = "closed.json"

// note writes the list. Without one nothing is compared, so that an error is none.
func note(dir string) {
	sizes, err := partitionFiles(dir)
	if err != nil {
		return
	}
	if raw, err := json.Marshal(sizes); err == nil {
		_ = os.WriteFile(filepath.Join(dir, noteFile), raw, 0o644)
	}
}

// forgetNote is for a broker that is about to change its files.
func forgetNote(dir string) error {
	if err := os.Remove(filepath.Join(dir, noteFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// compare makes sure that what was noted is there.
func compare(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, noteFile))
	noted := map[string]int64{}
	if err != nil || json.Unmarshal(raw, &noted) != nil {
		return nil // the broker was killed, maybe while it wrote
	}
	are, err := partitionFiles(dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(noted)) {
		switch size, there := are[name]; {
		case !there:
			return &damaged{filepath.Join(dir, filepath.FromSlash(name)), "it is gone"}
		case size < noted[name]:
			return &damaged{filepath.Join(dir, filepath.FromSlash(name)), fmt.Sprintf("it has %d bytes, and had %d when the broker was closed",
				size, noted[name])}
		}
	}
	return nil
}

func partitionFiles(dir string) (map[string]int64, error) {
	files := os.DirFS(dir)
	names, err := fs.Glob(files, "partitions/*/*.dat")
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int64, len(names))
	for _, name := range names {
		info, err := fs.Stat(files, name)
		if err != nil {
			return nil, err
		}
		sizes[name] = info.Size()
	}
	return sizes, nil
}

// tornEnd tells whether bytes are the beginning of something that was not written
// to its end. First is how long it should be, 0 if that is not there yet; whole
// tells whether a whole one begins somewhere: then a length before it is wrong.
func tornEnd(raw []byte, first int, whole func(raw []byte) bool) bool {
	if first != 0 && first <= len(raw) {
		return false
	}
	for at := 1; at < len(raw); at++ {
		if whole(raw[at:]) {
			return false
		}
	}
	return true
}
