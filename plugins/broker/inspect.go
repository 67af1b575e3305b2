package broker

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// damaged is a file that holds less than what was acknowledged.
type damaged struct {
	path string
	why  string
	way  string // on; empty: only without all records
}

// Ways on where not all records are lost.
const (
	acceptLoss = "set defaults: {broker: {on_data_loss: continue}}, " +
		"or start engine broker with --on-data-loss continue"
	goOn = "or go on with the records that there are: " + acceptLoss
)

// Error names the file and the way on.
func (d *damaged) Error() string {
	way := cmp.Or(d.way, "or move the broker's folder away and run with --fresh to begin anew")
	return fmt.Sprintf("the file %s is damaged: %s; "+
		"put it back from a copy together with the whole state directory, %s", d.path, d.why, way)
}

// inspect makes sure that the files of a partition that was not closed hold batch
// after batch. kfake would truncate whatever it cannot read, and all that lies behind:
// records that were acknowledged, for all that it says in a line of the log. A kill
// leaves no more than a batch at the very end that was not written to its end, and
// maybe an empty file behind it. Files that are missing are none of its business: a
// kill amid the deletion of a topic leaves any of them.
func inspect(files []*segment) error {
	for i, f := range files {
		last := !slices.ContainsFunc(files[i+1:], func(f *segment) bool { return f.size > 0 })
		if f.broken || f.tail > 0 && !last {
			why := fmt.Sprintf("what is in it from byte %d on, %d bytes, is no batch", f.size, f.tail)
			return &damaged{path: f.data, why: why}
		}
	}
	return nil
}

// inspectFolder does it for a partition's folder, if there is one.
func inspectFolder(folder string) error {
	bases, err := segments(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files := make([]*segment, len(bases))
	for i, base := range bases {
		if err == nil {
			files[i], err = readSegment(folder, base)
		}
	}
	if err != nil {
		return err
	}
	return inspect(files)
}

// manifestFile lists the broker's files as they are while it is closed, behind a
// checksum. Nothing but a broker changes them.
const manifestFile = "closed.json"

// manifestEntry is a file's size and checksum. For segments the checksum covers the heads
// of the batches only: the payloads have CRCs of their own, which kfake verifies.
type manifestEntry struct {
	Size int64  `json:"size"`
	Sum  uint32 `json:"sum"`
}

// writeManifest stores the manifest. An error is ignored: without a manifest nothing is
// compared.
func writeManifest(dir string) {
	files, err := scanFiles(dir)
	if err != nil {
		return
	}
	if raw, err := json.Marshal(files); err == nil {
		storeManifest(dir, fmt.Appendf(nil, "%08x\n%s\n", castagnoli(raw), raw))
	}
}

func storeManifest(dir string, text []byte) {
	_ = os.WriteFile(filepath.Join(dir, manifestFile), text, 0o644)
}

// removeManifest comes before the files change.
func removeManifest(dir string) error {
	err := os.Remove(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// verifyManifest makes sure that the files are as the manifest says, and returns whether
// there is one. With accept, what was acknowledged need not be: its checksums are its own.
func verifyManifest(dir string, accept bool) (closed bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the broker was killed
	}
	if err != nil {
		return false, err
	}
	sum, raw, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	was := map[string]manifestEntry{}
	if want, err := strconv.ParseUint(string(sum), 16, 32); err != nil || uint32(want) != castagnoli(raw) ||
		json.Unmarshal(raw, &was) != nil {
		return false, nil // it was killed while it wrote this
	}
	is, err := scanFiles(dir)
	if err != nil {
		return false, err
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		d := &damaged{path: filepath.Join(dir, filepath.FromSlash(name))}
		if name == acknowledgedFile {
			d.way = goOn
		}
		switch now, there := is[name]; {
		case accept && name == acknowledgedFile:
			continue
		case !there:
			d.why = "it is gone"
		case now.Size != was[name].Size:
			d.why = fmt.Sprintf("it has %d bytes, and had %d when the broker was closed", now.Size, was[name].Size)
		case now.Sum != was[name].Sum:
			d.why = "it is not what it was when the broker was closed"
		default:
			continue
		}
		return false, d
	}
	return true, nil
}

// scanFiles lists all files but those that are of no consequence.
func scanFiles(dir string) (map[string]manifestEntry, error) {
	files, found := os.DirFS(dir), map[string]manifestEntry{}
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == manifestFile || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		sum := sumOf
		if strings.HasSuffix(name, ".dat") {
			sum = sumOfHeads
		}
		n := manifestEntry{Size: info.Size()}
		n.Sum, err = sum(filepath.Join(dir, filepath.FromSlash(name)))
		found[name] = n
		return err
	})
	return found, err
}

func sumOf(path string) (uint32, error) {
	raw, err := os.ReadFile(path)
	return castagnoli(raw), err
}

func sumOfHeads(path string) (sum uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, batchHead)
	for at := int64(0); ; at += batchLead + int64(binary.BigEndian.Uint32(head[8:])) {
		n, err := f.ReadAt(head, at)
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), head[:n])
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
